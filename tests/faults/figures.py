"""What a run measured: decisions of orders in quiet times, during each fault and after it, and how long until the next
one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from tests.faults.house import House
from tests.faults.load import Load
from tests.faults.rawtape import Event, Raw
from tests.faults.schedule import Fault

AFTER_MS = 5_000


class Effect(NamedTuple):
    """One fault's. Rates in decisions of orders per second; `during` only where the fault lasted.

    recovery_s: from the fault to the next decision, on the partition that waited longest among those that decided
    something within AFTER_MS before; None where there was none.
    """

    fault: Fault
    recovery_s: float | None
    during: float | None
    after: float


class Figures(NamedTuple):
    """replaced: orders whose venue took other terms. quiet: decisions of orders per second before the first fault."""

    orders: int
    groups: int
    replaced: int
    fills: int
    dead: int
    answers: dict[str, int]
    restarts: int
    quiet: float
    effects: list[Effect]


def figures(
    done: Sequence[tuple[int, Fault]],
    began_ms: int,
    tape: Sequence[Event],
    raw: dict[int, list[Raw]],
    load: Load,
    house: House,
) -> Figures:
    """done: the faults with the wall time at which they happened, milliseconds."""
    decided = [e for e in tape if e.kind in ("OrderAccepted", "OrderRejected") and e.raw.time_ms >= began_ms]
    first_ms = done[0][0] if done else (decided[-1].raw.time_ms if decided else began_ms + 1)
    return Figures(
        orders=len(decided),
        groups=sum(1 for e in tape if e.kind == "OrderGroupAccepted"),
        replaced=sum(1 for e in tape if e.kind == "OrderReplaced"),
        fills=sum(1 for e in tape if e.kind == "OrderFilled"),
        dead=sum(len(records) for records in raw.values()) - len(tape),
        answers=dict(sorted(load.answers.items())),
        restarts=sum(house.restarts.values()),
        quiet=_rate(decided, began_ms, first_ms),
        effects=[_effect(decided, at_ms, fault) for at_ms, fault in done],
    )


def _effect(decided: Sequence[Event], at_ms: int, fault: Fault) -> Effect:
    times: dict[int, list[int]] = defaultdict(list)
    for event in decided:
        times[event.raw.partition].append(event.raw.time_ms)
    gaps = [gap for of_partition in times.values() if (gap := _gap(of_partition, at_ms)) is not None]
    end_ms = at_ms + int(fault.lasts_s * 1_000)
    return Effect(
        fault,
        max(gaps, default=None),
        _rate(decided, at_ms, end_ms) if fault.lasts_s else None,
        _rate(decided, end_ms, end_ms + AFTER_MS),
    )


def _gap(times: list[int], at_ms: int) -> float | None:
    """Seconds from a moment to the next decision; None when the partition was idle before, or afterwards for good."""
    if not any(at_ms - AFTER_MS <= time_ms < at_ms for time_ms in times):
        return None
    return next(((time_ms - at_ms) / 1_000 for time_ms in sorted(times) if time_ms >= at_ms), None)


def _rate(decided: Sequence[Event], from_ms: int, to_ms: int) -> float:
    return sum(1 for e in decided if from_ms <= e.raw.time_ms < to_ms) / max(0.001, (to_ms - from_ms) / 1_000)
