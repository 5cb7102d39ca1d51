"""Commands onto Kafka: the broker's acknowledgement is awaited without blocking the event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from api.problems import ProblemError, unavailable
from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams.codec import Headers

_POLL_S = 0.1
_WARNING_EVERY_S = 10.0
_ASK_S = 1.0
LOG_CRITICAL = 2  # syslog level: librdkafka would else write a line for every attempt to connect
_log = logging.getLogger(__name__)


class Position(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


class CommandProducer:
    """One idempotent producer with a thread that serves its delivery reports.

    A record that the broker has not acknowledged within `api_kafka_timeout_ms` is given up: it is never sent later, but
    it may have been written, so the caller is told that the outcome is unknown. Once no broker can be reached at all,
    nothing is sent until one answers, and the caller is told so at once. waiting: how many are under way.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._timeout_s = settings.api_kafka_timeout_ms / 1_000
        self._broken = threading.Event()
        self._suspected = threading.Event()  # librdkafka says that no broker is connected; the thread asks
        self._away = False
        self._quiet_until = 0.0
        self.waiting = 0
        self._producer = self._make()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="command-producer", daemon=True)

    def _make(self) -> Producer:
        return kafka_producer(
            self._settings,
            **{
                "message.timeout.ms": self._settings.api_kafka_timeout_ms,
                "queue.buffering.max.messages": 10_000,
                "error_cb": self._on_error,
                "log_level": LOG_CRITICAL,
            },
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Blocks until what is under way is acknowledged or given up."""
        self._stopping.set()
        self._thread.join()
        self._producer.flush(self._timeout_s)

    def probe(self) -> None:
        """Raises KafkaException when no broker answers within 2 s, or when the topic is not there. Blocks."""
        name = self._settings.topic("trading.commands")
        error = self._producer.list_topics(name, timeout=2.0).topics[name].error
        if error is not None:
            raise KafkaException(error)

    def admit(self) -> None:
        """Raises ProblemError 503 KAFKA_UNAVAILABLE while no broker can be reached."""
        if self._away:
            raise unavailable("KAFKA_UNAVAILABLE", "no Kafka broker can be reached; nothing was sent")

    async def send(self, topic: str, key: str, value: bytes, headers: Headers) -> Position:
        """Produce one record and await its acknowledgement.

        Raises ProblemError 503: KAFKA_OUTCOME_UNKNOWN (it may have been written), KAFKA_QUEUE_FULL or KAFKA_UNAVAILABLE
        (it was not).
        """
        self.admit()
        return await self._bounded(topic, key, value, headers)

    async def send_record(self, topic: str, key: str, value: bytes, headers: Headers) -> Position:
        """As `send`, for what is put on record beside the commands: it takes none of their places."""
        self.admit()
        return await self._send(topic, key, value, headers)

    async def _bounded(self, topic: str, key: str, value: bytes, headers: Headers) -> Position:
        if self.waiting >= self._settings.api_commands_waiting_max:
            raise _full()
        self.waiting += 1
        try:
            return await self._send(topic, key, value, headers)
        finally:
            self.waiting -= 1

    async def _send(self, topic: str, key: str, value: bytes, headers: Headers) -> Position:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Position] = loop.create_future()

        def delivered(error: KafkaError | None, message: Message) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, done, error, message)

        try:
            self._producer.produce(topic, value, key, headers=list(headers), on_delivery=delivered)
        except BufferError as error:
            raise _full() from error
        except KafkaException as error:
            raise _unknown(str(error)) from error
        try:
            async with asyncio.timeout(self._timeout_s + 1):
                return await done
        except TimeoutError as error:
            raise _unknown("no acknowledgement in time") from error

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._broken.set()
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._suspected.set()
        if error.fatal() or time.monotonic() > self._quiet_until:
            self._quiet_until = time.monotonic() + _WARNING_EVERY_S
            _log.warning("kafka producer: %s", error.str())

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(_POLL_S)
            if self._suspected.is_set():
                self._ask_around()
            if (
                self._broken.is_set()
            ):  # a fatal error is for ever: what waits has failed, the next command gets a new one
                self._broken.clear()
                self._producer.flush(0)
                self._producer = self._make()

    def _ask_around(self) -> None:
        """Whether a broker answers now: an idle connection that one closed is no outage."""
        try:
            self._producer.list_topics(self._settings.topic("trading.commands"), timeout=_ASK_S)
        except KafkaException as error:
            if not self._away:
                _log.warning("no broker can be reached, commands are answered 503: %s", error)
            self._away = True
            return
        if self._away:
            _log.warning("a broker answers again")
        self._away = False
        self._suspected.clear()


def _settle(done: asyncio.Future[Position], error: KafkaError | None, message: Message) -> None:
    if done.done():
        return
    if error is not None:
        done.set_exception(_unknown(error.str()))
        return
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    done.set_result(Position(topic, partition, offset))


def _full() -> ProblemError:
    return unavailable("KAFKA_QUEUE_FULL", "Kafka is slower than its clients; nothing was sent")


def _unknown(reason: str) -> ProblemError:
    return unavailable(
        "KAFKA_OUTCOME_UNKNOWN",
        f"Kafka did not acknowledge the command ({reason}); it may or may not have been taken. "
        "Sending it again with the same id is safe: the ledger takes each id once.",
        retry_after_s=2,
    )
