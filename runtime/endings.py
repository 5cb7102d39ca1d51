"""Why a worker ended: what it leaves in `<home>/run/NAME.ending`, so that `tape status` can say it.

An error that trying again cannot heal (domain.errors) is exit code HALTED: the supervisor does not start that worker
again by itself, since the next one would meet the same records.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from domain.errors import TapeledgerError, UnavailableError
from runtime.embedded.process import write_atomically

HALTED = 3
_REASON_CHARS_MAX = 2_000


def is_final(error: BaseException) -> bool:
    """Whether starting again would meet the same error."""
    return isinstance(error, TapeledgerError) and not isinstance(error, UnavailableError)


def leave(home: Path, name: str, error: BaseException) -> int:
    """Write down why this process ends; gives its exit code. A folder that takes no file is no reason to fail."""
    reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:_REASON_CHARS_MAX]
    with contextlib.suppress(OSError):
        (home / "run").mkdir(parents=True, exist_ok=True)
        text = json.dumps({"pid": os.getpid(), "reason": reason})
        write_atomically(home / "run" / f"{name}.ending", text, durable=False)
    return HALTED if is_final(error) else 1


def reason(home: Path, name: str, pid: int) -> str | None:
    """What process `pid` left; None where it left nothing."""
    try:
        found = json.loads((home / "run" / f"{name}.ending").read_text())
        return str(found["reason"]) if found["pid"] == pid else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
