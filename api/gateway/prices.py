"""The newest price of each symbol, from the tail of `market.ticks`, for orders that name no protection price."""

from __future__ import annotations

import logging
import threading
from decimal import ROUND_CEILING, Decimal
from typing import cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from api.gateway.producer import LOG_CRITICAL
from domain.errors import UnreadableInput
from domain.market import Tick
from runtime.clients import gathering, kafka_consumer
from runtime.settings import Settings
from streams import codec

_TAIL_RECORDS = 500  # per partition, so that symbols that trade seldom are found too
_RETRY_S = 1.0
_GATHER_MS = 100
_METADATA_S = 2.0  # bounds the stop, too
_log = logging.getLogger(__name__)


class LastPrices:
    """Follows every partition of `market.ticks` from shortly before its end, without a group, in a thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.topic("market.ticks")
        self._symbols = frozenset(settings.symbols())
        self._prices: dict[str, Decimal] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="last-prices", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def get(self, symbol: str) -> Decimal | None:
        """The price of the newest tick seen, per unit; None before the first."""
        return self._prices.get(symbol)

    def _run(self) -> None:
        while not self._stopping.is_set():
            consumer = kafka_consumer(self._settings, **{"log_level": LOG_CRITICAL, **gathering(_GATHER_MS)})
            try:
                self._follow(consumer)
            except KafkaException as error:
                _log.warning("market.ticks cannot be followed, trying again: %s", error)
                self._stopping.wait(_RETRY_S)
            finally:
                consumer.close()

    def _follow(self, consumer: Consumer) -> None:
        consumer.assign(self._tails(consumer))
        while not self._stopping.is_set():
            for message in consumer.consume(500, timeout=0.2):
                error = message.error()
                if error is None:
                    self._take(message)
                elif error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)

    def _tails(self, consumer: Consumer) -> list[TopicPartition]:
        found = consumer.list_topics(self._topic, timeout=_METADATA_S).topics[self._topic]
        if found.error is not None:
            raise KafkaException(found.error)
        tails = []
        for number in found.partitions:
            partition = TopicPartition(self._topic, number)
            low, high = consumer.get_watermark_offsets(partition, timeout=_METADATA_S)
            tails.append(TopicPartition(self._topic, number, max(low, high - _TAIL_RECORDS)))
        return tails

    def _take(self, message: Message) -> None:
        try:
            tick = codec.decode(message.value(), cast("codec.Headers | None", message.headers()))
        except UnreadableInput as error:
            _log.warning("no tick at %s/%s: %s", message.partition(), message.offset(), error)
            return
        if isinstance(tick, Tick) and tick.symbol in self._symbols:
            self._prices[tick.symbol] = tick.price


def protection_price(last: Decimal, allowance: Decimal, increment: Decimal) -> Decimal:
    """The worst price a market buy may fill at: `last` × (1 + `allowance`), rounded up to the increment."""
    return (last * (1 + allowance) / increment).to_integral_value(ROUND_CEILING) * increment
