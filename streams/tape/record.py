"""One record of a partition, as the broker has it."""

from __future__ import annotations

from typing import Any, NamedTuple

from domain.errors import UnreadableInput
from streams import codec
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

    def decoded(self) -> Any:
        """The message. Raises UnreadableInput, naming the record, when this program cannot read it."""
        try:
            return codec.decode(self.value, self.headers)
        except UnreadableInput as error:
            raise UnreadableInput(f"{self.topic}/{self.partition} at offset {self.offset}: {error}") from error
