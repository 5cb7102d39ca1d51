"""The tape: one partition of a chained topic, a tamper-evident log with one writer (design section 2)."""

from streams.tape.chain import Chain, Head, Position
from streams.tape.hashing import genesis, record_hash, seal
from streams.tape.reader import TapeReader, bounds, check_there, end_offsets, kafka_lookup, read_after, read_range
from streams.tape.record import TapeRecord
from streams.tape.writer import Appended, Interrupted, Sealed, TapeWriter, Unsealed

__all__ = [
    "Appended",
    "Chain",
    "Head",
    "Interrupted",
    "Position",
    "Sealed",
    "TapeReader",
    "TapeRecord",
    "TapeWriter",
    "Unsealed",
    "bounds",
    "check_there",
    "end_offsets",
    "genesis",
    "kafka_lookup",
    "read_after",
    "read_range",
    "record_hash",
    "seal",
]
