"""Hands accepted orders to the execution engine, and hands them over again until somebody looks after them.

Redis may be wiped at any time (design promise 7), so nothing here is the truth: an order that no venue has
acknowledged is sent again, and an acknowledged one whose worker gives no sign of life is asked for a fresh dispatch,
which raises its epoch. Sending too often is harmless: engines know an order by id and epoch, and the ledger takes
reports of one epoch only.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

import msgspec
import redis.asyncio
from redis.exceptions import RedisError

from domain import ids
from domain.dispatch import Dispatch
from domain.events import (
    TERMINAL,
    LedgerEvent,
    OrderAcknowledged,
    OrderCanceled,
    OrderFilled,
    OrderRefusedByVenue,
    OrderRejected,
)
from domain.reports import RequestRedispatch
from runtime import metrics
from runtime.clients import kafka_producer, redis_async
from runtime.clock import now_us
from runtime.settings import Settings
from streams import codec
from streams.decider import Folded
from streams.ledger.decider import LedgerDecider

log = logging.getLogger(__name__)
WATERMARKS = "execution.watermarks"
_OUTBOX_MAX = 20_000
_CHUNK = 500
_SWEEP_S = 1.0


class _Waiting:
    """An order that waits for a venue's word. sent_s: monotonic time of the last sending."""

    def __init__(self, account_id: str, sent_s: float) -> None:
        self.account_id = account_id
        self.sent_s = sent_s


class Dispatcher:
    """A streams.agent.Follower. Its queue is bounded: what does not fit is sent by a later sweep."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._redis: redis.asyncio.Redis = redis_async(settings)
        self._producer = kafka_producer(settings)
        self._encode = msgspec.json.Encoder(decimal_format="string").encode
        self._outbox: deque[tuple[Dispatch, str | None]] = deque(maxlen=_OUTBOX_MAX)
        self._wake = asyncio.Event()
        self._deciders: dict[int, LedgerDecider] = {}
        self._waiting: dict[int, dict[str, _Waiting]] = {}
        self._unattended: dict[str, float] = {}

    async def loaded(self, partition: int, decider: Any) -> None:
        """Nobody knows what was sent before: send every order that waits for a venue's word."""
        self._deciders[partition] = decider
        self._waiting[partition] = {}
        for account, order in decider.ledger.open_orders():
            if order.worker_id is None or order.status == "PENDING_CANCEL":
                self._send(partition, decider.ledger.dispatch_for(account, order.terms.order_id), None)

    async def appended(self, partition: int, decider: Any, events: Sequence[Folded]) -> None:
        waiting = self._waiting[partition]
        for event in events:
            message = event.message
            metrics.orders_processed_total.labels(type(message).__name__).inc()
            if isinstance(message, OrderRejected):
                metrics.orders_rejected_total.labels(message.code).inc()
            dispatch = decider.ledger.dispatch_of(message)
            if dispatch is not None:
                self._send(partition, dispatch, event.traceparent)
            elif _settles(message):
                waiting.pop(message.order_id, None)

    async def closed(self, partition: int) -> None:
        self._deciders.pop(partition, None)
        self._waiting.pop(partition, None)

    async def run(self) -> None:
        """Send what is queued; every second send again what stays unanswered. Runs until cancelled."""
        sweep = asyncio.create_task(self._sweep_for_ever())
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._drain()
                if sweep.done():
                    sweep.result()
        finally:
            sweep.cancel()
            await self._redis.aclose()

    def _send(self, partition: int, dispatch: Dispatch, traceparent: str | None) -> None:
        order_id = dispatch.order.order_id
        self._waiting[partition][order_id] = _Waiting(dispatch.account_id, time.monotonic())
        self._outbox.append((dispatch, traceparent))
        self._wake.set()

    async def _drain(self) -> None:
        while self._outbox:
            chunk = [self._outbox.popleft() for _ in range(min(_CHUNK, len(self._outbox)))]
            try:
                async with self._redis.pipeline(transaction=False) as pipe:
                    for dispatch, traceparent in chunk:
                        fields = {"dispatch": self._encode(dispatch).decode(), "traceparent": traceparent or ""}
                        pipe.xadd(self._settings.execution_stream, cast(Any, fields))
                    await pipe.execute()
            except (RedisError, OSError) as error:
                log.warning("%s orders were not handed over and will be sent again: %s", len(chunk), error)
                await asyncio.sleep(0.2)

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self._resend()
            try:
                await self._find_unattended()
            except (RedisError, OSError) as error:
                log.warning("Redis does not answer, orders stay with their workers: %s", error)
            self._wake.set()

    def _resend(self) -> None:
        overdue = time.monotonic() - self._settings.redispatch_after_ms / 1000
        for partition, waiting in self._waiting.items():
            ledger = self._deciders[partition].ledger
            for order_id, entry in list(waiting.items()):
                if entry.sent_s >= overdue:
                    continue
                account = ledger.accounts[entry.account_id]
                if order_id in account.orders:
                    log.info("no venue has answered, sending again", extra={"order_id": order_id})
                    self._send(partition, ledger.dispatch_for(account, order_id), None)
                else:
                    waiting.pop(order_id)

    async def _find_unattended(self) -> None:
        """Acknowledged orders whose worker has given no sign of life for a while get a fresh dispatch.

        A worker writes the watermark of each order that it holds every second; what is missing or older than twice
        `redispatch_after_ms` for that long is unattended.
        """
        held = [
            (account.id, order.terms.order_id, order.dispatch_epoch)
            for decider in self._deciders.values()
            for account, order in decider.ledger.open_orders()
            if order.worker_id is not None
        ]
        silent: dict[str, float] = {}
        now = time.monotonic()
        patience_s = 2 * self._settings.redispatch_after_ms / 1000
        for start in range(0, len(held), _CHUNK):
            chunk = held[start : start + _CHUNK]
            marks = await cast(Any, self._redis.hmget(WATERMARKS, [order_id for _, order_id, _ in chunk]))
            for (account_id, order_id, epoch), mark in zip(chunk, marks, strict=True):
                if _is_fresh(mark, patience_s):
                    continue
                since = silent[order_id] = self._unattended.get(order_id, now)
                if now - since > patience_s:
                    silent.pop(order_id)
                    self._ask_for_redispatch(account_id, order_id, epoch)
        self._unattended = silent
        self._producer.poll(0)

    def _ask_for_redispatch(self, account_id: str, order_id: str, epoch: int) -> None:
        log.warning("no worker looks after this order, dispatching it anew", extra={"order_id": order_id})
        request = RequestRedispatch(
            report_id=ids.report_id("redispatch", order_id, epoch, "unattended"),
            account_id=account_id,
            order_id=order_id,
            dispatch_epoch=epoch,
            worker_id="ledger",
            reported_at_us=now_us(),
            reason="unattended",
        )
        value, headers = codec.encode(
            request, id_=request.report_id, source="ledger", time_us=request.reported_at_us, subject=account_id
        )
        self._producer.produce(
            self._settings.topic("execution.reports"), key=account_id.encode(), value=value, headers=cast(Any, headers)
        )


def _settles(event: LedgerEvent) -> bool:
    """Whether the order waits for the venue no longer."""
    if isinstance(event, OrderFilled):
        return event.status in TERMINAL
    return isinstance(event, OrderAcknowledged | OrderCanceled | OrderRefusedByVenue)


def _is_fresh(mark: str | None, patience_s: float) -> bool:
    if mark is None:
        return False
    try:
        return now_us() - int(msgspec.json.decode(mark)["at_us"]) < patience_s * 1_000_000
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return False
