"""signal_outcomes, model_outcomes and model_accuracy: by hand, and whatever the batches are."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest

from projections import outcomes
from projections.groups import SIGNALS
from projections.rows import Event
from runtime.clients import postgres
from runtime.settings import Settings
from tests.projections import opinions
from tests.projections.checks import assert_amounts
from tests.projections.tapes import digest, dump

Connection = psycopg.Connection[Any]


def events(messages: list[Any]) -> list[Event]:
    return [Event(0, offset, "", message, b"") for offset, message in enumerate(messages)]


def assert_opinions(connection: Connection) -> None:
    """The rows that tests.projections.opinions says."""
    assert_amounts(connection, opinions.OUTCOMES_SELECT, 3, opinions.OUTCOMES)
    counts = "select model_name, model_version, symbol, direction, realised, outcomes from model_outcomes"
    assert_amounts(connection, counts, 5, opinions.COUNTS)
    accuracy = (
        "select model_name, model_version, symbol, outcomes, correct, accuracy, majority_share from model_accuracy"
    )
    assert_amounts(connection, accuracy, 3, opinions.ACCURACY)


def test_a_batch_gives_each_cell_once() -> None:
    """Two outcomes of one cell are one row that counts two: an upsert may not meet a row twice."""
    rows = outcomes.counts(events(opinions.on_x()))

    assert rows == [(*key, *count) for key, count in sorted(opinions.COUNTS.items()) if key[2] == "X"]


def test_names_that_the_database_cannot_tell_apart_are_one() -> None:
    """U+0000 becomes U+FFFD on the way in, so a name with either is the same row."""
    told = [
        msgspec.structs.replace(opinions.outcome("s", version, "BUY", "BUY", "1", "2", day=1), model_name=name)
        for name, version in (("m\x00", "1"), ("m\ufffd", "1"), ("m", "\x00"), ("m", "\ufffd"))
    ]

    rows = outcomes.counts(events([opinions.signal("sig_x2", "1", "BUY", *told, day=2)]))

    assert [(name, version, count) for name, version, *_, count in rows] == [("m", "\ufffd", 2), ("m\ufffd", "1", 2)]


@pytest.fixture
def connection(ledger_settings: Settings) -> Iterator[Connection]:
    with postgres(ledger_settings, autocommit=True) as opened:
        yield opened


@pytest.mark.integration
def test_any_cut_into_batches_gives_the_same(connection: Connection) -> None:
    """Both tapes in one batch, record by record, or in between: the rows that were worked out by hand, each time."""
    chance = random.Random(7)
    digests = set()
    for size_max in (100, 1, 2, 4):
        for table in SIGNALS.tables:
            connection.execute(f"delete from {table}".encode())
        connection.execute("delete from tape_records")
        waiting = [list(tape.records) for tape in opinions.signal_tapes("trading.signals")]
        if size_max == 100:
            waiting = [waiting[0] + waiting[1]]
        while waiting:
            items = chance.choice(waiting)
            size = size_max if size_max == 100 else chance.randint(1, size_max)
            with connection.transaction(), connection.cursor() as cursor:
                SIGNALS.apply(cursor, items[:size])
            del items[:size]
            waiting = [items for items in waiting if items]

        assert_opinions(connection)
        digests.add(digest(dump(connection, SIGNALS.tables)))

    assert len(digests) == 1
    hashes = connection.execute("select distinct model_version, model_sha256 from signals order by 1").fetchall()
    assert hashes == [("7", "7" * 64), ("8", "8" * 64)]


@pytest.mark.integration
def test_a_dead_record_tells_nothing(connection: Connection) -> None:
    """What a writer that had lost its partition said of an earlier signal is in the archive, and counts nowhere."""
    tape, _ = opinions.signal_tapes("trading.signals")
    dead = [(record, live and offset < 3) for offset, (record, live) in enumerate(tape.records)]

    with connection.transaction(), connection.cursor() as cursor:
        SIGNALS.apply(cursor, dead)

    assert connection.execute("select signal_id, realised from signal_outcomes").fetchall() == [("sig_x1", "BUY")]
    assert connection.execute("select sum(outcomes) from model_outcomes").fetchall() == [(1,)]
