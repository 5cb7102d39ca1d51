"""The records of a snapshot topic (compacted; partition n belongs to partition n of the tape).

One record per state, or several parts where one would be too large, then an epoch: the place on the tape from which to
read on, and what the states must add up to there.

value = form (16 bytes) ‖ SHA-256( tag ‖ genesis of the tape ‖ form ‖ u32 length ‖ key ‖ body ) ‖ body (MessagePack)
form  = the first 16 bytes of SHA-256 over what shapes a state: its layout, and the settings that it depends on.
A record that was changed, cut off, or copied from another tape or key is damaged; one of another form is passed over.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from domain.errors import UnreadableInput
from streams.tape import Head, Position, genesis

PART_BYTES_MAX = 500_000
"""Of a state's bytes in one record; brokers and clients take about 1 MB."""
EPOCH_KEY = b"epoch"
_VERSION = "1"
_FORM_BYTES, _DIGEST_BYTES = 16, 32
_TAG = b"tapeledger:snapshot:v1\n"
_MEMBER_TAG = b"tapeledger:snapshot-member:v1\n"
_MODULUS = 1 << 256
_u32 = struct.Struct(">I").pack
_u64 = struct.Struct(">Q").pack


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A state or a piece of one, as of `version`. number: its place in the order in which the agent came to know them.

    index, count: which of how many pieces. whole: SHA-256 over all pieces together, empty when there is but one.
    """

    key: str
    number: int
    version: int
    index: int
    count: int
    whole: bytes
    data: bytes


class Epoch(msgspec.Struct, frozen=True, array_like=True):
    """A place on the tape, and all states as of that place. checksum: see `Members`. causes: topic -> last offset.

    Every state of the snapshot is of this place or of a later one. written_at_us: wall time, for people.
    """

    next_offset: int
    head_seq: int
    head_hash: bytes
    head_offset: int
    causes: dict[str, int]
    count: int
    checksum: bytes
    written_at_us: int

    @property
    def position(self) -> Position:
        return Position(self.next_offset, Head(self.head_seq, self.head_hash), self.head_offset)


class Record(NamedTuple):
    """What is sent. value None: the key is over."""

    key: bytes
    value: bytes | None


class Members:
    """The sum modulo 2^256 of SHA-256 over each (key, version), and how many: whichever way it was come by.

    A state that is missing, is one too many or of another version gives another sum.
    """

    def __init__(self, count: int = 0, checksum: bytes = bytes(32)) -> None:
        self.count = count
        self._sum = int.from_bytes(checksum, "big")

    def move(self, key: str, before: int, after: int) -> None:
        """A state went from one version to another. 0: it does not exist."""
        if before:
            self.count -= 1
            self._sum = (self._sum - _member(key, before)) % _MODULUS
        if after:
            self.count += 1
            self._sum = (self._sum + _member(key, after)) % _MODULUS

    def copy(self) -> Members:
        return Members(self.count, self.checksum)

    @property
    def checksum(self) -> bytes:
        return self._sum.to_bytes(32, "big")


def _member(key: str, version: int) -> int:
    return int.from_bytes(hashlib.sha256(_MEMBER_TAG + _u64(version) + key.encode()).digest(), "big")


def form_of(*shaped_by: str | int) -> bytes:
    """The form of states that depend on these (16 bytes)."""
    text = "\n".join([_VERSION, *map(str, shaped_by)])
    return hashlib.sha256(text.encode()).digest()[:_FORM_BYTES]


def part_key(key: str, index: int) -> bytes:
    """The Kafka key of a piece; compaction keeps the newest of each."""
    return f"state:{index}:{key}".encode()


def key_of(raw: bytes) -> tuple[str, int] | None:
    """The state and the index that a Kafka key names; None when it names none."""
    prefix, _, rest = raw.partition(b":")
    index, _, key = rest.partition(b":")
    if prefix != b"state" or not index.isdigit():
        return None
    return key.decode(errors="replace"), int(index)


class Codec:
    """The records of one tape in one form. part_bytes_max: smaller in tests."""

    def __init__(self, topic: str, partition: int, form: bytes, part_bytes_max: int = PART_BYTES_MAX) -> None:
        self.form = form
        self._genesis = genesis(topic, partition)
        self._part_bytes_max = part_bytes_max
        self._encode = msgspec.msgpack.Encoder(order="deterministic").encode
        self._parts: msgspec.msgpack.Decoder[Part] = msgspec.msgpack.Decoder(Part)
        self._epochs: msgspec.msgpack.Decoder[Epoch] = msgspec.msgpack.Decoder(Epoch)

    def state(self, key: str, number: int, version: int, data: bytes) -> Iterator[Record]:
        """The records of a state, in the order of its pieces."""
        size = self._part_bytes_max
        pieces = [data[start : start + size] for start in range(0, len(data), size)] or [b""]
        whole = hashlib.sha256(data).digest() if len(pieces) > 1 else b""
        for index, piece in enumerate(pieces):
            part = Part(key, number, version, index, len(pieces), whole, piece)
            yield self._sealed(part_key(key, index), part)

    def epoch(self, epoch: Epoch) -> Record:
        return self._sealed(EPOCH_KEY, epoch)

    def read(self, key: bytes | None, value: bytes) -> Part | Epoch | None:
        """What a record holds; None when it is of another form.

        Raises UnreadableInput when it is not what was written, under this key and for this tape.
        """
        if len(value) < _FORM_BYTES + _DIGEST_BYTES:
            raise UnreadableInput(
                f"expected at least {_FORM_BYTES + _DIGEST_BYTES} bytes, form and digest, it has {len(value)}"
            )
        form, claimed = value[:_FORM_BYTES], value[_FORM_BYTES : _FORM_BYTES + _DIGEST_BYTES]
        body = value[_FORM_BYTES + _DIGEST_BYTES :]
        if form != self.form:
            return None
        if key is None or (digest := self._digest(key, body)) != claimed:
            raise UnreadableInput(
                f"its digest is {digest.hex() if key is not None else 'none, for it has no key'}, "
                f"it says {claimed.hex()}: it was changed, or written for another place"
            )
        try:
            return self._epochs.decode(body) if key == EPOCH_KEY else self._part(key, body)
        except msgspec.DecodeError as error:
            raise UnreadableInput(f"neither a state nor an epoch: {error}") from error

    def _part(self, key: bytes, body: bytes) -> Part:
        part = self._parts.decode(body)
        if key != part_key(part.key, part.index) or not 0 <= part.index < part.count or part.version < 1:
            raise UnreadableInput(f"piece {part.index} of {part.count} of {part.key!r}, under the key {key!r}")
        return part

    def _sealed(self, key: bytes, content: msgspec.Struct) -> Record:
        body = self._encode(content)
        return Record(key, b"".join((self.form, self._digest(key, body), body)))

    def _digest(self, key: bytes, body: bytes) -> bytes:
        head = b"".join((_TAG, self._genesis, self.form, _u32(len(key)), key))
        return hashlib.sha256(head + body).digest()
