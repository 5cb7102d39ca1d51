"""Events per second of a rebuild beside the bare insert of the very same rows.

The tape that the ledger agent has written is projected; then a second version is built beside the live one, compared
and switched in. The peer puts the same rows into empty copies of the tables (bench.projector).
"""

from __future__ import annotations

import time
from typing import NamedTuple

from bench import projector
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
