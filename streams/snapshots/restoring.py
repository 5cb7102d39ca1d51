"""Puts a snapshot's states back, reads on from its epoch, and holds the two against each other.

States are written while the agent goes on deciding, so a state may be newer than the epoch. Then events behind the
epoch lead up to it: the first of them gives the version that the state had at the epoch, and those that it has already
seen are passed over. At the end the versions at the epoch must add up to the epoch's checksum. So a state that is lost,
stale, one too many or ahead of the tape is found, whoever wrote it.

Boundaries: that a state of the right version also has the right content rests on its digest and on whoever wrote it;
`tape audit snapshots` folds the tape and compares.
Verification: tests/streams/snapshots.
"""

from __future__ import annotations

from typing import Any, NoReturn

from domain.errors import SnapshotError, TapeledgerError
from streams.decider import Decider, Folded
from streams.snapshots.form import Epoch, Members
from streams.snapshots.port import States
from streams.snapshots.stored import Stored


class Restoring:
    """decider: an empty one, which gets the states and then the events behind the epoch.

    Raises SnapshotError, here and in every method, when the snapshot is not what the tape says; the decider is to be
    thrown away then.
    """

    def __init__(
        self, topic: str, partition: int, states: States, stored: Stored, epoch: Epoch, decider: Decider
    ) -> None:
        self._topic = topic
        self._partition = partition
        self._states = states
        self._stored = stored
        self._epoch = epoch
        self._decider: Any = decider
        self._restored: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        self.changed: dict[str, int] = {}
        """Each state that was touched behind the epoch, with its version at the epoch (0: it was not there)."""
        for state in sorted(stored.states.values(), key=lambda one: one.number):
            try:
                found = states.restore(decider, state.data)
            except TapeledgerError as error:
                raise self._error(state.offset, str(error)) from error
            if found != (state.key, state.version):
                self._fail(state.key, f"expected {state.key!r} version {state.version}, it holds {found}")
            self._restored[state.key] = state.version

    def take(self, event: Folded) -> None:
        """The next live event behind the epoch."""
        touched = self._states.touched(event.message)
        if touched is None:
            self._decider.fold(event)
            return
        key, version = touched
        restored = self._restored.get(key, 0)
        expected = self._seen.get(key)
        if expected is None:
            self.changed[key] = version - 1
            if restored < version - 1:
                self._fail(key, f"it is of version {restored}, the tape goes on behind the epoch with {version}")
        elif version != expected:
            self._fail(key, f"the tape goes on with version {version}, expected {expected}")
        self._seen[key] = version + 1
        if version > restored:
            self._decider.fold(event)
        elif version == 1:  # it began behind the epoch, as others do that have to come before it
            self._states.move_last(self._decider, key)

    def members(self) -> Members:
        """What the epoch adds up to, once all events are taken."""
        members = Members()
        for key, restored in self._restored.items():
            if key in self._seen and restored >= self._seen[key]:
                self._fail(key, f"it is of version {restored}, the tape ends with {self._seen[key] - 1}")
            members.move(key, 0, self.changed.get(key, restored))
        for key in self.changed.keys() - self._restored.keys():
            members.move(key, 0, self.changed[key])
        if (members.count, members.checksum) != (self._epoch.count, self._epoch.checksum):
            raise self._error(
                self._stored.epoch_offset,
                f"at the epoch (tape offset {self._epoch.next_offset}) expected {self._epoch.count} states, checksum "
                f"{self._epoch.checksum.hex()}, found {members.count}, {members.checksum.hex()}: a state is lost, "
                "stale or ahead of the tape",
            )
        return members

    def _fail(self, key: str, problem: str) -> NoReturn:
        state = self._stored.states.get(key)
        raise self._error(state.offset if state else None, f"state {key!r}: {problem}")

    def _error(self, offset: int | None, problem: str) -> SnapshotError:
        return SnapshotError(self._topic, self._partition, offset, problem)
