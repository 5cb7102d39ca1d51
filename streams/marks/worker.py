"""`tape worker marks`: follows the newest prices on `market.ticks` and tells them to every partition's ledger.

At most every `marks_every_ms`, and only those that moved by `marks_move_bps` or more since they were told. It keeps
nothing: at the start it looks at the tail of each partition and tells what it finds there, and a ledger that knows a
price already gives no event for it.

Boundaries: symbols that may be traded, and currency pairs such as EUR/USD. In a lockstep replay the feed tells the
marks itself (`feed_marks`), before the ticks, so that the same run has the same marks; this worker is not run then.
Verification: tests/streams/marks.
"""

from __future__ import annotations

import logging
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from domain.desk_checks import is_pair
from domain.errors import UnavailableError, UnreadableInput
from domain.market import Tick, TickRef
from domain.world import MarkedPrice
from runtime import health as health_module
from runtime import stopping
from runtime.clients import consume_ready, kafka_consumer
from runtime.settings import Settings
from streams.marks.book import MarkBook
from streams.marks.sender import COMMANDS, MarkSender
from streams.tape import TapeRecord
from streams.topics import wait_until_there

TICKS = "market.ticks"
_TAIL_RECORDS = 500  # per partition, so that symbols that trade seldom are found too
_METADATA_S = 15.0
_POLL_S = 0.1
_CONSUME_MAX = 5_000
_TRANSIENT = frozenset(
    {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._TIMED_OUT}
)
_log = logging.getLogger(__name__)


class Marker:
    """Follows the ticks from shortly before their end. Not thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic(TICKS)
        self._symbols = frozenset(settings.symbols())
        self._every_s = settings.marks_every_ms / 1_000
        self._book = MarkBook(settings.marks_move_bps)
        self._sender = MarkSender(settings)
        self._due_s = 0.0
        self._consumer = kafka_consumer(settings, **{"enable.partition.eof": False})
        self._consumer.assign(_tails(self._consumer, self._topic))

    def turn(self) -> None:
        """Take what has come, and tell what is due. Raises UnavailableError when Kafka gives or takes no more."""
        for message in consume_ready(self._consumer, _CONSUME_MAX, _POLL_S):
            error = message.error()
            if error is None:
                self._take(message)
            elif error.code() not in _TRANSIENT and not error.retriable():
                raise UnavailableError(f"{self._topic} cannot be followed: {error}")
        now_s = time.monotonic()
        if now_s >= self._due_s:
            marks = self._book.due()
            if marks:
                self._due_s = now_s + self._every_s
                self._sender.send(marks)

    def close(self) -> None:
        self._consumer.close()
        self._sender.close()

    def _take(self, message: Message) -> None:
        record = TapeRecord.of(message)
        try:
            tick = record.decoded()
        except UnreadableInput as error:  # the signals agent keeps it as a dead letter
            _log.warning("no tick: %s", error)
            return
        if isinstance(tick, Tick) and (tick.symbol in self._symbols or is_pair(tick.symbol)):
            at = TickRef(partition=record.partition, offset=record.offset, market_time_us=tick.market_time_us)
            self._book.take(
                MarkedPrice(symbol=tick.symbol, price=tick.price, market_time_us=tick.market_time_us, tick=at)
            )


def _tails(consumer: Consumer, topic: str) -> list[TopicPartition]:
    try:
        tails = []
        for number in consumer.list_topics(topic, timeout=_METADATA_S).topics[topic].partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_METADATA_S)
            tails.append(TopicPartition(topic, number, max(low, high - _TAIL_RECORDS)))
    except KafkaException as error:
        raise UnavailableError(f"where {topic} ends is not known: {error}") from error
    return tails


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises what it could not go on from."""
    health = health_module.serve(settings, "marks")
    wait_until_there(settings, (TICKS, COMMANDS))
    stopped = threading.Event()
    stopping.on_signal(stopped.set)
    marker = Marker(settings)
    health.ready(True)
    try:
        while not stopped.is_set():
            marker.turn()
            health.beat()
    finally:
        marker.close()
