"""Child processes that are known by a file in `<home>/run`, so that a later `tape` finds them or knows they are gone.

A child leads a session of its own: a signal to our group (Ctrl-C in a terminal) does not reach it. A pid alone proves
nothing, since pids are reused; with the start time of the process it does.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

LOG_BYTES_MAX = 20_000_000
_START_TIME_TOLERANCE_S = 2.0


@dataclass(frozen=True)
class ProcessRecord:
    """What `<home>/run/NAME.json` holds. started_at: seconds since 1970, as the kernel tells it."""

    name: str
    pid: int
    started_at: float

    def process(self) -> psutil.Process | None:
        """The very process, if it still runs. A zombie is dead."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started_at) < _START_TIME_TOLERANCE_S
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def record(run: Path, name: str, pid: int) -> None:
    """Write down that process `pid` is `name`. Atomic. A process that is already gone leaves no record."""
    with contextlib.suppress(psutil.NoSuchProcess):
        entry = ProcessRecord(name, pid, psutil.Process(pid).create_time())
        run.mkdir(parents=True, exist_ok=True)
        write_atomically(run / f"{name}.json", json.dumps(asdict(entry)))


def recorded(run: Path) -> dict[str, ProcessRecord]:
    """All records by name, of living and dead processes."""
    found = {}
    for path in sorted(run.glob("*.json")):
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
            entry = ProcessRecord(**json.loads(path.read_text()))
            found[entry.name] = entry
    return found


def forget(run: Path, name: str) -> None:
    (run / f"{name}.json").unlink(missing_ok=True)


def write_atomically(path: Path, text: str, mode: int = 0o644, *, durable: bool = True) -> None:
    """A reader sees the old text or the new text, never a part. durable: also after a power cut."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    temporary.replace(path)


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    user: int | None = None,
    group: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, with its output appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_name(log.name + ".1"))
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=None if env is None else dict(env),
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )


def stop(process: psutil.Process, timeout_s: float, signal_number: int = signal.SIGTERM) -> bool:
    """Ask a process to end, kill it and its children when it has not after timeout_s. True: it ended by itself."""
    try:
        children = process.children(recursive=True)
        process.send_signal(signal_number)
    except psutil.NoSuchProcess:
        return True
    if wait_gone(process, timeout_s):
        return True
    for each in (process, *children):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    wait_gone(process, 5)
    return False


def wait_gone(process: psutil.Process, timeout_s: float) -> bool:
    """True once the process has ended; a zombie that its parent has not yet reaped has ended."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)


def tail(log: Path, lines: int = 12, bytes_max: int = 16_384) -> str:
    """The last lines of a log, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - bytes_max))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "(no log)"
