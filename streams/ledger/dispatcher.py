"""Hands accepted orders to the execution engine, and hands them over again until somebody looks after them.

Redis may be wiped at any time (design promise 7), so nothing here is the truth: an order that no venue has
acknowledged, and whose entry is gone from the stream, is sent again; an acknowledged one whose worker gives no sign of
life is asked for a fresh dispatch, which raises its epoch. Sending too often is harmless: engines know an order by id
and epoch, and the ledger takes reports of one epoch only.

The stream is bounded (`execution_stream_length_max`), since an entry stands until its order is done. At the bound
orders wait here, in the ledger's own memory, where they are anyway; a CANCEL makes room, so it goes out up to twice the
bound.
Verification: tests/streams/ledger/test_dispatcher.py, tests/streams/ledger/test_fairness.py.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import msgspec
from redis.exceptions import RedisError

from domain import ids
from domain.dispatch import Dispatch
from domain.events import (
    TERMINAL,
    FillCorrected,
    LedgerEvent,
    OrderAcknowledged,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRefusedByVenue,
    OrderRejected,
    OrderReplaced,
    OrderReplaceRefused,
)
from domain.ledger import Ledger
from domain.reports import RequestRedispatch
from runtime import metrics
from runtime.clients import kafka_producer
from runtime.clock import now_us
from runtime.settings import Settings
from streams import codec
from streams.decider import Folded
from streams.ledger.decider import LedgerDecider
from streams.ledger.fairness import FairQueue
from streams.ledger.order_stream import Entry, OrderStream

log = logging.getLogger(__name__)
WATERMARKS = "execution.watermarks"
_CHUNK = 500
_SWEEP_S = 1.0
_PAUSE_S = 0.2


class _Waiting:
    """An order that waits for a venue's word. entry_id: its newest entry, None before it was sent.

    dispatch: what is sent, and sent again: the order as it was known to be on the chain. The decider may be ahead of
    the chain while a batch is being appended. looked_s: monotonic time at which it was sent, or its entry last seen.
    """

    __slots__ = ("dispatch", "entry_id", "looked_s")

    def __init__(self, dispatch: Dispatch) -> None:
        self.dispatch = dispatch
        self.entry_id: str | None = None
        self.looked_s = 0.0


class _Outgoing(NamedTuple):
    """A dispatch that is to be sent."""

    dispatch: Dispatch
    traceparent: str
    waiting: _Waiting


class Dispatcher:
    """A streams.agent.Follower."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stream = OrderStream(settings)
        self._producer = kafka_producer(settings)
        self._encode = msgspec.json.Encoder(decimal_format="string").encode
        self._orders: FairQueue[_Outgoing] = FairQueue()
        self._cancels: FairQueue[_Outgoing] = FairQueue()
        self._full = False
        self._wake = asyncio.Event()
        self._deciders: dict[int, LedgerDecider] = {}
        self._waiting: dict[int, dict[str, _Waiting]] = {}
        self._unattended: dict[str, float] = {}

    async def loaded(self, partition: int, decider: Any) -> None:
        """Nobody knows what was sent before: send every order that waits for a venue's word."""
        self._forget(partition)
        self._deciders[partition] = decider
        self._waiting[partition] = {}
        for account, order in decider.ledger.open_orders():
            asked = order.status == "PENDING_REPLACE" or decider.ledger.is_to_be_canceled(order)
            if order.worker_id is None or asked:
                dispatch = decider.ledger.dispatch_for(account, order.terms.order_id)
                if dispatch is not None:
                    self._put(partition, dispatch, None)

    async def appended(self, partition: int, decider: Any, events: Sequence[Folded]) -> None:
        for event in events:
            message = event.message
            metrics.orders_processed_total.labels(type(message).__name__).inc()
            if isinstance(message, OrderRejected):
                metrics.orders_rejected_total.labels(message.code).inc()
            if _settles(message, decider.ledger):
                self._settle(partition, message.order_id)
            for dispatch in decider.ledger.dispatches_of(message):
                self._put(partition, dispatch, event.traceparent)

    async def closed(self, partition: int) -> None:
        self._deciders.pop(partition, None)
        self._forget(partition)

    async def run(self) -> None:
        """Send what is queued; every second send again what was lost. Runs until cancelled."""
        sweep = asyncio.create_task(self._sweep_for_ever())
        sweep.add_done_callback(lambda _: self._wake.set())  # it ends by an error alone, which is to be raised here
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                if not await self._drain():
                    await asyncio.sleep(_PAUSE_S)
                    self._wake.set()
                if sweep.done():
                    sweep.result()
        finally:
            sweep.cancel()
            await self._stream.close()

    def _put(self, partition: int, dispatch: Dispatch, traceparent: str | None) -> None:
        """Queue a dispatch. What is queued of the order under a lower epoch is void.

        So is an order that would wait for room beside its own CANCEL: the engine knows what to do with that alone.
        """
        account_id, order_id = dispatch.account_id, dispatch.order.order_id
        waiting = self._waiting[partition][order_id] = _Waiting(dispatch)
        lanes = (self._orders, self._cancels) if dispatch.kind == "EXECUTE" else (self._cancels, self._orders)
        queued = lanes[1].get(account_id, order_id)
        is_void = dispatch.kind == "CANCEL" and self._full
        if queued is not None and (is_void or queued.dispatch.dispatch_epoch < dispatch.dispatch_epoch):
            lanes[1].remove(account_id, order_id)
        lanes[0].put(account_id, order_id, _Outgoing(dispatch, traceparent or "", waiting))
        self._wake.set()

    def _settle(self, partition: int, order_id: str) -> None:
        waiting = self._waiting[partition].pop(order_id, None)
        if waiting is not None:
            self._orders.remove(waiting.dispatch.account_id, order_id)
            self._cancels.remove(waiting.dispatch.account_id, order_id)

    def _forget(self, partition: int) -> None:
        for order_id in list(self._waiting.get(partition, ())):
            self._settle(partition, order_id)
        self._waiting.pop(partition, None)

    async def _drain(self) -> bool:
        """Send all that is queued. False when some of it must wait: the stream is full, or Redis away."""
        length_max = self._settings.execution_stream_length_max
        try:
            while self._orders or self._cancels:
                all_sent = await self._send(self._orders, length_max)
                all_canceled = await self._send(self._cancels, 2 * length_max)
                self._full = not all_sent
                if not all_sent or not all_canceled:
                    return False
        except (RedisError, OSError) as error:
            waiting = len(self._orders) + len(self._cancels)
            log.warning("Redis does not answer, %s orders and cancels wait to be handed over: %s", waiting, error)
            return False
        finally:
            metrics.dispatches_waiting.set(len(self._orders) + len(self._cancels))
        return True

    async def _send(self, lane: FairQueue[_Outgoing], length_max: int) -> bool:
        """Send a chunk of a lane. False when there was no room for all of it."""
        chunk = lane.peek(_CHUNK)
        if not chunk:
            return True
        entries = [Entry(self._encode(each.item.dispatch).decode(), each.item.traceparent) for each in chunk]
        entry_ids = await self._stream.add(entries, length_max)
        now = time.monotonic()
        for queued, entry_id in zip(chunk, entry_ids, strict=False):
            lane.done(queued)
            queued.item.waiting.entry_id, queued.item.waiting.looked_s = entry_id, now
            if lane is self._cancels:
                self._orders.remove(queued.account, queued.key)
        return len(entry_ids) == len(chunk)

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            try:
                await self._resend()
                await self._find_unattended()
            except (RedisError, OSError) as error:
                log.warning("Redis does not answer, orders stay with their workers: %s", error)

    async def _resend(self) -> None:
        """Send again what waits for a venue's word and has lost its entry."""
        overdue_s = time.monotonic() - self._settings.redispatch_after_ms / 1000
        overdue = [
            (partition, order_id, waiting, waiting.entry_id)
            for partition, orders in self._waiting.items()
            for order_id, waiting in orders.items()
            if waiting.entry_id is not None and waiting.looked_s < overdue_s
        ]
        for start in range(0, len(overdue), _CHUNK):
            chunk = overdue[start : start + _CHUNK]
            gone = await self._stream.gone([entry_id for *_, entry_id in chunk])
            now = time.monotonic()
            for partition, order_id, waiting, entry_id in chunk:
                if self._waiting.get(partition, {}).get(order_id) is not waiting:
                    continue  # settled, or sent anew, while Redis was asked
                waiting.looked_s = now
                if entry_id in gone:
                    log.info("no venue has answered and the entry is gone, sending again", extra={"order_id": order_id})
                    self._put(partition, waiting.dispatch, None)

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
            marks = await cast(Any, self._stream.redis.hmget(WATERMARKS, [order_id for _, order_id, _ in chunk]))
            for (account_id, order_id, epoch), mark in zip(chunk, marks, strict=True):
                if _is_fresh(mark, patience_s):
                    continue
                since = silent[order_id] = self._unattended.get(order_id, now)
                if now - since > patience_s and self._ask_for_redispatch(account_id, order_id, epoch):
                    silent.pop(order_id)
        self._unattended = silent
        self._producer.poll(0)

    def _ask_for_redispatch(self, account_id: str, order_id: str, epoch: int) -> bool:
        """False when Kafka is so slow that its client takes no more; a later sweep asks again."""
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
        try:
            self._producer.produce(
                self._settings.topic("execution.reports"),
                key=account_id.encode(),
                value=value,
                headers=cast(Any, headers),
            )
        except BufferError:
            return False
        return True


def _settles(event: LedgerEvent, ledger: Ledger) -> bool:
    """Whether the order waits for the venue no longer. One that is to be cancelled or replaced waits for the answer."""
    if isinstance(event, OrderFilled | FillCorrected):
        return event.status in TERMINAL
    if isinstance(event, OrderAcknowledged | OrderReplaced | OrderReplaceRefused):
        order = ledger.accounts[event.originator_id].orders.get(event.order_id)
        return order is None or not (order.status == "PENDING_REPLACE" or ledger.is_to_be_canceled(order))
    return isinstance(event, OrderCanceled | OrderExpired | OrderRefusedByVenue)


def _is_fresh(mark: str | None, patience_s: float) -> bool:
    if mark is None:
        return False
    try:
        return now_us() - int(msgspec.json.decode(mark)["at_us"]) < patience_s * 1_000_000
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return False
