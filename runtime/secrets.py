"""The keys that a home has for itself: the API's root key, and the one that signs access tokens.

They stand in `<home>/secrets.json`, which only its owner can read. They are made at random when `tape up` first starts
there, and stay. What the environment gives comes before them.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from domain.errors import UnavailableError
from runtime.embedded.process import write_atomically

FIELDS = ("api_root_key", "auth_signing_keys")


def path(home: Path) -> Path:
    return home / "secrets.json"


def read(home: Path) -> dict[str, str]:
    """Setting's name -> key; nothing where no file is. Raises UnavailableError for a file that is not ours."""
    try:
        found = json.loads(path(home).read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UnavailableError(f"{path(home)} is no JSON; it holds the API's keys, and can be removed") from error
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in FIELDS):
        raise UnavailableError(f"expected {', '.join(FIELDS)} in {path(home)}; it can be removed, and is made anew")
    return {name: found[name] for name in FIELDS}


def ensure(home: Path) -> dict[str, str]:
    """The same, made where they are not there yet."""
    if not path(home).exists():
        home.mkdir(parents=True, exist_ok=True)
        made = {"api_root_key": f"tk_root_{secrets.token_hex(32)}", "auth_signing_keys": secrets.token_hex(32)}
        write_atomically(path(home), json.dumps(made, indent=2), 0o600)
    return read(home)
