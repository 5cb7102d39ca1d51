"""The guard: `python -m runtime.embedded.guard HOME` waits until its parent ends, then stops what that left.

Its standard input is a pipe that nobody writes to. The kernel closes the parent's end when the parent ends, in whatever
way, kill -9 included. What is left is what `<home>/run` records: workers first, servers last.
"""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runtime.embedded import process

SERVERS = ("kafka", "postgres", "valkey")
_NOT_CHILDREN = ("guard", "owner")
_TAKE_OVER_S = 40.0
_FAST_STOP = {"postgres": signal.SIGINT}


def stop_recorded(home: Path, timeout_s: float = 10.0) -> list[str]:
    """Stop every recorded process of this home that still lives; the names of those that did."""
    run = home / "run"
    records = process.recorded(run)
    children = [name for name in records if name not in _NOT_CHILDREN]
    stopped: list[str] = []
    for group in ([n for n in children if n not in SERVERS], [n for n in children if n in SERVERS]):
        living = {name: found for name in group if (found := records[name].process()) is not None}
        with ThreadPoolExecutor(max_workers=max(1, len(living))) as pool:
            for name, each in living.items():
                pool.submit(process.stop, each, timeout_s, _FAST_STOP.get(name, signal.SIGTERM))
        for name in group:
            process.forget(run, name)
        stopped.extend(living)
    return stopped


def take_over(home: Path) -> list[str]:
    """End what an earlier owner left: wait for its guard, which does that; where it was killed too, do it here."""
    earlier = process.recorded(home / "run").get("guard")
    if earlier is not None and (running := earlier.process()) is not None:
        process.wait_gone(running, _TAKE_OVER_S)
    return stop_recorded(home)


def main() -> None:
    home = Path(sys.argv[1])
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    stop_recorded(home)


if __name__ == "__main__":
    main()
