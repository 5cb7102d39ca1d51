"""The runner on a real Kafka and PostgreSQL: positions, restarts, races, dead records, tampering."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from confluent_kafka import KafkaException

from domain import events
from domain.errors import TapeledgerError
from projections.groups import GROUPS
from projections.progress import Overtaken
from projections.runner import Runner
from projections.sources import Batch
from projections.worker import Projector, lags
from runtime.clients import kafka_admin, kafka_producer
from runtime.settings import Settings
from tests.projections import story
from tests.projections.checks import assert_story
from tests.projections.tapes import Tape, digest, dump, head_of, produce, story_prints, story_tapes, tick_records
from tests.projections.test_depth import assert_story as assert_depth
from tests.projections.test_depth import depth_tapes
from tests.workers import eventually

pytestmark = pytest.mark.integration
LEDGER, SIGNALS, AUDIT, TICKS = GROUPS


@contextmanager
def running(runner: Runner) -> Iterator[list[BaseException]]:
    """The runner in a thread; yields a list that gets what it died of."""
    stop, died = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            runner.run(stop)
        except (TapeledgerError, psycopg.Error, KafkaException) as error:
            died.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield died
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive()


def project_to(settings: Settings, group: Any, partition: int, offset: int, **options: Any) -> None:
    """Run a runner of its own until a partition's progress is at `offset`, then stop it."""
    runner = Runner(settings, group, **options)
    with running(runner) as died:
        eventually(lambda: bool(died) or next_offset(runner, partition) >= offset, f"offset {offset}", 20)
    assert died == []


def next_offset(runner: Runner, partition: int) -> int:
    return runner.progress[partition][0] if partition in runner.progress else 0


def tables(settings: Settings) -> dict[str, list[Any]]:
    with psycopg.connect(settings.database_url) as connection:
        return dump(connection)


def story_on_kafka(settings: Settings) -> list[Tape]:
    tapes = story_tapes(settings.topic("ledger.events"))
    for tape in tapes:
        produce(settings, [record for record, _ in tape.records])
    produce(settings, tick_records(settings, story_prints()))
    return tapes


def test_story_from_kafka_and_again_into_an_empty_database(ledger_settings: Settings) -> None:
    """From Kafka come the story's rows; a second, empty database gets the very same tables."""
    story_on_kafka(ledger_settings)
    digests = []
    for _ in range(2):
        with psycopg.connect(ledger_settings.database_url, autocommit=True) as connection:
            for table in (*dump(connection), "projection_progress"):
                connection.execute(f"truncate {table}".encode())
        projector = Projector(ledger_settings)
        projector.start()
        eventually(projector.caught_up, "all topics are read", 30)
        projector.check()
        projector.stop()
        with psycopg.connect(ledger_settings.database_url) as connection:
            assert_story(connection)
            digests.append(digest(dump(connection)))

    assert digests[0] == digests[1]


def test_the_book_by_two_projectors_and_again_into_empty_tables(ledger_settings: Settings) -> None:
    """Two projectors in small batches, in each other's way, give the hand-worked book; a rebuild the same tables."""
    tapes = depth_tapes(ledger_settings.topic("ledger.events"))
    for tape in tapes:
        produce(ledger_settings, [record for record, _ in tape.records])
    digests = []
    for size in (2, 5_000):
        with psycopg.connect(ledger_settings.database_url, autocommit=True) as connection:
            for table in (*dump(connection), "projection_progress"):
                connection.execute(f"truncate {table}".encode())
        first, second = (Runner(ledger_settings, LEDGER, batch_records_max=size) for _ in range(2))
        with running(first) as died, running(second) as died_too:
            for runner in (first, second):
                for tape in tapes:
                    eventually(
                        lambda runner=runner, tape=tape: next_offset(runner, tape.partition) == len(tape.records),
                        "both have all",
                        30,
                    )
        assert died == died_too == []
        with psycopg.connect(ledger_settings.database_url) as connection:
            assert_depth(connection)
            digests.append(digest(dump(connection)))
            (row,) = connection.execute(
                "select count(distinct feed), max(feed), (select feed from feed_head) from feed_batches"
            ).fetchall()
            assert row[0] == row[1] == row[2], "no number is missing, whoever was overtaken"

    assert digests[0] == digests[1]


def test_lag_is_what_is_left(ledger_settings: Settings) -> None:
    """A runner that projected 10 of 17 records lags by 7, on that partition alone."""
    (tape, _) = story_tapes(ledger_settings.topic("ledger.events"))
    records = [record for record, _ in tape.records]
    produce(ledger_settings, records[:10])
    runner = Runner(ledger_settings, LEDGER)
    with running(runner):
        eventually(lambda: next_offset(runner, 0) == 10, "10 records")
    produce(ledger_settings, records[10:])

    assert lags(kafka_admin(ledger_settings), runner) == {0: 7, 1: 0, 2: 0, 3: 0}


def test_dead_record_after_a_restart(ledger_settings: Settings) -> None:
    """A record behind a predecessor that only the archive knows is archived as dead; the chain goes on behind it."""
    topic = ledger_settings.topic("ledger.events")
    tape = Tape(topic, 0)
    first, *_ = [tape.write(event) for event in story.ann()[:6]]
    produce(ledger_settings, [record for record, _ in tape.records])
    project_to(ledger_settings, LEDGER, 0, 6)
    before = tables(ledger_settings)

    tape.after(head_of(first), story.ann()[1])
    tape.after(head_of(tape.records[-1][0]), story.ann()[1])
    produce(ledger_settings, [record for record, _ in tape.records[6:]])
    project_to(ledger_settings, LEDGER, 0, 8)

    after = tables(ledger_settings)
    archived = after.pop("tape_records")
    assert sorted((row[2], row[4]) for row in archived) == [(n, n < 6) for n in range(8)]
    assert {name: rows for name, rows in before.items() if name != "tape_records"} == after
    tape.write(story.ann()[6])
    produce(ledger_settings, [tape.records[-1][0]])
    project_to(ledger_settings, LEDGER, 0, 9)
    assert sorted((row[2], row[4]) for row in tables(ledger_settings)["tape_records"])[-1] == (8, True)


def test_changed_record_stops_the_runner(ledger_settings: Settings) -> None:
    """One byte of a record's value is not what was hashed: the runner stands still in front of it and names it."""
    topic = ledger_settings.topic("ledger.events")
    tape = Tape(topic, 2)
    for event in story.ann()[:3]:
        tape.write(event)
    records = [record for record, _ in tape.records]
    value = records[1].value or b""
    changed = records[1]._replace(value=value.replace(b"10000.00", b"10000.01"))
    produce(ledger_settings, [records[0], changed, records[2]])

    runner = Runner(ledger_settings, LEDGER)
    with running(runner) as died:
        eventually(lambda: runner.stopped is not None, "the runner stands still")
        assert runner.stopped is not None
        assert (runner.stopped.topic, runner.stopped.partition, runner.stopped.offset) == (topic, 2, 1)
        assert "it was changed" in runner.stopped.problem

    assert died == []
    assert [row[2] for row in tables(ledger_settings)["tape_records"]] == [0]


def test_what_is_no_tick_is_skipped(ledger_settings: Settings) -> None:
    """Garbage between ticks is passed over, and the ticks around it are there."""
    topic = ledger_settings.topic("market.ticks")
    good = [record for record in tick_records(ledger_settings, story_prints()) if record.partition == 0]
    producer = kafka_producer(ledger_settings)
    producer.produce(topic, b"garbage", partition=0)
    producer.flush()
    produce(ledger_settings, good[:2])
    produce(ledger_settings, [good[2]._replace(value=None), good[3]])

    project_to(ledger_settings, TICKS, 0, 5)

    assert sorted(row[6] for row in tables(ledger_settings)["ticks"]) == [1, 2, 4]


def test_each_committed_batch_has_its_number_on_the_feed(ledger_settings: Settings) -> None:
    """Numbers have no gap whoever commits, rise with each partition's progress, and a batch that is lost has none."""
    (tape, _) = story_tapes(ledger_settings.topic("ledger.events"))
    records, topic = tape.records, ledger_settings.topic("ledger.events")
    produce(ledger_settings, [record for record, _ in records])
    first, second = (Runner(ledger_settings, LEDGER) for _ in range(2))
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as connection:
        for runner in (first, second):
            runner.progress = runner.load(connection, [0, 1, 2, 3])
        first.write(connection, Batch({0: (5, head_of(records[4][0]))}, records[:5]))
        with pytest.raises(Overtaken):
            second.write(connection, Batch({0: (9, head_of(records[8][0]))}, records[:9]))
        second.progress = second.load(connection, [0, 1, 2, 3])
        second.write(connection, Batch({0: (17, tape.head), 1: (0, second.progress[1][1])}, records[5:]))
        rows = connection.execute(
            "select feed, projection, topic, partition, next_offset from feed_batches order by 1, 4"
        ).fetchall()
        head = connection.execute("select feed from feed_head").fetchall()

    assert rows == [(1, "ledger", topic, 0, 5), (2, "ledger", topic, 0, 17), (2, "ledger", topic, 1, 0)]
    assert head == [(2,)]


def test_overtaken_runner_writes_nothing(ledger_settings: Settings) -> None:
    """Two runners hold the same batch: the second to write finds its offset taken, and nothing is counted twice."""
    (tape, _) = story_tapes(ledger_settings.topic("ledger.events"))
    batch = Batch({0: (len(tape.records), tape.head)}, tape.records)
    produce(ledger_settings, [record for record, _ in tape.records])
    runners = [Runner(ledger_settings, LEDGER) for _ in range(2)]
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as connection:
        for runner in runners:
            runner.progress = runner.load(connection, [0, 1, 2, 3])
        runners[0].write(connection, batch)
        before = dump(connection)

        with pytest.raises(Overtaken, match="is no longer at offset 0"):
            runners[1].write(connection, batch)

        assert dump(connection) == before


def test_lost_connection_is_made_again(ledger_settings: Settings) -> None:
    """The database throws the projector out again and again while it works; in the end every deposit counts once."""
    topic, partitions, each = ledger_settings.topic("ledger.events"), 2, 400
    runner = Runner(ledger_settings, LEDGER, batch_records_max=7)
    with running(runner) as died, psycopg.connect(ledger_settings.database_url, autocommit=True) as connection:
        for partition in range(partitions):
            produce(ledger_settings, deposits(topic, partition, each))
        for _ in range(8):
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name = 'tapeledger projector' and datname = current_database()"
            )
            time.sleep(0.1)
        eventually(lambda: all(next_offset(runner, p) == each for p in range(partitions)), "all records", 30)

        assert died == []
        assert_deposits(connection, partitions, each)


@pytest.mark.parametrize(("given", "user"), [(True, "tape_projector"), (False, "tape")])
def test_runner_writes_as_the_projector(ledger_settings: Settings, given: bool, user: str) -> None:
    """Rows are written with the projector's role; where no address of it is given, as the owner."""
    settings = ledger_settings if given else ledger_settings.model_copy(update={"database_projector_url": ""})
    produce(settings, deposits(settings.topic("ledger.events"), 0, 5))
    runner = Runner(settings, LEDGER)
    with running(runner) as died, psycopg.connect(ledger_settings.database_url) as connection:
        eventually(lambda: bool(died) or next_offset(runner, 0) == 5, "all records", 20)
        users = connection.execute(
            "select distinct usename from pg_stat_activity "
            "where application_name = 'tapeledger projector' and datname = current_database()"
        ).fetchall()

        assert (died, users) == ([], [(user,)])
        assert_deposits(connection, 1, 5)


def test_broker_that_lost_records_is_refused(ledger_settings: Settings) -> None:
    """A database that is ahead of its topic belongs to another broker: the runner stands still and says so."""
    topic = ledger_settings.topic("trading.signals")
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as connection:
        Runner(ledger_settings, SIGNALS).load(connection, [0, 1, 2, 3])
        connection.execute("update projection_progress set next_offset = 5 where partition = 3")

    runner = Runner(ledger_settings, SIGNALS)
    with running(runner) as died:
        eventually(lambda: runner.stopped is not None, "the runner stands still")

    assert died == []
    assert runner.stopped is not None
    assert (runner.stopped.topic, runner.stopped.partition, runner.stopped.offset) == (topic, 3, 0)
    assert runner.stopped.problem.startswith("the partition ends here")


def deposits(topic: str, partition: int, count: int) -> list[Any]:
    """An account's opening and `count - 1` deposits of 1, 2, 3 … cents."""
    author = story.Author(f"acc_{partition}")
    author.write(
        events.AccountOpened,
        command_id="open",
        owner="Dora",
        currency="USD",
        lot_method="FIFO",
        fee_bps=Decimal(0),
    )
    for number in range(1, count):
        amount = f"{number / 100:.2f}"
        author.write(
            events.CashDeposited,
            f"cash {amount} USD, external -{amount} USD",
            command_id=f"c{number}",
            amount=Decimal(amount),
            currency="USD",
        )
    tape = Tape(topic, partition)
    return [tape.write(event) for event in author.events]


def assert_deposits(connection: psycopg.Connection[Any], partitions: int, each: int) -> None:
    """Every balance is the sum 1 + 2 + … of its cents, every record and leg is there once."""
    cents = each * (each - 1) // 2
    balances = connection.execute(
        "select account_id, amount * 100 from balances where book_account = 'cash' order by 1"
    ).fetchall()
    counts = connection.execute(
        "select (select count(*) from tape_records), (select count(*) from journal_postings), "
        "(select count(*) from accounts), (select min(version) from accounts)"
    ).fetchone()

    assert balances == [(f"acc_{partition}", cents) for partition in range(partitions)]
    assert counts == (partitions * each, partitions * (each - 1) * 2, partitions, each)
