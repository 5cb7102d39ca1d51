"""What came of signals: `replay` counts what the projection counts, and not what it passes over."""

from __future__ import annotations

import pytest

from audit.replay import replay
from runtime.clients import postgres
from runtime.settings import Settings
from streams.tape import read_range
from tests.audit.world import HOME, SIGNALS, story

pytestmark = pytest.mark.integration


def test_a_signal_that_is_passed_over_counts_nowhere(ledger_settings: Settings) -> None:
    """The one signal of the story that tells an outcome is marked: it has no row, and the replay expects none."""
    world = story(ledger_settings)
    topic = ledger_settings.topic(SIGNALS)
    (telling,) = (
        one for one in read_range(ledger_settings, topic, HOME["AAPL"]) if b'"outcomes":[{' in (one.value or b"")
    )
    with postgres(ledger_settings, autocommit=True) as connection:
        connection.execute(
            """insert into projection_skips (projection, topic, partition, record_offset, sha256, actor, reason)
               values ('signals', %s, %s, %s, %s, 'Carol', 'not needed')""",
            (topic, telling.partition, telling.offset, bytes.fromhex(dict(telling.headers)["tape-hash"].decode())),
        )
        world.project()
        verdict = replay(ledger_settings)
        connection.execute("insert into model_outcomes values ('xgboost', '7', 'AAPL', 'BUY', 'BUY', 1)")
        counted = replay(ledger_settings)

    rows = {table.table: table.rows for table in verdict.tables}
    assert (verdict.differences, len(verdict.skipped)) == ([], 1)
    assert (rows["signal_outcomes"], rows["model_outcomes"]) == (0, 0)
    assert [(one.table, one.expected, one.found) for one in counted.differences] == [
        ("model_outcomes", "no row", "a row")
    ]
