"""A real worker that does nothing, for the supervisor's tests. TINY says how it misbehaves.

ends, hangs, deaf; torn: meets a broken tape; alone: misses a server.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from domain.errors import ChainError, UnavailableError
from runtime import health
from runtime.settings import Settings


def run(settings: Settings) -> None:
    """Ready at once, until SIGTERM. Prints its topic prefix, so that tests see which settings reached it."""
    conduct = os.environ.get("TINY", "")
    print(f"prefix {settings.topic_prefix}", flush=True)  # noqa: T201
    if conduct == "ends":
        sys.exit("tiny has had enough")
    if conduct == "torn":
        raise ChainError("t1.ledger.events", 2, 17, "it was changed")
    if conduct == "alone":
        raise UnavailableError("no server is there")
    stop = threading.Event()
    ignored = conduct == "deaf"
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN if ignored else lambda *_: stop.set())
    state = health.serve(settings, "tiny")
    state.beat()
    state.ready(True)
    while not stop.wait(0.05):
        if conduct != "hangs":
            state.beat()
    state.close()
