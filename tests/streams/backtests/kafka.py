"""Messages on `backtest.requests`, readable and not."""

from __future__ import annotations

from typing import Any, cast

from domain.backtests import BacktestCancelled, BacktestRequested
from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams import codec
from streams.tape import TapeRecord

TOPIC = "backtest.requests"


def record(message: Any, offset: int, partition: int = 0, topic: str = TOPIC) -> TapeRecord:
    """As the broker would give it."""
    value, headers = codec.encode(message, id_="m", source="test", time_us=1, subject="s")
    return TapeRecord(topic, partition, offset, 0, b"k", value, headers)


def send(settings: Settings, *messages: BacktestRequested | BacktestCancelled | bytes) -> None:
    """Bytes are put there as they are, without headers, in partition 0."""
    producer = kafka_producer(settings)
    for message in messages:
        if isinstance(message, bytes):
            producer.produce(settings.topic(TOPIC), value=message, partition=0)
            continue
        value, headers = codec.encode(message, id_="m", source="test", time_us=1, subject=message.backtest_id)
        key = message.backtest_id.encode()
        producer.produce(settings.topic(TOPIC), key=key, value=value, headers=cast(Any, headers))
    assert producer.flush(30) == 0
