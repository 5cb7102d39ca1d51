"""Corrections and busts of executions, on their way from the venue to the ledger (decision 0023).

They may come long after the order has ended, to a worker that never held it, and name the execution as the venue calls
it now. The ledger wants the account, and the name under which the fill was first reported. Both stand in the read
side's tables once the ledger has the fill, and after a correction its report, whose id is derived from the new name. So
an amendment waits until what it is about is on record. Every worker hears every amendment and reports it under the same
id, and the ledger takes it once.

Of an open order nothing more is counted here meanwhile: what is left of it follows from what the ledger makes of the
amendment, so it is asked for a fresh dispatch behind it.

Boundaries: what no worker heard, for the stream was away, nobody tells; what is not on record within _PATIENCE_S is
given up. Both are counted or found as breaks (execution.reconcile). Fees stay those of the venue's executions.
Verification: tests/execution/test_amendments.py, tests/execution/alpaca/test_amending_books.py.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import psycopg

from domain import ids
from domain.numbers import ZERO
from domain.reports import ReportBusted, ReportCorrected
from execution.readside import connection_of
from execution.reports import Sender
from execution.venue import Amendment, Correction
from runtime import metrics
from runtime.clients import postgres_reader
from runtime.clock import now_us
from runtime.settings import Settings

log = logging.getLogger(__name__)
WAITING_MAX = 10_000
NO_EPOCH = 0
"""An amendment is of no dispatch: whoever tells of it, its id is the same."""
_LOOK_S = 0.2
_PATIENCE_S = 600.0
_CONNECTION = connection_of("amendments")
# By the name it was first reported under, else by the report that gave it the name.
_FIND = """
select account_id, execution_id from fills where execution_id = %(previous)s and order_id = %(order)s
union all
select c.account_id, c.execution_id from fills f join fill_corrections c using (execution_id)
where f.order_id = %(order)s and c.report_id = %(report)s
limit 1
"""


class Orders(Protocol):
    """The orders that this worker holds (execution.desk.Desk)."""

    def stop_counting(self, order_id: str) -> None:
        """Say nothing more of the order under this dispatch."""

    def dispatch_again(self, order_id: str) -> None:
        """Ask the ledger for a fresh dispatch, if the order is held."""


class OnRecord(NamedTuple):
    """A fill that the ledger has. execution_id: as it was first reported."""

    account_id: str
    execution_id: str


class _Waiting(NamedTuple):
    """since_s: monotonic time."""

    order_id: str
    amendment: Amendment
    since_s: float


class Amendments:
    """run() for ever, in a worker whose venue is Amending. venue: its name, for the reason in the books."""

    def __init__(self, settings: Settings, sender: Sender, orders: Orders, worker_id: str, venue: str) -> None:
        self._settings = settings
        self._sender = sender
        self._orders = orders
        self._worker_id = worker_id
        self._venue = venue
        self._waiting: list[_Waiting] = []
        self._is_away = False

    def hear(self, order_id: str, amendment: Amendment) -> None:
        """An AmendmentListener."""
        self._orders.stop_counting(order_id)
        if len(self._waiting) < WAITING_MAX:
            self._waiting.append(_Waiting(order_id, amendment, time.monotonic()))
        else:
            self._give_up(order_id, amendment, f"{WAITING_MAX} others wait")

    async def run(self) -> None:
        """Tell the ledger of what is on record. Raises UnavailableError when Kafka's client is full."""
        while True:
            await asyncio.sleep(_LOOK_S)
            if not self._waiting:
                continue
            try:
                await self.look()
            except psycopg.Error as error:
                if not self._is_away:
                    log.warning("amendments wait until the fills can be read: %s", error)
                self._is_away = True
            else:
                self._is_away = False

    async def look(self) -> None:
        """Report the amendments whose fills are on record. Raises psycopg.Error."""
        waiting = list(self._waiting)
        found = await asyncio.to_thread(find, self._settings, waiting)
        for one, fill in zip(waiting, found, strict=True):
            if fill is not None:
                self._waiting.remove(one)
                self._report(one, fill)
            elif time.monotonic() - one.since_s > _PATIENCE_S:
                self._waiting.remove(one)
                self._give_up(one.order_id, one.amendment, f"the ledger has no such fill after {_PATIENCE_S:.0f} s")

    def _report(self, one: _Waiting, fill: OnRecord) -> None:
        report = report_of(one.order_id, one.amendment, fill, self._venue, self._worker_id)
        self._sender.send(report, None, _nothing)
        self._orders.dispatch_again(one.order_id)
        log.warning("%s", report.reason, extra={"order_id": one.order_id})

    def _give_up(self, order_id: str, amendment: Amendment, why: str) -> None:
        metrics.venue_amendments_lost_total.inc()
        log.error("the books do not follow %s: %s; reconcile by hand", amendment, why, extra={"order_id": order_id})
        self._orders.dispatch_again(order_id)


def find(settings: Settings, waiting: Sequence[_Waiting]) -> list[OnRecord | None]:
    """The fill of each that is on record. Blocks. Raises psycopg.Error."""
    with postgres_reader(settings, **_CONNECTION) as connection:
        rows = [connection.execute(_FIND, _parameters(one)).fetchone() for one in waiting]
    return [None if row is None else OnRecord(*row) for row in rows]


def _parameters(one: _Waiting) -> dict[str, str]:
    previous = one.amendment.previous_execution_id
    return {"previous": previous, "order": one.order_id, "report": _report_id("corrected", one.order_id, previous)}


def _report_id(kind: str, order_id: str, execution_id: str) -> str:
    return ids.report_id(kind, order_id, NO_EPOCH, execution_id)


def report_of(
    order_id: str, amendment: Amendment, fill: OnRecord, venue: str, worker_id: str
) -> ReportCorrected | ReportBusted:
    """The same report whoever makes it, but for the worker and its clock."""
    is_correction = isinstance(amendment, Correction)
    what = f"is now {amendment.execution_id}" if is_correction else f"is void by {amendment.execution_id}"
    about: dict[str, Any] = {
        "report_id": _report_id("corrected" if is_correction else "busted", order_id, amendment.execution_id),
        "account_id": fill.account_id,
        "order_id": order_id,
        "dispatch_epoch": NO_EPOCH,
        "worker_id": worker_id,
        "reported_at_us": now_us(),
        "execution_id": fill.execution_id,
        "reason": f"{venue}: {amendment.previous_execution_id} {what}",
    }
    if isinstance(amendment, Correction):
        return ReportCorrected(quantity=amendment.quantity, price=amendment.price, fee=ZERO, **about)
    return ReportBusted(**about)


def _nothing() -> None:
    """An amendment is not among the reports that a watermark counts."""
