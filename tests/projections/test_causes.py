"""tape_causes: the newest input that each tape has answered, live records alone."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from projections import causes
from projections.groups import LEDGER
from projections.migrate import migrate
from projections.rows import Cursor
from runtime.clients import postgres
from runtime.settings import Settings
from tests.projections.story import ann, bob
from tests.projections.tapes import Tape, head_of, story_tapes


def test_the_newest_live_record_of_each_tape_counts() -> None:
    """tests.projections.tapes gives event n the cause trading.commands:0:n. A dead record answers nothing."""
    first, second = Tape("ledger.events", 0), Tape("ledger.events", 1)
    events = ann()
    head = head_of(first.write(events[0]))
    first.write(events[1])
    first.after(head, events[2])  # dead: it follows the first, which is not the head
    second.write(bob()[0])

    assert sorted(causes.rows([*first.records, *second.records])) == [
        ("ledger.events", 0, "trading.commands", 2, 1),
        ("ledger.events", 1, "trading.commands", 1, 0),
    ]
    assert causes.rows([]) == []


@pytest.fixture
def connection(ledger_settings: Settings) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with postgres(ledger_settings, autocommit=True) as opened:
        yield opened


SELECT = "select topic, partition, cause_topic, next_offset, record_offset from tape_causes order by 1, 2"


@pytest.mark.integration
def test_any_cut_into_batches_gives_the_same(
    connection: psycopg.Connection[tuple[object, ...]], ledger_settings: Settings
) -> None:
    """The rows go forward and never back, and the migration takes the same from the archive."""
    tapes = story_tapes("ledger.events")
    ends = [
        ("ledger.events", n, "trading.commands", len(tape.records), len(tape.records) - 1)
        for n, tape in enumerate(tapes)
    ]

    def project(cursor: Cursor) -> None:
        for tape in tapes:
            LEDGER.apply(cursor, tape.records[:5])
            LEDGER.apply(cursor, tape.records[5:])
            causes.apply(cursor, tape.records[:5])

    with connection.transaction(), connection.cursor() as cursor:
        project(cursor)
    assert connection.execute(SELECT).fetchall() == ends

    connection.execute("drop table tape_causes")
    connection.execute("drop index rebalance_events_account")
    connection.execute("delete from schema_migrations where name = '0013_read_places.sql'")
    assert migrate(ledger_settings.database_url) == ["0013_read_places.sql"]
    assert connection.execute(SELECT).fetchall() == ends
