"""One record of a partition, as the broker has it."""

from __future__ import annotations

from typing import Any, NamedTuple

from streams.codec import Headers


class TapeRecord(NamedTuple):
    """Raw bytes and position. timestamp_ms: Kafka's CreateTime, milliseconds since 1970 UTC."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @classmethod
    def of(cls, message: Any) -> TapeRecord:
        """From a confluent_kafka.Message without an error."""
        return cls(
            message.topic(),
            message.partition(),
            message.offset(),
            message.timestamp()[1],
            message.key(),
            message.value(),
            message.headers() or [],
        )
