"""A wall clock that the harness can set: each worker adds an offset that it reads from a file of eight bytes."""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path

_OFFSET = struct.Struct("<q")


class ClockOffset:
    """The offset of one worker's clock, microseconds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(0)

    def set(self, offset_us: int) -> None:
        """Takes effect at the worker's next look at its clock. The file is written in place: it is mapped."""
        packed = _OFFSET.pack(offset_us)
        if self.path.exists():
            with self.path.open("r+b") as file:
                file.write(packed)
        else:
            self.path.write_bytes(packed)


def install(path: Path) -> None:
    """Make runtime.clock.now_us add the offset. To be called before anything imports it from there."""
    import runtime.clock

    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), _OFFSET.size, prot=mmap.PROT_READ)

    def now_us() -> int:
        offset: int = _OFFSET.unpack(mapped[:])[0]
        return time.time_ns() // 1_000 + offset

    runtime.clock.now_us = now_us
