"""The paper venue's side of a comparison.

The paper venue holds nothing. What all workers hold stands in Redis, in the watermarks, which each worker writes again
every second; one that nobody writes any more is no order that is worked. What it must have executed is what the
evidence of the books' fills allows when it is computed again, from the terms that the order had then.

Boundaries: a watermark has no symbol, no side and no quantity, so quantities are not compared; and since the executions
are computed from the books' own fills, one that is missing in the books cannot be found here: `tape audit` proves that
nothing is missing on the tape.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, cast

import msgspec
import psycopg
import redis.asyncio

from domain import ids
from domain.errors import InvalidValue, UnavailableError
from domain.numbers import ZERO
from domain.reports import FillEvidence
from domain.terms import OrderTerms
from execution.paper import recompute
from execution.reconcile.picture import time_of, us_of
from execution.venue import VenueExecution, VenueOrder
from execution.watermarks import WATERMARKS
from runtime.clients import postgres_reader
from runtime.clock import now_us
from runtime.settings import Settings

_STALE_PERIODS = 2
_SCAN = 1_000

# The terms that the order had when it was filled: of the newest event before the fill that says them all.
_FILLS = """
select f.order_id, f.side, f.symbol, f.recorded_at, f.evidence::text, coalesce(
    terms.data -> 'order',
    (select leg from jsonb_array_elements(terms.data -> 'orders') as leg where leg ->> 'order_id' = f.order_id))::text
from fills f cross join lateral (
    select e.data from order_history h join order_events e using (partition, record_offset)
    where h.order_id = f.order_id and h.partition = f.partition and h.record_offset < f.record_offset
        and h.caused_by is null and h.event_type in ('OrderAccepted', 'OrderGroupAccepted', 'OrderReplaced')
    order by h.record_offset desc limit 1) as terms
where f.venue = %s and f.recorded_at >= %s and f.evidence is not null order by f.recorded_at
"""


class _Watermark(msgspec.Struct, frozen=True):
    """What is read of execution.watermarks; see there. at_us: when it was written."""

    at_us: int


class _Fill(NamedTuple):
    order_id: str
    side: str
    symbol: str
    recorded_at_us: int
    evidence: FillEvidence
    terms: OrderTerms


class PaperBooks:
    """A Reconcilable. Its times are those of the ledger's record: the market that it trades on may be a replay."""

    def __init__(self, settings: Settings, client: redis.asyncio.Redis, name: str) -> None:
        self._settings = settings
        self._client = client
        self._name = name
        self._stale_us = _STALE_PERIODS * settings.claim_idle_ms * 1_000

    async def open_orders(self) -> list[VenueOrder]:
        """What workers hold. Raises redis' own errors."""
        oldest_us = now_us() - self._stale_us
        held = []
        async for order_id, text in cast(Any, self._client).hscan_iter(WATERMARKS, count=_SCAN):
            mark = _read(text)
            if mark is not None and mark.at_us >= oldest_us:
                held.append(_order(order_id, mark.at_us))
        return held

    async def executions(self, since_us: int) -> list[VenueExecution]:
        """What the evidence of the fills recorded since then allows. Raises UnavailableError."""
        try:
            return await asyncio.to_thread(self._recomputed, since_us)
        except psycopg.OperationalError as error:
            raise UnavailableError(f"the fills cannot be read: {error}") from error

    def _recomputed(self, since_us: int) -> list[VenueExecution]:
        with postgres_reader(self._settings, connect_timeout=5) as connection:
            rows = connection.execute(_FILLS, (self._name, time_of(since_us))).fetchall()
        return [one for row in rows for fill in _fill(row) for one in allowed(fill)]


def allowed(fill: _Fill) -> Iterator[VenueExecution]:
    """The execution that the evidence stands for; none when it stands for none."""
    try:
        again = recompute(fill.evidence, fill.terms)
    except InvalidValue:
        return
    if again is not None:
        tick = fill.evidence.tick
        execution_id = ids.execution_id(fill.order_id, tick.partition, tick.offset)
        yield VenueExecution(
            execution_id,
            fill.order_id,
            fill.order_id,
            fill.symbol,
            fill.side,
            again.quantity,
            _cumulative(fill.evidence.parameters, fill.terms, again.quantity),
            again.price,
            fill.recorded_at_us,
        )


def _cumulative(parameters: Mapping[str, str], terms: OrderTerms, quantity: Decimal) -> Decimal:
    """What the order had executed with it, from what it had left before."""
    return terms.quantity - Decimal(parameters["leaves_quantity"]) + quantity


def _fill(row: tuple[Any, ...]) -> Iterator[_Fill]:
    """Nothing where the books hold what cannot be read: then the venue has no such execution."""
    order_id, side, symbol, recorded_at, evidence, terms = row
    try:
        yield _Fill(
            order_id,
            side,
            symbol,
            us_of(recorded_at),
            msgspec.json.decode(evidence, type=FillEvidence),
            msgspec.json.decode(terms, type=OrderTerms),
        )
    except (msgspec.DecodeError, ArithmeticError):
        return


def _read(text: str) -> _Watermark | None:
    try:
        return msgspec.json.decode(text, type=_Watermark)
    except msgspec.DecodeError:
        return None


def _order(order_id: str, at_us: int) -> VenueOrder:
    return VenueOrder(order_id, order_id, "", "held", "", "", "by a worker", None, ZERO, None, None, None, at_us)
