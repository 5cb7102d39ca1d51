"""Reports to the ledger on `execution.reports`, by the idempotent producer.

A report counts as made when Kafka has acknowledged it, and waits as long as that takes. Order is kept per account.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, cast

from confluent_kafka import KafkaError, KafkaException, Message

from domain.errors import UnavailableError
from domain.reports import BreakReport, Report
from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams import codec

log = logging.getLogger(__name__)
TOPIC = "execution.reports"
SOURCE = "engine"
WAITING_MAX = 50_000
# Far above what can be added between two looks at the room, so that the client's own queue is never full.
_CLIENT_QUEUE_MAX = 4 * WAITING_MAX
_POLL_S = 0.2

Acknowledged = Callable[[], None]


class Sender(Protocol):
    """Where reports go: the Reporter below."""

    def send(self, report: Report | BreakReport, traceparent: str | None, acknowledged: Acknowledged) -> None:
        """`acknowledged` is called on the event loop once Kafka has the report, never before this returns."""

    async def room(self) -> None:
        """Wait until there is room for more."""


class Reporter:
    """send() from the event loop; the acknowledgement is called there too."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic(TOPIC)
        self._producer = kafka_producer(
            settings,
            **{
                "message.timeout.ms": 0,
                "queue.buffering.max.messages": _CLIENT_QUEUE_MAX,
                # One request at a time: a report that comes alone leaves at once, and those that come while Kafka
                # answers go together. With more, each would be a request, an append and a fetch of its own.
                "max.in.flight.requests.per.connection": 1,
            },
        )
        self._delivered: deque[tuple[KafkaError | None, Acknowledged]] = deque()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.waiting = 0
        self.failure: asyncio.Future[None] | None = None

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.failure = loop.create_future()
        self._thread = threading.Thread(target=self._poll, args=(loop,), name="reports", daemon=True)
        self._thread.start()

    def send(self, report: Report | BreakReport, traceparent: str | None, acknowledged: Acknowledged) -> None:
        """Send, in the order of the calls. `acknowledged` is called when Kafka has it.

        Raises UnavailableError when the client's own queue is full.
        """
        value, headers = codec.encode(
            report,
            id_=report.report_id,
            source=SOURCE,
            time_us=report.reported_at_us,
            subject=report.account_id,
            traceparent=traceparent,
        )
        try:
            self._producer.produce(
                self._topic,
                key=report.account_id.encode(),
                value=value,
                headers=cast(Any, headers),
                on_delivery=partial(self._on_delivery, acknowledged),
            )
        except BufferError as error:  # callers wait for room long before this; the orders are dispatched anew
            raise UnavailableError(
                f"{self._topic}: Kafka is slower than the engine, {self.waiting} reports wait"
            ) from error
        self.waiting += 1
        self._empty.clear()
        if self.waiting >= WAITING_MAX:
            self._room.clear()

    async def room(self) -> None:
        """Wait until few enough reports wait for Kafka."""
        await self._room.wait()

    async def drain(self, timeout_s: float) -> bool:
        """Wait until Kafka has everything; False when it has not in time."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        return self.waiting == 0

    async def stop(self) -> None:
        """Stop without waiting for Kafka; see drain."""
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, 5.0)
        self._producer.purge()
        await asyncio.to_thread(self._producer.close)

    def _on_delivery(self, acknowledged: Acknowledged, error: KafkaError | None, _: Message) -> None:
        self._delivered.append((error, acknowledged))

    def _poll(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stopping.is_set():
            self._producer.poll(_POLL_S)
            if self._delivered and not self._stopping.is_set():
                loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        for _ in range(len(self._delivered)):
            error, acknowledged = self._delivered.popleft()
            self.waiting -= 1
            if error is None:
                acknowledged()
            else:
                self._fail(error)
        if self.waiting < WAITING_MAX:
            self._room.set()
        if self.waiting == 0:
            self._empty.set()

    def _fail(self, error: KafkaError) -> None:
        """Only what trying again cannot heal comes here: the worker must end, and its orders are dispatched anew."""
        log.error("Kafka refused a report for good: %s", error)
        if self.failure is not None and not self.failure.done():
            self.failure.set_exception(KafkaException(error))
