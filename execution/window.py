"""The newest ticks, in memory: bounded per partition, found by symbol and position."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import takewhile

from domain.market import TickAt, TickRef


class _Partition:
    """start: from here on every tick is held. next: the offset after the newest tick. done: see `TickWindow.done`."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.next = self.done = start
        self.ticks: deque[TickAt] = deque()
        self.by_symbol: dict[str, deque[TickAt]] = {}


class TickWindow:
    """At most `ticks_max` ticks of each partition, the newest."""

    def __init__(self, ticks_max: int) -> None:
        assert ticks_max > 0, f"the window needs room, ticks_max was {ticks_max}"
        self._ticks_max = ticks_max
        self._partitions: dict[int, _Partition] = {}
        self._newest: dict[str, TickAt] = {}

    def open(self, partition: int, start: int) -> None:
        """Ticks of the partition will be added from offset `start` on."""
        self._partitions[partition] = _Partition(start)

    def add(self, tick: TickAt) -> None:
        """Take the next tick of its partition; the oldest goes when there is no room."""
        held = self._partitions[tick.ref.partition]
        assert tick.ref.offset >= held.next, f"offset {tick.ref.offset} comes after {held.next - 1}"
        held.next = tick.ref.offset + 1
        held.ticks.append(tick)
        held.by_symbol.setdefault(tick.tick.symbol, deque()).append(tick)
        known = self._newest.get(tick.tick.symbol)
        if known is None or known.ref.market_time_us <= tick.ref.market_time_us:
            self._newest[tick.tick.symbol] = tick
        if len(held.ticks) > self._ticks_max:
            oldest = held.ticks.popleft()
            dropped = held.by_symbol[oldest.tick.symbol].popleft()
            assert dropped is oldest, "both indexes drop the same tick"
            held.start = oldest.ref.offset + 1

    def have_met(self, until: Mapping[int, int]) -> None:
        """Of each partition all records before this offset are dealt with: orders have met what was a tick."""
        for partition, offset in until.items():
            self._partitions[partition].done = offset

    def done(self, partition: int) -> int:
        """The offset before which all records are dealt with."""
        return self._partitions[partition].done

    @property
    def partitions(self) -> list[int]:
        return list(self._partitions)

    def knows(self, partition: int) -> bool:
        """Whether there is such a partition."""
        return partition in self._partitions

    def newest(self, symbol: str) -> TickRef | None:
        """The position of the symbol's newest tick; None when there never was one that is still held."""
        tick = self._newest.get(symbol)
        return None if tick is None else tick.ref

    def start(self, partition: int) -> int:
        """The first offset from which on every tick is held."""
        return self._partitions[partition].start

    def covers(self, position: TickRef | None) -> bool:
        """Whether every tick after `position` is held."""
        return position is None or self._partitions[position.partition].start <= position.offset + 1

    def after(self, symbol: str, position: TickRef) -> list[TickAt]:
        """The held ticks of a symbol that come after `position`, oldest first."""
        ticks = self._partitions[position.partition].by_symbol.get(symbol, deque())
        later = list(takewhile(lambda tick: tick.ref.offset > position.offset, reversed(ticks)))
        later.reverse()
        return later
