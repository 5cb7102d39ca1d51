"""What a run measured: how many orders were accepted in quiet times, during each kind of fault and after it, and how
long after a kill the next order was accepted."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from tests.faults.house import House
from tests.faults.load import Load
from tests.faults.rawtape import Event, Raw
from tests.faults.schedule import Fault

AFTER_MS = 5_000


class Figures(NamedTuple):
    """Times in seconds, rates in accepted or rejected orders per second.

    recovery: kind and target of a fault -> per occurrence, the longest time until the next decision of an order on any
    partition that had one within AFTER_MS before. during, after: kind -> rates. Both hold what happened to be measured.
    """

    orders: int
    fills: int
    dead: int
    answers: dict[int, int]
    restarts: int
    recovery: dict[str, list[float]]
    during: dict[str, list[float]]
    after: dict[str, list[float]]


def figures(
    done: Sequence[tuple[int, Fault]],
    began_ms: int,
    tape: Sequence[Event],
    raw: dict[int, list[Raw]],
    load: Load,
    house: House,
) -> Figures:
    decided = [e for e in tape if e.kind in ("OrderAccepted", "OrderRejected") and e.raw.time_ms >= began_ms]
    times: dict[int, list[int]] = defaultdict(list)
    for event in decided:
        times[event.raw.partition].append(event.raw.time_ms)
    recovery: dict[str, list[float]] = defaultdict(list)
    during: dict[str, list[float]] = defaultdict(list)
    after: dict[str, list[float]] = defaultdict(list)
    for at_ms, fault in done:
        if fault.kind in ("kill", "kill_server", "freeze"):
            gaps = [gap for of_partition in times.values() if (gap := _gap(of_partition, at_ms)) is not None]
            if gaps:
                recovery[f"{fault.kind} {fault.target}"].append(max(gaps))
        end_ms = at_ms + int(fault.lasts_s * 1_000)
        if fault.lasts_s:
            during[fault.kind].append(_rate(decided, at_ms, end_ms))
        after[fault.kind].append(_rate(decided, end_ms, end_ms + AFTER_MS))
    return Figures(
        orders=len(decided),
        fills=sum(1 for e in tape if e.kind == "OrderFilled"),
        dead=sum(len(records) for records in raw.values()) - len(tape),
        answers=dict(sorted(load.answers.items())),
        restarts=sum(house.restarts.values()),
        recovery=dict(recovery),
        during=dict(during),
        after=dict(after),
    )


def _gap(times: list[int], at_ms: int) -> float | None:
    """Seconds from a moment to the next decision; None when the partition was idle before, or afterwards for good."""
    if not any(at_ms - AFTER_MS <= time_ms < at_ms for time_ms in times):
        return None
    return next(((time_ms - at_ms) / 1_000 for time_ms in sorted(times) if time_ms >= at_ms), None)


def _rate(decided: Sequence[Event], from_ms: int, to_ms: int) -> float:
    return sum(1 for e in decided if from_ms <= e.raw.time_ms < to_ms) / max(0.001, (to_ms - from_ms) / 1_000)


def middle(values: Sequence[float]) -> str:
    """Median and most, for people."""
    return f"{statistics.median(values):6.2f} {max(values):6.2f} {len(values):4d}"
