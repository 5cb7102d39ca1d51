"""Any schedule of two or three writers gives one chain: the production agent and writer on a simulated Kafka.

Goal: promises 2, 3 and 4 under zombies, crashes, failures and rebalances. Method: every schedule of small plans, many
random schedules of larger ones, schedules that Hypothesis shrinks; each judged by tests.streams.tape.oracle, which
shares no code with what it judges. Then defects are planted in the rules, and each must be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import ChainError, TopologyError
from streams.agent import Partition, TapeAgent
from streams.deadletters import DeadLetters
from streams.decider import Folded
from streams.tape import Appended, Chain, Head, Interrupted, Sealed, TapeRecord
from streams.tape.writer import TapeWriter, _Delivery
from tests.streams.tape import tally
from tests.streams.tape.oracle import judge
from tests.streams.tape.schedules import COMMANDS, REPORTS, Exhaustive, random_schedule
from tests.streams.tape.simulation import Faults, Plan
from tests.streams.tape.stage import Stage, simulated
from tests.streams.tape.tally import Violation

C, R = (COMMANDS, 0), (REPORTS, 0)
RANDOM_SCHEDULES = 1_000

SMALL = {
    "one at a time": Plan({C: "eee"}, batch_max=1),
    "pairs": Plan({C: "eeee"}, batch_min=2, batch_max=2),
    "threes": Plan({C: "eee"}, batch_min=3, batch_max=3),
    "one or two": Plan({C: "ee"}, batch_max=2),
    "quiet and unreadable": Plan({C: "uqee"}, batch_max=1),
    "two topics": Plan({C: "ee", R: "e"}, batch_max=1),
    "a gap or a step back": Plan({C: "eee"}, batch_max=1, writers=1, faults=Faults(jumps=2)),
    "a crash": Plan({C: "ee"}, batch_max=1, faults=Faults(crashes=1)),
    "a failure": Plan({C: "ee"}, batch_max=1, faults=Faults(failures=1)),
    "a failure, then a rebalance": Plan({C: "e"}, batch_max=1, faults=Faults(failures=1, rebalances=1)),
    "an unreadable Kafka, then a rebalance": Plan(
        {C: "ue"}, batch_min=2, batch_max=2, writers=1, faults=Faults(unreadable=1, rebalances=1)
    ),
    "no offset": Plan({C: "ee"}, batch_max=1, faults=Faults(unplaced=1)),
    "a small memory": Plan({C: "eee"}, batch_max=1, memory=2),
}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with simulated() as stage:
        yield stage


@pytest.mark.parametrize("name", SMALL)
def test_every_schedule_of_a_small_plan(stage: Stage, name: str) -> None:
    """All interleavings of two writers; a state that was reached another way is not followed twice."""
    explorer = Exhaustive()

    states = explorer.explore(stage, SMALL[name])

    print(f"{name}: {states} states, {explorer.runs} runs")  # noqa: T201
    assert explorer.runs > 5, "there was nothing to interleave"


def test_random_schedules(stage: Stage) -> None:
    """Larger plans with every kind of disturbance. Every schedule has a seed, which a violation names."""
    records = dead = interrupted = 0
    for seed in range(RANDOM_SCHEDULES):
        random_schedule(stage, seed)
        records += sum(map(len, stage.world.tape.values()))
        dead += sum(map(len, stage.world.tape.values())) - sum(map(len, stage.world.live.values()))
        interrupted += len(stage.world.gone)

    assert dead > records / 10, "the writers hardly met, so the test showed little"
    assert interrupted > RANDOM_SCHEDULES / 10, "hardly a writer was lost, so the test showed little"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.data(),
    kinds=st.text("eeeequ", min_size=1, max_size=6),
    writers=st.integers(2, 3),
    batch_max=st.integers(1, 4),
    memory=st.sampled_from([100_000, 2]),
    faults=st.tuples(*[st.integers(0, 1)] * len(Faults._fields)),
)
def test_schedules_that_shrink(
    data: st.DataObject, kinds: str, writers: int, batch_max: int, memory: int, faults: Any
) -> None:
    """Hypothesis chooses plan and schedule, so that a violation comes as the shortest one."""
    plan = Plan({C: kinds}, writers=writers, batch_max=batch_max, memory=memory, faults=Faults(*faults))
    with simulated() as stage:
        judge(stage.run(plan, lambda options, rare, state: data.draw(st.integers(0, options - 1))))


# Defects


def _stops_at_whatever_does_not_follow(self: Chain, record: TapeRecord) -> bool:
    before = self.head
    live = _accept(self, record)
    if not live and int(dict(record.headers)["tape-seq"]) > before.seq:
        raise ChainError(record.topic, record.partition, record.offset, "it does not extend the head")
    return live


def _forgets_the_dead(self: Chain, record: TapeRecord) -> bool:
    live = _accept(self, record)
    if not live:
        self._known.pop(bytes.fromhex(dict(record.headers)["tape-hash"].decode()), None)
    return live


def _goes_over_to_a_longer_branch(self: Chain, record: TapeRecord) -> bool:
    live = _accept(self, record)
    headers = dict(record.headers)
    if not live and int(headers["tape-seq"]) == self.head.seq + 1:
        self.head = Head(self.head.seq + 1, bytes.fromhex(headers["tape-hash"].decode()))
        return True
    return live


def _compares_no_offsets(self: TapeWriter, partition: int, delivery: _Delivery) -> Appended | Interrupted:
    tail = self._tails[partition]
    for head in delivery.heads:
        tail.chain.extend(head)
    tail.next_offset = delivery.offsets[-1] + 1
    return Appended([Sealed(offset, head.seq) for offset, head in zip(delivery.offsets, delivery.heads, strict=True)])


def _compares_the_first_offset(self: TapeWriter, partition: int, delivery: _Delivery) -> Appended | Interrupted:
    first = delivery.offsets[0]
    delivery.offsets = list(range(first, first + len(delivery.offsets)))
    return _compare(self, partition, delivery)


def _takes_no_offset_for_zero(self: _Delivery, error: Any, message: Any) -> None:
    if error is not None:
        self.errors.append(error)
    else:
        self.offsets.append(message.offset() or 0)


def _ignores_failures(self: _Delivery, error: Any, message: Any) -> None:
    self.offsets.append(message.offset() if error is None else (self.offsets or [-1])[-1] + 1)


async def _decides_only_once(self: TapeAgent, batch: Any) -> Any:
    await _round(self, batch)
    return {}


async def _tells_before_it_is_acknowledged(self: TapeAgent, owned: Partition, records: list[TapeRecord]) -> Any:
    decided = await _decide(self, owned, records)
    partition = records[0].partition
    tail = self._writer._tails[partition]
    events = [
        Folded(
            partition,
            tail.next_offset + number,
            tail.chain.head.seq + number + 1,
            item.draft.message,
            tally.cause_of(item.source),
            None,
        )
        for number, item in enumerate(decided)
    ]
    await self.follower.appended(partition, owned.decider, events)
    return decided


async def _skips_nothing(self: TapeAgent, owned: Partition, records: list[TapeRecord]) -> Any:
    decided: list[Any] = []
    for record in records:
        self._decide_one(owned, record, 0, decided)
    return decided


def _fills_no_gaps(self: TapeAgent, record: TapeRecord, expected: int) -> list[TapeRecord]:
    return []


async def _loads_in_silence(self: TapeAgent, partition: int) -> None:
    self._owned.pop(partition, None)
    self._owned[partition] = self._fold(partition)


def _rewinds_nothing(self: tally.Tally, causes: Any) -> dict[str, int]:
    return {}


def _keeps_no_dead_letters(self: DeadLetters) -> None:
    self.pending = 0


def _keeps_what_was_not_appended(self: TapeWriter, partition: int) -> None:
    """As before a batch that failed closed its partitions."""


def _folds_without_looking_back(self: Chain, prev: bytes, seq: int, before: int) -> int | None:
    self._lookup = None
    return _seq_of(self, prev, seq, before)


_accept, _seq_of = Chain.accept, Chain._seq_of
_compare = TapeWriter._compare
_round, _decide = TapeAgent._round, TapeAgent._decide

DEFECTS: dict[str, tuple[type, str, Any, str, str]] = {
    "readers stop at a batch of a loser": (Chain, "accept", _stops_at_whatever_does_not_follow, "pairs", "not extend"),
    "readers forget the dead": (Chain, "accept", _forgets_the_dead, "pairs", "something is missing"),
    "readers go over to a longer branch": (Chain, "accept", _goes_over_to_a_longer_branch, "pairs", "the reader"),
    "folds do not look back": (Chain, "_seq_of", _folds_without_looking_back, "a small memory", "something is missing"),
    "offsets are not compared": (TapeWriter, "_compare", _compares_no_offsets, "pairs", "told"),
    "only the first offset is compared": (TapeWriter, "_compare", _compares_the_first_offset, "pairs", "told"),
    "no offset is taken for offset 0": (_Delivery, "report", _takes_no_offset_for_zero, "no offset", "told"),
    "a failure is taken for success": (_Delivery, "report", _ignores_failures, "a failure", "told|is missing"),
    "inputs are not decided again": (TapeAgent, "_round", _decides_only_once, "two topics", "the last writer has"),
    "followers are told too early": (TapeAgent, "_decide", _tells_before_it_is_acknowledged, "pairs", "told of"),
    "decided inputs are not skipped": (
        TapeAgent,
        "_decide",
        _skips_nothing,
        "one at a time",
        "expected an offset above",
    ),
    "gaps are not filled": (TapeAgent, "_between", _fills_no_gaps, "a gap or a step back", "expected events for"),
    "a new fold is told to nobody": (TapeAgent, "_load", _loads_in_silence, "one at a time", "was told"),
    "inputs are not read again": (tally.Tally, "rewind", _rewinds_nothing, "quiet and unreadable", "expected it to"),
    "dead letters are dropped": (DeadLetters, "flush", _keeps_no_dead_letters, "quiet and unreadable", "dead letters"),
    "a batch that failed stays": (
        TapeWriter,
        "close",
        _keeps_what_was_not_appended,
        "an unreadable Kafka, then a rebalance",
        "was told",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_found(stage: Stage, defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With this defect in the rules, some schedule of a small plan breaks a promise, and for the reason expected."""
    owner, name, broken, plan, reason = DEFECTS[defect]
    monkeypatch.setattr(owner, name, broken)

    with pytest.raises((Violation, ChainError, TopologyError), match=reason):
        Exhaustive().explore(stage, SMALL[plan])
