"""Ports that stay the same from one start to the next.

They are taken from below the kernel's ephemeral range (32768 on Linux). A port inside it may, while its server is down,
be given to any outgoing connection, even to a client that is trying to reach that very server.
"""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Sequence
from pathlib import Path

from runtime.embedded.process import write_atomically

_FIRST, _LAST = 20_000, 32_000
_ATTEMPTS_MAX = 1_000


def is_free(port: int) -> bool:
    """Nothing listens on 127.0.0.1:port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A free port below the ephemeral range."""
    for _ in range(_ATTEMPTS_MAX):
        port = random.randint(_FIRST, _LAST)
        if is_free(port):
            return port
    raise OSError(f"found no free port between {_FIRST} and {_LAST} on 127.0.0.1 in {_ATTEMPTS_MAX} attempts")


def remembered_ports(path: Path, names: Sequence[str]) -> dict[str, int]:
    """One port for each name, those of last time where nobody else has taken them. `path` holds them between starts."""
    known: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    ports = {name: known[name] if name in known and is_free(known[name]) else free_port() for name in names}
    if ports != {name: known.get(name) for name in names}:
        write_atomically(path, json.dumps({**known, **ports}))
    return ports
