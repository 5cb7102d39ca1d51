"""Goal: what cannot be projected stops its own group alone, in front of it, until somebody says what to do with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from domain.errors import TapeledgerError
from projections import groups
from projections.poison import Poison, write_up_to
from projections.rebuild.onrecord import Order
from projections.rebuild.work import skip
from projections.runner import Runner
from projections.sources import Batch
from projections.worker import Projector
from runtime import metrics
from runtime.clients import postgres
from runtime.settings import Settings
from streams.tape import Head, TapeRecord, seal
from tests.projections import story
from tests.projections.tapes import Tape, head_of, produce, story_prints, tick_records
from tests.workers import eventually

LEDGER = groups.LEDGER
ORDER = Order("Carol", "nobody needs it")


class Strange(Tape):
    """A tape that can also have an event of a type that nobody knows."""

    def write_strange(self, message: Any) -> TapeRecord:
        record = self.after(self.head, message)
        headers = [
            (name, b"tapeledger.AccountSold.v1" if name == "ce_type" else content)
            for name, content in record.headers
            if not name.startswith("tape-")
        ]
        _, sealed = seal(self.head.seq + 1, self.head.hash, record.key, record.value, headers)
        strange = record._replace(headers=sealed)
        self.records[-1] = (strange, True)
        self.head = head_of(strange)
        return strange


def rows_of(connection: psycopg.Connection[Any], table: str) -> list[tuple[Any, ...]]:
    return connection.execute(f"select partition, record_offset from {table} order by 1, 2".encode()).fetchall()


@contextmanager
def projecting(settings: Settings) -> Iterator[Projector]:
    projector = Projector(settings)
    projector.start()
    try:
        yield projector
        projector.check()
    finally:
        projector.stop()


def stops(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select projection, partition, record_offset, type, is_whole from projection_stops"
    ).fetchall()


@pytest.mark.integration
def test_a_group_stops_at_a_strange_event_and_goes_on_past_it(ledger_settings: Settings) -> None:
    """All before the event is written, other groups go on, and with a mark the group does too, without a restart."""
    topic = ledger_settings.topic("ledger.events")
    tape, other = Strange(topic, 0), Strange(topic, 1)
    for event in story.ann()[:5]:
        tape.write(event)
    tape.write_strange(story.ann()[4])
    for event in story.ann()[5:7]:
        tape.write(event)
    for event in story.bob()[:2]:
        other.write(event)
    produce(ledger_settings, [record for record, _ in tape.records])
    with postgres(ledger_settings, autocommit=True) as connection, projecting(ledger_settings) as projector:
        eventually(lambda: len(projector.problems()) == 1, "the ledger stands still")
        (problem,) = projector.problems()
        assert problem.startswith(f"projection ledger stands still at {topic}/0 offset 5 (tapeledger.AccountSold.v1): ")
        eventually(lambda: stops(connection) == [("ledger", 0, 5, "tapeledger.AccountSold.v1", True)], "written down")
        assert rows_of(connection, "tape_records") == [(0, offset) for offset in range(5)]
        assert metrics.projection_stopped.labels("ledger")._value.get() == 1
        produce(ledger_settings, tick_records(ledger_settings, story_prints()))
        eventually(lambda: bool(rows_of_ticks(connection)), "ticks go on")
        assert not projector.caught_up()

        for place in ((0, 4), (0, 6), (1, 5)):
            with pytest.raises(TapeledgerError, match="only the record at which a projection stands still"):
                skip(ledger_settings, LEDGER, *place, ORDER)
        with pytest.raises(TapeledgerError, match="expected a reason"):
            skip(ledger_settings, LEDGER, 0, 5, Order("Carol", ""))
        assert projector.problems() == [problem]

        produce(ledger_settings, [record for record, _ in other.records])
        skip(ledger_settings, LEDGER, 0, 5, ORDER)
        eventually(lambda: len(rows_of(connection, "tape_records")) == 10, "it goes on")
        assert projector.problems() == []
        assert stops(connection) == []
        assert metrics.projection_stopped.labels("ledger")._value.get() == 0
        assert rows_of(connection, "tape_records") == [*((0, n) for n in range(8)), (1, 0), (1, 1)], "archived as well"
        assert (0, 5) not in rows_of(connection, "journal_postings")
        assert (0, 6) in [place[:2] for place in rows_of(connection, "journal_postings")] + rows_of(
            connection, "order_events"
        )
        sent = connection.execute("select action, actor, reason, subject from projection_actions").fetchall()
        assert sent == [("projection.skipped", "Carol", "nobody needs it", f"{topic}:0:5")]


def rows_of_ticks(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return connection.execute("select partition, tick_offset from ticks").fetchall()


@pytest.mark.integration
def test_a_mark_is_for_one_record_not_for_a_place(ledger_settings: Settings) -> None:
    """Of a record with other bytes than those that were marked nothing is passed over."""
    topic = ledger_settings.topic("ledger.events")
    tape = Strange(topic, 0)
    tape.write(story.ann()[0])
    tape.write_strange(story.ann()[1])
    produce(ledger_settings, [record for record, _ in tape.records])
    runner = Runner(ledger_settings, LEDGER)
    with postgres(ledger_settings, autocommit=True) as connection:
        connection.execute(
            """insert into projection_skips (projection, topic, partition, record_offset, sha256, actor, reason)
               values ('ledger', %s, 0, 1, %s, 'Carol', 'another record')""",
            (topic, hashlib.sha256(b"another record").digest()),
        )
        runner.progress = runner.load(connection, [0, 1, 2, 3])
        batch = Batch({0: (2, tape.head)}, tape.records)

        with pytest.raises(Poison, match="AccountSold"):
            write_up_to(batch, topic, lambda: runner.progress, lambda part: runner.write(connection, part))

        assert rows_of(connection, "tape_records") == [(0, 0)]


@pytest.mark.integration
def test_an_event_that_the_database_refuses_stops_the_group(ledger_settings: Settings) -> None:
    """An account that is opened twice breaks a key: all before it is there, and trying again may be worth it."""
    topic = ledger_settings.topic("ledger.events")
    tape = Strange(topic, 0)
    for event in (*story.ann()[:4], story.ann()[0], story.ann()[4]):
        tape.write(event)
    produce(ledger_settings, [record for record, _ in tape.records])
    with postgres(ledger_settings, autocommit=True) as connection, projecting(ledger_settings) as projector:
        eventually(lambda: len(stops(connection)) == 1, "the ledger stands still")

        assert stops(connection) == [("ledger", 0, 4, "tapeledger.AccountOpened.v1", True)]
        assert "UniqueViolation" in projector.problems()[0]
        assert rows_of(connection, "tape_records") == [(0, offset) for offset in range(4)]
        connection.execute("alter table accounts drop constraint accounts_pkey")
        eventually(lambda: len(rows_of(connection, "tape_records")) == 6, "it has tried again", 90)
        eventually(lambda: projector.problems() == [], "it goes on")


@pytest.mark.integration
def test_a_broken_tape_cannot_be_skipped(ledger_settings: Settings) -> None:
    """What was changed on the tape stops the group for good: a mark would hide it."""
    topic = ledger_settings.topic("ledger.events")
    tape = Strange(topic, 3)
    for event in story.ann()[:2]:
        tape.write(event)
    records = [record for record, _ in tape.records]
    produce(ledger_settings, [records[0], records[1]._replace(value=b"{}")])
    with postgres(ledger_settings, autocommit=True) as connection, projecting(ledger_settings):
        eventually(lambda: stops(connection) == [("ledger", 3, 1, None, False)], "the ledger stands still")

        with pytest.raises(TapeledgerError, match="the tape is not what was written"):
            skip(ledger_settings, LEDGER, 3, 1, ORDER)


def _written(items: list[int], bad: set[int]) -> tuple[list[int], Poison | None]:
    """What is written of a batch of dead records, in which some offsets cannot be written."""
    tape = Tape("t", 0)
    for number in items:
        tape.write(story.ann()[number % 3])
    progress = {0: (0, Head(0, b""))}
    done: list[int] = []

    def write(batch: Batch) -> None:
        offsets = [record.offset for record, _ in batch.items]
        if bad & set(offsets):
            raise ValueError("cannot be written")
        assert batch.ends[0][0] == offsets[-1] + 1
        assert batch.ends[0][1] == head_of(batch.items[-1][0])
        done.extend(offsets)
        progress.update(batch.ends)

    try:
        write_up_to(Batch({0: (len(items), tape.head)}, tape.records), "t", lambda: progress, write)
    except Poison as poison:
        return done, poison
    return done, None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 16])
def test_everything_before_the_first_bad_record_is_written(size: int) -> None:
    """Whatever the size of the batch and the place in it, exactly the records before the first bad one are written."""
    for place in range(size):
        done, poison = _written(list(range(size)), {place, size - 1})

        assert done == list(range(place))
        assert poison is not None
        assert (poison.partition, poison.offset) == (0, place)
        assert "ValueError: cannot be written" in str(poison)
