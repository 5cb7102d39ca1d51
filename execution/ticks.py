"""Ticks from `market.ticks`: all partitions, no consumer group, new ones within milliseconds, old ones by offset.

A record that is no tick is skipped, counted and logged with its position; the signals agent sends it to the dead
letters. Ticks are never skipped otherwise: what cannot be read stops the worker.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Collection
from typing import Any, NamedTuple, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from domain.errors import UnavailableError, UnreadableInput
from domain.market import Tick, TickAt, TickRef
from execution.reports import TOPIC as REPORTS
from execution.window import TickWindow
from runtime import metrics
from runtime.clients import kafka_consumer
from runtime.partitions import check_partitions
from runtime.settings import Settings
from streams import codec

log = logging.getLogger(__name__)
TOPIC = "market.ticks"
# Beyond these a price or a volume is a mistake, and Decimal arithmetic with 34 digits would not hold it.
PRICE_MAX = 10**12
VOLUME_MAX = 10**15
_BATCH_MAX = 500
_BATCHES_WAITING_MAX = 16
_POLL_S = 0.1
_IDLE_READS_MAX = 100
# Errors after which librdkafka goes on by itself.
_PASSING = frozenset(
    {
        KafkaError._PARTITION_EOF,
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._WAIT_COORD,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.BROKER_NOT_AVAILABLE,
    }
)


class TickBatch(NamedTuple):
    """New ticks, each partition's in order of offset. caught_up: all that was there at the start was given.

    until: where reading goes on in each partition that had records, which need not be ticks.
    """

    ticks: list[TickAt]
    caught_up: bool
    until: dict[int, int]


def read_tick(message: Message) -> TickAt:
    """The tick in a record. Raises UnreadableInput when it is none."""
    tick: Any = codec.decode(message.value(), cast(Any, message.headers()))
    if not isinstance(tick, Tick):
        raise UnreadableInput(f"expected a Tick, it was a {type(tick).__name__}")
    if tick.price > PRICE_MAX or tick.volume > VOLUME_MAX:
        raise UnreadableInput(
            f"expected a price up to {PRICE_MAX} and a volume up to {VOLUME_MAX}, it was {tick.price} and {tick.volume}"
        )
    partition, offset = _place(message)
    return TickAt(TickRef(partition=partition, offset=offset, market_time_us=tick.market_time_us), tick)


def _place(message: Message) -> tuple[int, int]:
    partition, offset = message.partition(), message.offset()
    assert partition is not None, "a record has a partition"
    assert offset is not None, "a record has an offset"
    return partition, offset


def _read(message: Message) -> TickAt | None:
    """The tick in a record; None when it is none. Raises KafkaException when the partition cannot be read."""
    error = message.error()
    if error is not None:
        if error.code() in _PASSING:
            return None
        raise KafkaException(error)
    try:
        return read_tick(message)
    except UnreadableInput as problem:
        metrics.execution_ticks_skipped_total.inc()
        log.warning("%s/%s at offset %s is no tick: %s", TOPIC, message.partition(), message.offset(), problem)
        return None


class TickSource:
    """Reads in a thread of its own and hands batches to the event loop; waits when nobody takes them."""

    def __init__(self, settings: Settings, window: TickWindow, *, history: int) -> None:
        """history: how many offsets before the end of each partition are given first."""
        self._settings = settings
        self._topic = settings.topic(TOPIC)
        self._window = window
        self._history = history
        self._batches: asyncio.Queue[TickBatch | BaseException] = asyncio.Queue()
        self._room = threading.Semaphore(_BATCHES_WAITING_MAX)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        """Open the window at its place in every partition and begin to read.

        Raises UnavailableError when Kafka or the topic is not there, and TopologyError when a topic has another number
        of partitions than this ledger.
        """
        consumer = kafka_consumer(self._settings, **{"enable.partition.eof": False})
        try:
            ends = await asyncio.to_thread(self._assign, consumer)
        except BaseException:
            consumer.close()
            raise
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, args=(consumer, ends, loop), name="ticks", daemon=True)
        self._thread.start()

    async def batch(self) -> TickBatch:
        """The next batch. Raises what stopped the reader."""
        batch = await self._batches.get()
        self._room.release()
        if isinstance(batch, BaseException):
            raise batch
        return batch

    async def stop(self) -> None:
        self._stopping.set()
        self._room.release()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, 5.0)

    def _assign(self, consumer: Consumer) -> dict[int, int]:
        """Where each partition ended when we began: offset after the last record."""
        try:
            topics = consumer.list_topics(timeout=5).topics
            live = {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}
            check_partitions(self._settings, live, (TOPIC, REPORTS))
            found = topics.get(self._topic)
            if found is None or found.error is not None or not found.partitions:
                raise UnavailableError(f"topic {self._topic} is not there yet")
            ends: dict[int, int] = {}
            assignment = []
            for partition in sorted(found.partitions):
                low, high = consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=5)
                start = max(low, high - self._history)
                self._window.open(partition, start)
                assignment.append(TopicPartition(self._topic, partition, start))
                ends[partition] = high
        except KafkaException as error:
            raise UnavailableError(f"cannot read {self._topic}: {error}") from error
        consumer.assign(assignment)
        return {partition: end for partition, end in ends.items() if end > self._window.start(partition)}

    def _run(self, consumer: Consumer, ends: dict[int, int], loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._hand_over(TickBatch([], not ends, {}), loop)
            while not self._stopping.is_set():
                first = consumer.poll(_POLL_S)
                if first is None:
                    continue
                messages = [first, *consumer.consume(_BATCH_MAX - 1, 0)]
                ticks = [tick for tick in map(_read, messages) if tick is not None]
                places = [_place(message) for message in messages if message.error() is None]
                until = {partition: offset + 1 for partition, offset in places}  # of each the last
                for partition in [partition for partition, end in ends.items() if until.get(partition, 0) >= end]:
                    del ends[partition]
                if until:
                    self._hand_over(TickBatch(ticks, not ends, until), loop)
        except Exception as error:
            log.exception("the tick reader stopped")
            self._hand_over(error, loop)
        finally:
            consumer.close()

    def _hand_over(self, batch: TickBatch | BaseException, loop: asyncio.AbstractEventLoop) -> None:
        self._room.acquire()
        if not self._stopping.is_set():
            loop.call_soon_threadsafe(self._batches.put_nowait, batch)


class TickHistory:
    """Old ticks by offset, with a consumer of its own that is made when first needed. One reader at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.topic(TOPIC)
        self._consumer: Consumer | None = None
        self._lock = threading.Lock()

    def read(self, partition: int, start: int, end: int, records_max: int = 1_000) -> tuple[list[TickAt], int]:
        """Ticks at offsets [start, end), at most `records_max` records, and the offset to go on from.

        Blocks. Raises UnavailableError when Kafka gives nothing for 10 s.
        """
        assert start < end, f"expected an offset before {end}, it was {start}"
        with self._lock:
            consumer = self._opened()
            consumer.assign([TopicPartition(self._topic, partition, start if start > 0 else OFFSET_BEGINNING)])
            ticks: list[TickAt] = []
            position, idle = start, 0
            while position < end and position - start < records_max:
                messages = consumer.consume(min(end - position, records_max), _POLL_S)
                idle = 0 if messages else idle + 1
                if idle > _IDLE_READS_MAX:
                    raise UnavailableError(f"{self._topic}/{partition} gave nothing at offset {position} for 10 s")
                for message in messages:
                    tick = _read(message)
                    error = message.error()
                    if error is None:
                        position = _place(message)[1] + 1
                    elif error.code() == KafkaError._PARTITION_EOF:
                        position = end
                    if tick is not None and tick.ref.offset < end:
                        ticks.append(tick)
            consumer.unassign()
            return ticks, min(position, end)

    def ends(self, partitions: Collection[int]) -> dict[int, int]:
        """Where these partitions end now: the offset after the last record. Blocks. Raises UnavailableError."""
        with self._lock:
            consumer = self._opened()
            try:
                return {
                    partition: consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=5)[1]
                    for partition in partitions
                }
            except KafkaException as error:
                raise UnavailableError(f"cannot tell where {self._topic} ends: {error}") from error

    def _opened(self) -> Consumer:
        if self._consumer is None:
            self._consumer = kafka_consumer(self._settings, **{"auto.offset.reset": "earliest"})
        return self._consumer

    def close(self) -> None:
        with self._lock:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None
