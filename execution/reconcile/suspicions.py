"""Which differences are breaks, and which breaks are resolved. Pure; times are given.

The venue's answer, the ledger and its projection are of different moments, so a difference may be nothing but a report
on its way. It counts when every look since the first has had it, for the grace at least and for two looks at least,
and when the projection has passed the place where the tape ended at the first look: then what was on the tape by that
moment is in the picture. An open break is resolved by the same rule, when looks no longer have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from execution.reconcile.compare import Difference

AGAIN_S = 60.0
"""What was said and is not on record after this long is said again: the ledger may have refused it as outdated."""

Places = Mapping[int, int]
"""Partition of ledger.events -> the first offset that is not there, or not projected, yet."""


class Look(NamedTuple):
    """One comparison. at_s: monotonic; at_us: wall clock. ends: of the tape, read after the venue was asked.

    differences: by break id. open: ids of the breaks on record. judged: those of them that this look could see.
    """

    at_s: float
    at_us: int
    ends: Places
    progress: Places
    differences: Mapping[str, Difference]
    open: frozenset[str]
    judged: frozenset[str]


class Verdict(NamedTuple):
    """found: breaks by id, with the wall clock of their first look. resolved: ids."""

    found: dict[str, tuple[Difference, int]]
    resolved: list[str]


@dataclass(slots=True)
class _Since:
    """The first look at something; said_at_s: when it was said."""

    at_s: float
    at_us: int
    ends: Places
    said_at_s: float | None = None


class Suspicions:
    """Remembers what was seen from look to look."""

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._seen: dict[str, _Since] = {}
        self._healed: dict[str, _Since] = {}

    def look(self, look: Look) -> Verdict:
        """What this look makes certain."""
        suspected = look.differences.keys() - look.open
        healed = (look.open & look.judged) - look.differences.keys()
        return Verdict(
            {
                break_id: (look.differences[break_id], self._seen[break_id].at_us)
                for break_id in self._certain(self._seen, suspected, look)
            },
            list(self._certain(self._healed, healed, look)),
        )

    def _certain(self, memory: dict[str, _Since], now: Iterable[str], look: Look) -> list[str]:
        wanted = sorted(now)
        for break_id in memory.keys() - set(wanted):
            del memory[break_id]
        certain = []
        for break_id in wanted:
            since = memory.get(break_id)
            if since is None:
                memory[break_id] = _Since(look.at_s, look.at_us, look.ends)
            elif self._is_certain(since, look):
                since.said_at_s = look.at_s
                certain.append(break_id)
        return certain

    def _is_certain(self, since: _Since, look: Look) -> bool:
        if since.said_at_s is not None and look.at_s - since.said_at_s < AGAIN_S:
            return False
        passed = all(look.progress.get(partition, 0) >= end for partition, end in since.ends.items())
        return passed and look.at_s - since.at_s >= self._grace_s
