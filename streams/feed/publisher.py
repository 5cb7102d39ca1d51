"""Putting ticks on `market.ticks`, and finding out which ones are there already.

The producer is idempotent and never gives a message up, so a partition holds, whenever the feed is killed, a gapless
prefix of what was to go there; going on behind each symbol's newest tick gives the offsets of an undisturbed run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Any, cast

from confluent_kafka import KafkaError, Message

from domain import ids
from domain.errors import UnavailableError, UnreadableInput
from domain.market import Tick
from runtime import tracing
from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams import codec
from streams.feed.consequences import Published
from streams.feed.patience import Stopped
from streams.tape import end_offsets, read_range

TOPIC = "market.ticks"
_FLUSH_S = 0.5
_CLOSE_S = 5.0
_logger = logging.getLogger(__name__)


class Publisher:
    """Publishes ticks in the order of the calls. stopped: asked while waiting for Kafka.

    Not thread-safe.
    """

    def __init__(self, settings: Settings, stopped: Callable[[], bool] = lambda: False) -> None:
        self._topic = settings.topic(TOPIC)
        self._producer = kafka_producer(settings, **{"message.timeout.ms": 0})
        self._stopped = stopped
        self._errors: list[KafkaError] = []

    def send(self, tick: Tick) -> None:
        """Publish without waiting. Raises UnavailableError when an earlier tick was refused."""
        self._produce(tick, self._note)
        self._producer.poll(0)
        self._check()

    def send_and_wait(self, tick: Tick) -> Published:
        """Publish when all before is on the topic, and wait until this is too. Raises UnavailableError, Stopped."""
        self.flush()
        places: list[tuple[int, int]] = []

        def note(error: KafkaError | None, message: Message) -> None:
            self._note(error, message)
            if error is None:
                places.append((cast(int, message.partition()), cast(int, message.offset())))

        self._produce(tick, note)
        self.flush()
        ((partition, offset),) = places
        return Published(tick, partition, offset)

    def flush(self) -> None:
        """Wait until everything is on the topic. Raises UnavailableError, Stopped."""
        while self._producer.flush(_FLUSH_S):
            self._check()
            if self._stopped():
                raise Stopped
        self._check()

    def close(self) -> None:
        """Give what is queued a last chance, then drop it: nothing of this publisher comes later than that."""
        self._producer.flush(_CLOSE_S)
        self._producer.purge()
        self._producer.flush(_FLUSH_S)

    def _produce(self, tick: Tick, note: Callable[[KafkaError | None, Message], None]) -> None:
        value, headers = codec.encode(
            tick,
            id_=ids.derive("tik", tick.symbol, tick.market_time_us),
            source="feed",
            time_us=tick.market_time_us,
            subject=tick.symbol,
            traceparent=tracing.traceparent(),
        )
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    key=tick.symbol.encode(),
                    value=value,
                    headers=cast(Any, headers),  # the stub's list type is invariant
                    on_delivery=note,
                )
            except BufferError:  # the local queue is full: wait for acknowledgements, then go on
                self._producer.poll(0.1)
                if self._stopped():
                    raise Stopped from None
            else:
                return

    def _note(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._errors.append(error)

    def _check(self) -> None:
        if self._errors:
            raise UnavailableError(f"{self._topic}: Kafka refused a tick: {self._errors[0]}")


class Standing:
    """What is on the topic already: each symbol's newest tick, and its newest that completes a bar."""

    def __init__(self) -> None:
        self.newest: dict[str, Published] = {}
        self.newest_closing: dict[str, Published] = {}

    @classmethod
    def read(cls, settings: Settings, symbols: Collection[str]) -> Standing:
        """Reads the topic from the beginning. Records that are no ticks are passed over. Raises UnavailableError."""
        standing = cls()
        topic = settings.topic(TOPIC)
        for partition, end in end_offsets(settings, topic).items():
            for record in read_range(settings, topic, partition, 0, end):
                try:
                    message = codec.decode(record.value, record.headers)
                except UnreadableInput as error:
                    _logger.warning("%s/%d at offset %d is no tick: %s", topic, partition, record.offset, error)
                    continue
                if isinstance(message, Tick) and message.symbol in symbols:
                    standing.add(Published(message, partition, record.offset))
        return standing

    def add(self, found: Published) -> None:
        """The first of a repeated tick counts: it is the one that caused something."""
        tick = found.tick
        newest = self.newest.get(tick.symbol)
        if newest is not None and tick.market_time_us <= newest.tick.market_time_us:
            return
        self.newest[tick.symbol] = found
        if tick.bar is not None:
            self.newest_closing[tick.symbol] = found

    def times(self) -> dict[str, int]:
        """The market time of each symbol's newest tick, microseconds UTC."""
        return {symbol: found.tick.market_time_us for symbol, found in self.newest.items()}

    def in_order(self) -> list[Published]:
        """Those ticks by market time and symbol."""
        found = {(item.partition, item.offset): item for item in (*self.newest_closing.values(), *self.newest.values())}
        return sorted(found.values(), key=lambda item: (item.tick.market_time_us, item.tick.symbol))
