"""Writing the snapshots of one partition, in rounds that go on beside the work: a pure state machine.

A round begins with an epoch: the end of the tape and what all states add up to there. Then the states that have changed
since the epoch before are written chunk by chunk, each as it is when its turn comes, and the epoch's record comes last.
Until it is there the epoch before it holds, and what was written is newer than that one needs, which is no harm.

Boundaries: the caller calls `chunk` and `begin` only while all that the decider holds is known to be on the chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runtime.clock import now_us
from streams.decider import Folded
from streams.snapshots.form import EPOCH_KEY, Codec, Epoch, Members, Record, part_key
from streams.snapshots.port import States
from streams.snapshots.stored import Stored
from streams.tape import Position

CHUNK_STATES_MAX = 50
CHUNK_BYTES_MAX = 1_000_000


class Checkpoint:
    """What was written of one decider, and what is to be.

    causes: topic -> offset of the last input on the tape. changed: states to write -> their version at the last epoch.
    members: what that epoch adds up to. keys: Kafka keys that hold something nobody can use, to be ended by a round.
    """

    def __init__(
        self,
        codec: Codec,
        states: States,
        decider: Any,
        causes: Mapping[str, int],
        *,
        epoch_offset: int = 0,
        members: Members | None = None,
        changed: Mapping[str, int] | None = None,
        stored: Stored | None = None,
        keys: Iterable[bytes] = (),
    ) -> None:
        self.epoch_offset = epoch_offset
        self.written = 0
        self._codec = codec
        self._states = states
        self._decider = decider
        self._causes = dict(causes)
        self._members = members or Members()
        self._numbers = {key: number for number, key in enumerate(states.keys(decider))}
        self._changed = dict.fromkeys(self._numbers, 0) if changed is None else dict(changed)
        found = stored.states.values() if stored else ()
        self._pieces = {state.key: state.pieces for state in found if state.pieces > 1}
        self._leftovers = set(keys) - {EPOCH_KEY}
        self._epoch: Epoch | None = None
        self._epoch_members = self._members
        self._writing: dict[str, int] = {}
        self._pending: list[str] = []
        self._ended = False

    @property
    def changed(self) -> int:
        """How many states the next round has to write."""
        return len(self._changed)

    @property
    def drained(self) -> bool:
        """Whether all of the round but its epoch was given out."""
        return not self._pending and self._ended

    def appended(self, events: Iterable[Folded]) -> None:
        """These events are on the chain, and in the decider."""
        for event in events:
            self._causes[event.cause.topic] = event.cause.offset
            touched = self._states.touched(event.message)
            if touched is not None:
                key, version = touched
                self._changed.setdefault(key, version - 1)
                self._numbers.setdefault(key, len(self._numbers))

    def begin(self, position: Position) -> None:
        """Begin a round. position: the end of the tape, to which the decider is folded."""
        assert self._epoch is None, "a round is under way"
        members = self._members.copy()
        for key, before in self._changed.items():
            members.move(key, before, self._states.version(self._decider, key))
        self._epoch = Epoch(
            position.next_offset,
            position.head.seq,
            position.head.hash,
            position.head_offset,
            dict(self._causes),
            members.count,
            members.checksum,
            now_us(),
        )
        self._epoch_members = members
        self._writing, self._changed = self._changed, {}
        self._pending = list(reversed(self._writing))
        self._ended = False
        self.written = 0

    def chunk(self, states_max: int = CHUNK_STATES_MAX, bytes_max: int = CHUNK_BYTES_MAX) -> list[Record]:
        """The next records of the round: so many states, or the first with which there are so many bytes."""
        records: list[Record] = []
        size = count = 0
        while self._pending and count < states_max and size < bytes_max:
            made = self._records(self._pending.pop())
            records += made
            size += sum(len(record.value or b"") for record in made)
            count += 1
        self.written += count
        if not self._pending:
            records += [Record(key, None) for key in sorted(self._leftovers)]
            self._ended = True
        return records

    def epoch(self) -> Record:
        """The record that ends the round, to be sent when all chunks are acknowledged."""
        assert self._epoch is not None, "no round is under way"
        assert self.drained, "the round is not over"
        return self._codec.epoch(self._epoch)

    def commit(self) -> None:
        """The epoch's record is acknowledged: from here on this is the epoch that holds."""
        assert self._epoch is not None, "no round is under way"
        self.epoch_offset = self._epoch.next_offset
        self._members = self._epoch_members
        self._epoch, self._writing = None, {}
        self._leftovers.clear()

    def abandon(self) -> None:
        """The round did not come to its end; the next one writes all that this one had to."""
        self._changed = {**self._changed, **self._writing}
        self._epoch, self._writing, self._pending = None, {}, []

    def _records(self, key: str) -> list[Record]:
        version = self._states.version(self._decider, key)
        data = self._states.dump(self._decider, key)
        records = list(self._codec.state(key, self._numbers[key], version, data))
        before = self._pieces.pop(key, 1)
        if len(records) > 1:
            self._pieces[key] = len(records)
        self._leftovers.difference_update(record.key for record in records)
        return records + [Record(part_key(key, index), None) for index in range(len(records), before)]
