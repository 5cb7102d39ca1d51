"""The tape: one partition of a chained topic, a tamper-evident log with one writer (design section 2)."""

from streams.tape.chain import Chain, Head
from streams.tape.hashing import genesis, record_hash, seal
from streams.tape.reader import TapeReader, check_there, end_offsets, kafka_lookup, read_range
from streams.tape.record import TapeRecord
from streams.tape.writer import Appended, Interrupted, Sealed, TapeWriter, Unsealed

__all__ = [
    "Appended",
    "Chain",
    "Head",
    "Interrupted",
    "Sealed",
    "TapeReader",
    "TapeRecord",
    "TapeWriter",
    "Unsealed",
    "check_there",
    "end_offsets",
    "genesis",
    "kafka_lookup",
    "read_range",
    "record_hash",
    "seal",
]
