"""Events per second of a rebuild beside the bare insert of the very same rows.

The tape that the ledger agent has written is projected; then a second version is built beside the live one, compared
and switched in. The peer puts the same rows into empty copies of the tables (bench.projector).

By itself: `python -m bench.rebuild --commands 20000`.
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

from rich.console import Console

from bench import ledger_agent, projector
from bench.world import servers
from projections.groups import LEDGER
from projections.rebuild import work
from projections.rebuild.build import Build
from projections.rebuild.onrecord import Order
from runtime.clients import postgres
from runtime.settings import Settings
from streams.tape import end_offsets


class Round(NamedTuple):
    """Per second: tape records rebuilt, and the rows that this gave; rows that the bare insert puts.

    still_ms: how long the live projection stood still for the comparison and the switch.
    """

    events: float
    rows: float
    unnest_rows: float
    still_ms: float


class _Silent:
    """Tells nobody."""

    def say(self, text: str) -> None: ...

    def check(self) -> None: ...

    def hold(self) -> None: ...


def run_round(settings: Settings) -> Round:
    """One round over `ledger.events`, which is projected already. The tables are the new version's afterwards."""
    total = sum(end_offsets(settings, settings.topic(LEDGER.topic)).values())

    def told(_: Build, __: int) -> None: ...

    began = time.perf_counter()
    work.rebuild(settings, LEDGER, _Silent(), told)
    seconds = time.perf_counter() - began
    result = work.switch_in(settings, LEDGER, Order("bench", "measuring"), None, _Silent(), told)
    tables = tuple(table for table in projector.TABLES if table in LEDGER.tables)
    with postgres(settings) as connection:
        rows = sum(projector.count(connection, table) for table in tables)
        copied, copying_s = projector.copy(connection, tables)
    assert copied == rows
    return Round(total / seconds, rows / seconds, copied / copying_s, result.stood_still_s * 1_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=20_000)
    options = parser.parse_args()
    with servers() as base:
        _, settings = ledger_agent.run_round(base, options.commands)
        projected = projector.run_round(settings)
        rebuilt = run_round(settings)
    Console().print(
        f"rebuild: {rebuilt.events:,.0f} events/s, {rebuilt.rows:,.0f} rows/s; bare unnest of the same rows "
        f"{rebuilt.unnest_rows:,.0f} rows/s, ratio {rebuilt.rows / rebuilt.unnest_rows:.2f}; the projector "
        f"{projected.projector_events:,.0f} events/s; stood still {rebuilt.still_ms:,.0f} ms",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
