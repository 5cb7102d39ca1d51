"""Goal: no kill, and no worker that lost its partition, leaves a snapshot that gives another state than the tape.

Method: workers as processes are killed while they write snapshots; agents share a partition without knowing it. Then a
start is compared with a fold of the whole tape.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from confluent_kafka import KafkaException

from runtime.settings import Settings
from streams.agent import TapeAgent
from streams.ledger.worker import spec
from streams.tape import TapeWriter, Unsealed, end_offsets, read_range
from tests.streams.snapshots.kafka import PARTITION, SNAPSHOTS, Ledger, accounts, count_reads, digest_of, truth
from tests.streams.trading import buy, opened, send
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration


async def test_two_agents_on_one_partition_leave_a_snapshot_that_holds_or_is_ignored(
    ledger_settings: Settings,
) -> None:
    """Two workers decide and write snapshots at once, neither knowing of the other: a start has the tape's state."""
    names = accounts(ledger_settings, 6)
    commands = [command for name in names for command in opened(name)]
    commands += [buy(name, f"{number}-{name}") for number in range(20) for name in names]
    send(ledger_settings, *commands)
    records = list(read_range(ledger_settings, ledger_settings.topic("trading.commands"), PARTITION))
    pair = [Ledger(ledger_settings), Ledger(ledger_settings)]
    for one in pair:
        await one.agent.assign([PARTITION])

    async def life(one: Ledger, size: int) -> None:
        for start in range(0, len(records), size):
            await one.agent.process(records[start : start + size])
            await one.snapshot()

    await asyncio.gather(life(pair[0], 17), life(pair[1], 11))
    third = Ledger(ledger_settings)
    await third.start()

    assert third.digest() == third.truth()
    assert "ledger.snapshots" in third.topic
    epochs = [record for record in third.snapshots() if record.key == b"epoch"]
    assert len(epochs) > 2  # how often each found anything new to write depends on who was first


async def test_a_stale_record_is_found(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    """A worker that lost its partition wrote an account as it was before the epoch of its successor."""
    name = accounts(ledger.settings, 1)[0]
    stale = ledger.newest(f"state:0:{name}".encode())
    await ledger.snapshot()
    ledger.put(stale.key, stale.value)
    with caplog.at_level(logging.WARNING):
        await ledger.start()

    assert "a state is lost, stale or ahead of the tape" in caplog.text
    assert ledger.digest() == ledger.truth()


async def test_nothing_is_written_while_it_is_in_doubt_what_is_on_the_tape(ledger: Ledger) -> None:
    """A batch is broken off between the decision and Kafka's word: the state in memory is worth nothing."""
    before = len(ledger.snapshots())

    def broken(_: Any) -> Any:
        raise KafkaException("the broker is gone")

    ledger.agent._writer.append = broken  # type: ignore[method-assign]
    with pytest.raises(KafkaException):
        await ledger.work(buy(accounts(ledger.settings, 1)[0], "third"))
    await ledger.snapshot()

    assert len(ledger.snapshots()) == before


async def test_a_writer_that_slept_through_the_epoch_is_recognised(
    ledger_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Its records follow one far before the epoch, further back than the first look: dead, and no broken chain."""
    own = Ledger(ledger_settings)
    await own.agent.assign([PARTITION])
    (name,) = accounts(ledger_settings, 1)
    await own.work(*opened(name))
    sleeper = TapeWriter(ledger_settings, ledger_settings.topic("ledger.events"))
    sleeper.fold(PARTITION, lambda _record, _head: None)
    await own.work(*(buy(name, f"c-{number}") for number in range(1_500)))
    await own.snapshot()
    sleeper.append({PARTITION: [Unsealed(b"k", b"v", [("ce_id", b"x")]), Unsealed(b"k", b"w", [("ce_id", b"y")])]})
    await own.start()

    assert "the snapshot is ignored" not in caplog.text
    assert own.digest() == own.truth()
    assert own.agent._writer.next_offset(PARTITION) == 1_504


@pytest.mark.timeout(240)
async def test_killed_at_any_time_a_worker_leaves_what_its_successor_can_load(ledger_settings: Settings) -> None:
    """kill -9 while the worker decides and writes one snapshot after another, again and again."""
    settings = ledger_settings.model_copy(update={"snapshot_every_records": 1})
    names = [f"acc_{number}" for number in range(40)]
    send(settings, *(command for name in names for command in opened(name)))
    snapshots = 0
    for round_ in range(4):
        before = _ends(settings)
        with worker(settings, "streams.ledger.worker") as process:
            for number in range(1_000):
                send(settings, *(buy(name, f"{round_}-{number}-{name}") for name in names))
                if _ends(settings) > before + 30 + 40 * round_:
                    break
            process.kill()
        snapshots += _ends(settings) - before
        agent = TapeAgent(settings, spec(settings))
        await agent.assign(range(settings.partitions))
        for partition in range(settings.partitions):
            assert digest_of(agent, partition) == truth(settings, partition)

    assert snapshots > 200


def _ends(settings: Settings) -> int:
    """How many records were ever written to the snapshot topic."""
    return sum(end_offsets(settings, settings.topic(SNAPSHOTS)).values())


@pytest.mark.timeout(120)
async def test_a_worker_that_is_stopped_leaves_a_snapshot(
    ledger_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM: a last round where it is short, so that the next start has nothing to read."""
    names = accounts(ledger_settings, 3)
    with worker(ledger_settings, "streams.ledger.worker") as process:
        send(ledger_settings, *(command for name in names for command in opened(name)))
        eventually(
            lambda: end_offsets(ledger_settings, ledger_settings.topic("ledger.events"))[PARTITION] == 6,
            "6 events",
        )
        await asyncio.sleep(1)  # the worker is idle: a batch that is under way at the signal would be in doubt
        assert process.stop() == 0
    offsets = count_reads(monkeypatch)
    own = Ledger(ledger_settings)
    await own.start()

    assert offsets == []
    assert own.digest() == own.truth()


def test_a_follower_without_snapshots_is_as_before(ledger_settings: Settings) -> None:
    """An agent whose spec names no snapshots keeps none."""
    bare = spec(ledger_settings)._replace(snapshots=None)

    assert TapeAgent(ledger_settings, bare, None).keeper is None
