"""Goal: a start from a snapshot gives what the whole tape gives, or says that it cannot. Never anything else.

Method: random histories on a simulated tape; rounds begin, go on chunk by chunk beside the work, end or are broken off
by a kill; old records are compacted away; a worker that lost its partition goes on writing. After every step the
snapshot is loaded and compared with a fold of all events. Then defects are planted, and the comparison must find them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from domain.errors import BooksError, SnapshotError
from streams.snapshots import checkpoint, restoring, stored
from streams.snapshots.form import Members
from tests.hunting import DEFECT_HUNT, RANDOM_TRADING
from tests.streams.snapshots.simulated import Agent, Simulated, deposit, filled, opening, order

RANDOM = settings(RANDOM_TRADING, stateful_step_count=50)
HUNT = settings(DEFECT_HUNT, stateful_step_count=50)
numbers = st.integers(min_value=0, max_value=4)


class Worker(RuleBasedStateMachine):
    """One worker, killed and started again at any time. What it loads must be whole: nobody disturbs it."""

    damage_allowed = False

    def __init__(self) -> None:
        super().__init__()
        self.world = Simulated()
        self.agent = self.world.folded()
        self.count = 0
        self.writing = False

    @initialize()
    def begin_with_something(self) -> None:
        self.open(0)

    # Work

    @rule(number=numbers)
    def open(self, number: int) -> None:
        self.world.decide(self.agent, opening(number))

    @rule(number=numbers)
    def pay(self, number: int) -> None:
        """Changes the account, or is refused when there is none: an event that changes nothing."""
        self.count += 1
        self.world.decide(self.agent, deposit(number, self.count))

    @rule(number=numbers, fill=st.booleans())
    def trade(self, number: int, fill: bool) -> None:
        self.count += 1
        placed = self.world.decide(self.agent, order(number, self.count))
        if fill and placed is not None and placed.message.originator_version:
            self.world.decide(self.agent, filled(number, placed.message.order.order_id, self.count))

    @rule()
    def somebody_too_late_writes(self) -> None:
        """A dead record: it has an offset, and that is all."""
        self.world.events.append(None)

    # Snapshots

    @precondition(lambda self: not self.writing)
    @rule()
    def begin(self) -> None:
        self.agent.checkpoint.begin(self.world.end())
        self.writing = True

    @precondition(lambda self: self.writing)
    @rule(states=st.integers(min_value=1, max_value=3), lost=st.integers(min_value=0, max_value=3))
    def go_on(self, states: int, lost: int) -> None:
        """A chunk; when its last records are lost, the round is given up."""
        records = self.agent.checkpoint.chunk(states)
        self.world.send(records[: len(records) - lost] if lost == 3 else records)
        if lost == 3:
            self.agent.checkpoint.abandon()
            self.writing = False

    @precondition(lambda self: self.writing and self.agent.checkpoint.drained)
    @rule()
    def end(self) -> None:
        self.world.send([self.agent.checkpoint.epoch()])
        self.agent.checkpoint.commit()
        self.writing = False

    @precondition(lambda self: not self.writing)
    @rule()
    def write_all_of_it(self) -> None:
        self.world.write(self.agent)

    @rule(data=st.data())
    def compact(self, data: st.DataObject) -> None:
        self.world.compact(data.draw(st.integers(0, len(self.world.snapshots)), label="up to"))

    @rule()
    def kill_and_start(self) -> None:
        self.agent = self.load()
        self.writing = False

    def load(self) -> Agent:
        """What a start gives: the snapshot, or the tape when there is none, or when it does not hold."""
        try:
            loaded = self.world.loaded()
        except SnapshotError as error:
            # A kill within an account of several pieces, the older of which were compacted away, is the one excuse.
            in_part = "is there in part" in str(error)
            assert self.damage_allowed or in_part, "nobody did harm, and yet the snapshot does not hold"
            loaded = None
        return loaded or self.world.folded()

    @invariant()
    def a_start_gives_what_the_tape_gives(self) -> None:
        truth = self.world.folded()
        found = self.load()

        assert found.decider.ledger.digest() == truth.decider.ledger.digest()
        assert list(found.decider.ledger.accounts) == list(truth.decider.ledger.accounts)
        assert found.checkpoint._causes == truth.checkpoint._causes


class Two(Worker):
    """Also a worker that lost its partition and does not know it: what it holds is old, and it goes on writing it.

    Records of it are stale. Either that is found, or what it wrote does no harm.
    """

    damage_allowed = True

    def __init__(self) -> None:
        super().__init__()
        self.late = self.world.folded()
        self.late_writing = False

    @precondition(lambda self: not self.late_writing)
    @rule()
    def lose_the_partition(self) -> None:
        """The late one was loaded like any other; from now on it hears nothing."""
        self.late = self.load()
        self.late.checkpoint.begin(self.world.end())
        self.late_writing = True

    @precondition(lambda self: self.late_writing)
    @rule(states=st.integers(min_value=1, max_value=5))
    def the_late_one_writes(self, states: int) -> None:
        self.world.send(self.late.checkpoint.chunk(states))

    @precondition(lambda self: self.late_writing and self.late.checkpoint.drained)
    @rule()
    def the_late_one_ends(self) -> None:
        self.world.send([self.late.checkpoint.epoch()])
        self.late_writing = False


def test_whenever_a_worker_is_killed_its_successor_has_what_the_tape_has() -> None:
    """One worker, killed at any point of a round: the snapshot always holds, and gives the state of the tape."""
    run_state_machine_as_test(Worker, settings=RANDOM)


def test_a_late_worker_does_no_harm() -> None:
    """Two workers write snapshots at once: a start gives the state of the tape."""
    run_state_machine_as_test(Two, settings=RANDOM)


def test_a_state_that_is_newer_than_the_epoch_keeps_its_place() -> None:
    """Account 1 was opened after account 2 and written before it, in a round without an epoch."""
    worker = Worker()
    worker.begin_with_something()
    worker.begin()
    worker.open(2)
    worker.go_on(states=1, lost=0)
    worker.end()
    worker.begin()
    worker.open(1)
    worker.go_on(states=1, lost=3)
    worker.begin()
    worker.go_on(states=1, lost=0)

    worker.a_start_gives_what_the_tape_gives()


def _nothing(*_: Any) -> None: ...


def _unchecked(self: Any) -> Members:
    return Members(self._epoch.count, self._epoch.checksum)


def _all_folded(self: Any, event: Any) -> None:
    touched = self._states.touched(event.message)
    if touched is not None:
        self.changed.setdefault(touched[0], touched[1] - 1)
        self._seen[touched[0]] = touched[1] + 1
    self._decider.fold(event)


def _without_causes(self: Any) -> Any:
    return self._codec.epoch(msgspec.structs.replace(self._epoch, causes={}))


def _forgetful(self: Any) -> None:
    self._epoch, self._writing, self._pending = None, {}, []


def _first_come(self: Any, part: Any, offset: int, data: bytes) -> None:
    if part.key not in self._states:
        _keep(self, part, offset, data)


_keep = stored.Reading._keep
DEFECTS: dict[str, tuple[type[Worker], Any, str, Callable[..., Any]]] = {
    "the checksum is not looked at": (Two, restoring.Restoring, "members", _unchecked),
    "events that a state has seen are folded again": (Worker, restoring.Restoring, "take", _all_folded),
    "the epoch forgets the inputs": (Worker, checkpoint.Checkpoint, "epoch", _without_causes),
    "a round that was given up counts as written": (Worker, checkpoint.Checkpoint, "abandon", _forgetful),
    "changes are not noted": (Worker, checkpoint.Checkpoint, "appended", _nothing),
    "the oldest record of a key counts": (Worker, stored.Reading, "_keep", _first_come),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_comparison_finds_a_planted_defect(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With this defect planted, the same random histories fail."""
    machine, owner, name, broken = DEFECTS[defect]
    monkeypatch.setattr(owner, name, broken)

    with pytest.raises((AssertionError, BooksError, KeyError)):
        run_state_machine_as_test(machine, settings=HUNT)
