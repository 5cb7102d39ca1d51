"""A simulated partition: a plain list that gives offsets, with no code of the project in it but hashing's `seal`."""

from __future__ import annotations

from streams.tape import Head, TapeRecord, genesis, seal

TOPIC = "some.tape"


class Log:
    """Records in the order in which they landed."""

    def __init__(self) -> None:
        self.records: list[TapeRecord] = []

    def land(self, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> int:
        offset = len(self.records)
        self.records.append(TapeRecord(TOPIC, 0, offset, 0, key, value, headers))
        return offset


def origin() -> Head:
    return Head(0, genesis(TOPIC, 0))


def sealed(head: Head, value: bytes, key: bytes = b"k") -> tuple[Head, list[tuple[str, bytes]]]:
    """The head after a record behind `head`, and the record's headers."""
    digest, headers = seal(head.seq + 1, head.hash, key, value, [("ce_id", value)])
    return Head(head.seq + 1, digest), headers
