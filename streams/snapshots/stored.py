"""What a partition of a snapshot topic holds, from its records in their order.

The newest record of each key counts. A state whose newest pieces are not of one version was being written when its
writer died: then the version before it counts, for as long as compaction has left it there. Whether what is found adds
up is for streams.snapshots.restoring to say.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from domain.errors import SnapshotError, UnreadableInput
from streams.snapshots.form import EPOCH_KEY, Codec, Epoch, Part, key_of


class StoredState(NamedTuple):
    """A state as it was written. offset: of its newest piece; pieces: how many."""

    key: str
    number: int
    version: int
    pieces: int
    offset: int
    data: bytes


class Stored(NamedTuple):
    """epoch: the newest one of our form, at epoch_offset. states: by key. keys: Kafka keys that hold anything.

    foreign: records of other forms, which were passed over.
    """

    epoch: Epoch | None
    epoch_offset: int
    states: dict[str, StoredState]
    keys: frozenset[bytes]
    foreign: int


class Reading:
    """Takes the records of one partition from its beginning to its end."""

    def __init__(self, topic: str, partition: int, codec: Codec) -> None:
        self._topic = topic
        self._partition = partition
        self._codec = codec
        self._epoch: Epoch | None = None
        self._epoch_offset = -1
        self._states: dict[str, StoredState] = {}
        self._pieces: dict[str, dict[int, Part]] = {}
        self._damaged: dict[bytes | None, tuple[int, str]] = {}
        self._keys: set[bytes] = set()
        self._foreign = 0

    @property
    def keys(self) -> frozenset[bytes]:
        """The Kafka keys that hold anything, readable or not."""
        return frozenset(self._keys)

    def take(self, offset: int, key: bytes | None, value: bytes | None) -> None:
        if value is None:
            self._end(key or b"")
            return
        if key is not None:
            self._keys.add(key)
        try:
            content = self._codec.read(key, value)
        except UnreadableInput as error:
            self._damaged[key] = (offset, str(error))
            return
        if content is None:
            self._foreign += 1
            return
        self._damaged.pop(key, None)
        if isinstance(content, Epoch):
            self._epoch, self._epoch_offset = content, offset
        elif content.count == 1:
            self._pieces.pop(content.key, None)
            self._keep(content, offset, content.data)
        else:
            self._take_piece(content, offset)

    def stored(self) -> Stored:
        """Raises SnapshotError when a record that counts is damaged, or a state is there in part."""
        for offset, problem in self._damaged.values():
            raise SnapshotError(self._topic, self._partition, offset, problem)
        for key, pieces in self._pieces.items():
            if pieces and key not in self._states:
                versions = sorted({piece.version for piece in pieces.values()})
                problem = f"state {key!r} is there in part: pieces {sorted(pieces)} of versions {versions}"
                raise SnapshotError(self._topic, self._partition, None, problem)
        return Stored(self._epoch, self._epoch_offset, self._states, self.keys, self._foreign)

    def _end(self, key: bytes) -> None:
        self._keys.discard(key)
        self._damaged.pop(key, None)
        piece = key_of(key)
        if key == EPOCH_KEY:
            self._epoch = None
        elif piece is not None:
            name, index = piece
            self._pieces.get(name, {}).pop(index, None)
            if index == 0:
                self._states.pop(name, None)

    def _take_piece(self, piece: Part, offset: int) -> None:
        pieces = self._pieces.setdefault(piece.key, {})
        pieces[piece.index] = piece
        alike = [one for one in pieces.values() if (one.version, one.count, one.whole) == _kind(piece)]
        if len(alike) < piece.count:
            return
        data = b"".join(one.data for one in sorted(alike, key=lambda one: one.index))
        digest = hashlib.sha256(data).digest()
        if digest != piece.whole:
            self._damaged[f"whole:{piece.key}".encode()] = (
                offset,
                f"the pieces of state {piece.key!r} give {digest.hex()}, expected {piece.whole.hex()}",
            )
            return
        self._damaged.pop(f"whole:{piece.key}".encode(), None)
        self._keep(piece, offset, data)
        del self._pieces[piece.key]

    def _keep(self, part: Part, offset: int, data: bytes) -> None:
        self._states[part.key] = StoredState(part.key, part.number, part.version, part.count, offset, data)


def _kind(piece: Part) -> tuple[int, int, bytes]:
    return piece.version, piece.count, piece.whole
