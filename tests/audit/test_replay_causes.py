"""Which inputs each tape answers: `replay` compares it with what the log says, as reads wait by it."""

from __future__ import annotations

import pytest

from audit.replay import replay
from runtime.clients import postgres
from runtime.settings import Settings
from tests.audit.world import story

pytestmark = pytest.mark.integration


def test_how_far_the_tapes_answer_is_compared(ledger_settings: Settings) -> None:
    """A place that is too far, a row that is gone and one too many are named, with the event that last counted."""
    world = story(ledger_settings)
    world.project()
    topic = ledger_settings.topic("ledger.events")
    with postgres(ledger_settings, autocommit=True) as connection:
        sound = replay(ledger_settings)
        row = connection.execute(
            "select cause_topic, next_offset, record_offset from tape_causes where topic = %s and partition = 0",
            (topic,),
        ).fetchone()
        assert row is not None
        cause, next_offset, record_offset = row
        key = f"{topic}, 0, {cause}"
        found = []
        for statement in (
            f"update tape_causes set next_offset = next_offset + 1 where topic = '{topic}' and partition = 0"
            f" and cause_topic = '{cause}'",
            f"delete from tape_causes where topic = '{topic}' and partition = 0 and cause_topic = '{cause}'",
            f"insert into tape_causes values ('{topic}', 0, '{cause}', {next_offset}, {record_offset}),"
            f" ('{topic}', 0, 'elsewhere', 1, 0)",
        ):
            connection.execute(statement.encode())
            found.append([str(one) for one in replay(ledger_settings).differences])

    last = f"(last: {topic}/0 offset {record_offset})"
    assert sound.ok
    assert found == [
        [f"tape_causes [{key}] next_offset: expected {next_offset}, found {next_offset + 1} {last}"],
        [f"tape_causes [{key}] (row): expected a row, found no row {last}"],
        [f"tape_causes [{topic}, 0, elsewhere] (row): expected no row, found a row (last: no event)"],
    ]
