"""What each kind of fault costs: decisions of orders while it lasts and just after, beside the same run's quiet time.

The fault harness (tests/faults) runs one schedule with every kind of fault, far enough apart to be told from one
another, under a steady load through the gateway. Rates are shares of the rate before the first fault; times are from
the fault to the next decision of an order on the partition that waited longest.
"""

from __future__ import annotations

from statistics import median
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from tests.faults.run import run
from tests.faults.schedule import Fault

QUIET_S = 10.0
APART_S = 15.0
_KINDS = (
    Fault(0, "kill", "ledger-1"),
    Fault(0, "kill", "ledger-2"),
    Fault(0, "kill", "engine-1"),
    Fault(0, "kill", "projector-1"),
    Fault(0, "kill", "api"),
    Fault(0, "freeze", "ledger-1", 5.0),
    Fault(0, "freeze", "engine-1", 5.0),
    Fault(0, "kill_server", "kafka", 0.5),
    Fault(0, "kill_server", "postgres", 2.0),
    Fault(0, "kill_server", "valkey", 2.0),
    Fault(0, "flush", "valkey"),
    Fault(0, "rebalance_storm", "ledger", 5.0, 2),
    Fault(0, "cut", "kafka-ledger-1", 3.0),
    Fault(0, "silence", "postgres", 4.0),
    Fault(0, "slow", "kafka-rest", 4.0, 0.3),
    Fault(0, "disk_full", "kafka", 2.0),
    Fault(0, "clock_jump", "ledger-1", 4.0, 100),
)


class Cost(NamedTuple):
    """during, after: shares of the quiet rate, None where nothing lasted. recovery_s: None where nobody waited."""

    fault: str
    recovery_s: float | None
    during: float | None
    after: float | None


def schedule() -> list[Fault]:
    return [fault._replace(at_s=QUIET_S + APART_S * number) for number, fault in enumerate(_KINDS)]


def run_round(seed: int) -> list[Cost]:
    """One run. Raises RuntimeError when a promise was broken: what a broken ledger costs is no figure."""
    verdict = run(seed, QUIET_S + APART_S * len(_KINDS), faults=schedule(), venue="exchange")
    if verdict.violations or verdict.figures is None:
        raise RuntimeError(f"seed {seed} broke a promise: {verdict.violations[:3]}")
    found = verdict.figures
    return [
        Cost(
            f"{each.fault.kind} {each.fault.target}" + (f", {each.fault.lasts_s:g} s" if each.fault.lasts_s else ""),
            each.recovery_s,
            None if each.during is None else each.during / found.quiet,
            each.after / found.quiet,
        )
        for each in found.effects
    ]


def show(console: Console, rounds: list[list[Cost]]) -> None:
    table = Table("fault", "next decision, s", "rate during", "rate after", title=f"faults, {len(rounds)} rounds")
    for costs in zip(*rounds, strict=True):
        table.add_row(
            costs[0].fault,
            _middle([cost.recovery_s for cost in costs], "{:.1f}"),
            _middle([cost.during for cost in costs], "{:.0%}"),
            _middle([cost.after for cost in costs], "{:.0%}"),
        )
    console.print(table)


def _middle(values: list[float | None], form: str) -> str:
    known = [value for value in values if value is not None]
    return form.format(median(known)) if known else "-"
