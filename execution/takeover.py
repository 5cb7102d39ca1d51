"""What a worker does between getting a symbol's lease and working its orders (decision 0032).

1. Wait until the read side shows all that the ledger had when the lease was taken: every order that a former owner can
   have executed is among it, for he takes none without a lease.
2. Ask the ledger for a fresh dispatch of each that is open. What the former owner reports under the old epoch from then
   on is refused; what he reported before is decided before.
3. Wait until each has come, or has ended.
4. Wait for the read side again, and read what each tick has given, from the evidence of its fills.

So what orders got of a tick, whoever gave it, is taken from the ledger alone, and what it gives later is known here.
Redis is needed for none of it. While Kafka or the read side is away, the symbol waits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import NamedTuple, TypeVar

import psycopg
from confluent_kafka import KafkaException

from domain import ids
from domain.reports import RequestRedispatch
from execution import readside
from execution.readside import LedgerEnds, connection_of
from execution.reports import Sender
from runtime.clients import postgres_reader
from runtime.clock import now_us
from runtime.settings import Settings

log = logging.getLogger(__name__)
FILLS_MAX = 100_000
"""Of the symbol's fills so many are looked at, the newest; ticks of before count as untouched."""
T = TypeVar("T")
_LOOK_S = 0.05
_AWAY_S = 0.5
_TELL_S = 5.0
_PATIENCE_ROUNDS = 3
_CONNECTION = connection_of("takeover")
_OPEN = """
select order_id, account_id, dispatch_epoch from orders
where symbol = %s and status not in ('FILLED', 'CANCELED', 'EXPIRED', 'REJECTED', 'SUSPENDED')
    and dispatch_epoch is not null
"""
_GIVEN = """
select (evidence #>> '{tick,offset}')::bigint as tick, sum(quantity) from (
    select evidence, quantity from fills where symbol = %s and venue = %s order by market_time desc limit %s
) as newest
where evidence #>> '{parameters,shared}' = 'true' group by tick
"""


class OpenOrder(NamedTuple):
    """As the read side has it."""

    account_id: str
    dispatch_epoch: int


class _Wait:
    """Tells every few seconds what a takeover still waits for."""

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self._tell_s = time.monotonic() + _TELL_S

    async def more(self, what: Callable[[], str]) -> None:
        if time.monotonic() >= self._tell_s:
            log.warning("%s cannot be worked yet, it waits for %s", self._symbol, what())
            self._tell_s = time.monotonic() + _TELL_S
        await asyncio.sleep(_LOOK_S)


class Takeover:
    """venue: its name in the books."""

    def __init__(self, settings: Settings, sender: Sender, worker_id: str, venue: str) -> None:
        self._settings = settings
        self._sender = sender
        self._worker_id = worker_id
        self._venue = venue
        self._ends = LedgerEnds(settings)
        self._patience_s = _PATIENCE_ROUNDS * settings.claim_idle_ms / 1_000

    async def of(self, symbol: str, come: Callable[[], Mapping[str, int]]) -> dict[int, Decimal]:
        """Fence a symbol whose lease was just taken; units by tick offset that its orders have got.

        come: dispatch epochs of the orders that have come to this worker, and wait.
        """
        await self._read_side(symbol)
        former = await self._patiently(lambda: self._open_orders(symbol))
        for order_id, order in former.items():
            self._ask(order_id, order)
        await self._wait_for(symbol, former, come)
        await self._read_side(symbol)
        return await self._patiently(lambda: self._given(symbol))

    async def _wait_for(
        self, symbol: str, former: Mapping[str, OpenOrder], come: Callable[[], Mapping[str, int]]
    ) -> None:
        """Until the ledger has raised each order's epoch, or closed it; for its fresh dispatch only a while."""
        until_s = time.monotonic() + self._patience_s
        wait = _Wait(symbol)
        while True:
            there = come()
            missing = {name: o for name, o in former.items() if there.get(name, 0) <= o.dispatch_epoch}
            now = await self._patiently(lambda: self._open_orders(symbol)) if missing else {}
            missing = {name: order for name, order in missing.items() if name in now}
            fenced = all(now[name].dispatch_epoch > order.dispatch_epoch for name, order in missing.items())
            if not missing or (fenced and time.monotonic() > until_s):
                if missing:
                    log.warning("%s is worked without %s orders that have not come", symbol, len(missing))
                return
            await wait.more(partial(_orders_of, missing, now))

    async def _read_side(self, symbol: str) -> None:
        """Wait until the read side has all that the ledger has now."""
        ends = await self._patiently(self._ends.read)
        wait = _Wait(symbol)
        while True:
            shown = await self._patiently(self._progress)
            if all(shown.get(partition, 0) >= end for partition, end in ends.items()):
                return
            await wait.more(partial(_records_of, ends, shown))

    async def _patiently(self, read: Callable[[], T]) -> T:
        """Read in a thread until there is an answer."""
        while True:
            try:
                return await asyncio.to_thread(read)
            except (psycopg.Error, KafkaException) as error:
                log.warning("a symbol cannot be taken over yet: %s", error)
                await asyncio.sleep(_AWAY_S)

    def _progress(self) -> dict[int, int]:
        with postgres_reader(self._settings, **_CONNECTION) as connection:
            return readside.progress(connection)

    def _open_orders(self, symbol: str) -> dict[str, OpenOrder]:
        with postgres_reader(self._settings, **_CONNECTION) as connection:
            return {row[0]: OpenOrder(*row[1:]) for row in connection.execute(_OPEN, (symbol,)).fetchall()}

    def _given(self, symbol: str) -> dict[int, Decimal]:
        with postgres_reader(self._settings, **_CONNECTION) as connection:
            return dict(connection.execute(_GIVEN, (symbol, self._venue, FILLS_MAX)).fetchall())

    def _ask(self, order_id: str, order: OpenOrder) -> None:
        request = RequestRedispatch(
            report_id=ids.report_id("redispatch", order_id, order.dispatch_epoch),
            account_id=order.account_id,
            order_id=order_id,
            dispatch_epoch=order.dispatch_epoch,
            worker_id=self._worker_id,
            reported_at_us=now_us(),
            reason="symbol_taken",
        )
        self._sender.send(request, None, _nothing)


def _records_of(ends: Mapping[int, int], shown: Mapping[int, int]) -> str:
    behind = {partition: (shown.get(partition, 0), end) for partition, end in ends.items()}
    late = [f"{at} of {end} in partition {partition}" for partition, (at, end) in behind.items() if at < end]
    return f"the read side, which is at {', '.join(late)}"


def _orders_of(asked: Mapping[str, OpenOrder], now: Mapping[str, OpenOrder]) -> str:
    """Of the orders that are missing: those that the ledger has not dispatched again, and those that it has."""
    raised = sum(now[name].dispatch_epoch > order.dispatch_epoch for name, order in asked.items())
    return f"its open orders: {len(asked) - raised} to be dispatched again, {raised} to come to this worker"


def _nothing() -> None:
    """No entry of the queue waits for it."""
