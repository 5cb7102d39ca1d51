"""What `tape_causes` must hold: behind which input of each topic each partition of a tape has answered."""

from __future__ import annotations

from audit.compare import Place, Row, StateTable
from streams.codec import cause_of
from streams.tape import TapeRecord

CAUSES = StateTable("tape_causes", ("topic", "partition", "cause_topic"), ("next_offset", "record_offset"))


class ExpectedCauses:
    """Takes live records of every tape in their order. touched: the last event that names each topic of inputs."""

    def __init__(self) -> None:
        self.touched: dict[tuple[str, Row], Place] = {}
        self._rows: dict[Row, Row] = {}

    def take(self, record: TapeRecord) -> None:
        """Raises UnreadableInput where a record's cause is none."""
        cause = cause_of(record.headers)
        if cause is None:
            return
        key = (record.topic, record.partition, cause.topic)
        before, _ = self._rows.get(key, (0, -1))
        self._rows[key] = (max(before, cause.offset + 1), record.offset)
        self.touched[CAUSES.name, key] = Place(record.topic, record.partition, record.offset)

    def rows(self) -> dict[Row, Row]:
        return self._rows
