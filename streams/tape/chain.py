"""The rule by which every reader takes records of a tape (design promise 2), as a pure state machine.

A record that extends the head is live. A record that is whole and follows a known record that is not the head, or
follows a dead one, was written by a writer that had lost its partition: dead, skipped, counted. All else stops the
reader.
Verification: tests/streams/tape/test_chain.py (tampering is named), test_simulation.py (any schedule gives one chain).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from domain.errors import ChainError
from streams.tape.hashing import CHAIN_HEADERS, HASH, PREV, SEQ, genesis, record_hash
from streams.tape.record import TapeRecord

KNOWN_MAX = 100_000
Lookup = Callable[[bytes, int, int], bool]


class Head(NamedTuple):
    """The newest live record: its number (0 before the first) and its hash."""

    seq: int
    hash: bytes


class Position(NamedTuple):
    """A place on a tape: the next record's offset, the head before it, and the head's own offset (-1: none yet)."""

    next_offset: int
    head: Head
    head_offset: int


class Chain:
    """The chain of one tape as far as it has been read. Memory is bounded: the newest `KNOWN_MAX` hashes are kept.

    lookup(hash, seq, before): is there a record (live or dead) of that hash and number at an offset below `before`?
    Asked when a record's predecessor is not among the kept ones, which happens after `resume` or when a writer slept
    for very long. It must not find what stands at `before` or behind it, or a record that was moved forward would
    count as dead.
    """

    def __init__(self, topic: str, partition: int, head: Head | None = None, lookup: Lookup | None = None) -> None:
        self.topic = topic
        self.partition = partition
        self.head = head or Head(0, genesis(topic, partition))
        self.dead = 0
        self._lookup = lookup
        self._known: OrderedDict[bytes, int] = OrderedDict({self.head.hash: self.head.seq})

    @classmethod
    def resume(cls, topic: str, partition: int, head: Head, lookup: Lookup) -> Chain:
        """Go on behind `head`, whose hash was checked when it was read."""
        return cls(topic, partition, head, lookup)

    @classmethod
    def head_of(cls, record: TapeRecord) -> Head:
        """What a record would be as a head, wherever it stands. Raises ChainError when it is not whole."""
        return cls(record.topic, record.partition)._whole(record)[0]

    def accept(self, record: TapeRecord) -> bool:
        """True when the record extends the chain (it is the head now), False when it is dead. Raises ChainError."""
        (seq, digest), prev = self._whole(record)
        if prev == self.head.hash and seq == self.head.seq + 1:
            self.head = Head(seq, digest)
            self._remember(digest, seq)
            return True
        known = self._seq_of(prev, seq, record.offset)
        if known is None:
            raise self._error(
                record,
                f"it follows {prev.hex()}, which is not on this tape (head is number {self.head.seq}, "
                f"{self.head.hash.hex()}): something is missing, or it was written for another tape",
            )
        if seq != known + 1:
            raise self._error(record, f"its number is {seq}, expected {known + 1} after the record it follows")
        self.dead += 1
        self._remember(digest, seq)
        return False

    def extend(self, head: Head) -> None:
        """Take a record that the caller has sealed behind the head, and that stands where it was expected."""
        if head.seq != self.head.seq + 1:
            raise ValueError(f"expected number {self.head.seq + 1}, it was {head.seq}")
        self.head = head
        self._remember(head.hash, head.seq)

    def _seq_of(self, prev: bytes, seq: int, before: int) -> int | None:
        """The number of the known record of that hash, None if there is none."""
        known = self._known.get(prev)
        if known is not None:
            return known
        if seq == 1 and prev == genesis(self.topic, self.partition):
            return 0
        if self._lookup is not None and seq > 1 and self._lookup(prev, seq - 1, before):
            return seq - 1
        return None

    def _remember(self, digest: bytes, seq: int) -> None:
        self._known[digest] = seq
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)

    def _whole(self, record: TapeRecord) -> tuple[Head, bytes]:
        """The record's own number and hash, and what it names as its predecessor."""
        seq, prev, claimed = self._chain_headers(record)
        digest = record_hash(seq, prev, record.key, record.value, record.headers)
        if digest != claimed:
            raise self._error(record, f"its hash is {digest.hex()}, its header says {claimed.hex()}: it was changed")
        return Head(seq, digest), prev

    def _chain_headers(self, record: TapeRecord) -> tuple[int, bytes, bytes]:
        if record.topic != self.topic or record.partition != self.partition:
            raise self._error(record, f"it belongs to another tape than {self.topic}/{self.partition}")
        found: dict[str, bytes] = {}
        for name, content in record.headers:
            if name in CHAIN_HEADERS:
                if name in found:
                    raise self._error(record, f"header {name} stands twice")
                found[name] = content
        try:
            seq, prev, claimed = found[SEQ], bytes.fromhex(found[PREV].decode()), bytes.fromhex(found[HASH].decode())
            if not seq.isdigit() or str(int(seq)).encode() != seq or not 0 < int(seq) < 2**63:
                raise ValueError(f"tape-seq is {seq!r}")
            for name, digest in ((PREV, prev), (HASH, claimed)):
                if len(digest) != 32 or digest.hex().encode() != found[name]:
                    raise ValueError(f"{name} is {found[name]!r}")
        except (KeyError, ValueError, AttributeError) as error:
            raise self._error(
                record,
                f"expected headers tape-seq (a number), tape-prev and tape-hash (64 lower-case hex digits): {error!r}",
            ) from error
        return int(seq), prev, claimed

    @staticmethod
    def _error(record: TapeRecord, problem: str) -> ChainError:
        return ChainError(record.topic, record.partition, record.offset, problem)
