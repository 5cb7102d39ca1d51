"""Breaks on a real PostgreSQL: hand-worked rows of the ledger's, and those of nobody from the audit tape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from domain import ids
from domain.actions import BREAK_FOUND, BREAK_RESOLVED, ActionRecorded
from domain.events import BreakFound, BreakResolved
from projections import actions, breaks
from projections.rows import Event
from runtime.settings import Settings

pytestmark = pytest.mark.integration
Connection = psycopg.Connection[Any]
ONE = ids.break_id("ORDER_MISSING_AT_VENUE", "ord_1", None)
TWO = ids.break_id("EXECUTION_MISSING_IN_LEDGER", "ord_2", "exe_2")
HAND = ids.break_id("ORDER_UNKNOWN_TO_LEDGER", "by-hand", None)
BASE_US = 1_767_225_600_000_000  # 2026-01-01 00:00:00 UTC
ROWS = """
select break_id, account_id, kind, order_id, execution_id, expected, status, times,
    us_of_time(first_found_at) - %(base)s, us_of_time(found_at) - %(base)s,
    us_of_time(resolved_at) - %(base)s, reason, partition, record_offset
from reconciliation_breaks_all order by break_id
"""


@pytest.fixture
def connection(ledger_settings: Settings) -> Iterator[Connection]:
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as opened:
        yield opened


def found(break_id: str, at: int, expected: str = "BUY 10, NEW") -> Event:
    """`at`: its offset, and its record time in microseconds after BASE_US."""
    is_one = break_id == ONE
    message = BreakFound(
        originator_id="acc",
        originator_version=at + 1,
        timestamp=BASE_US + at,
        report_id=f"rep_{at}",
        break_id=break_id,
        kind="ORDER_MISSING_AT_VENUE" if is_one else "EXECUTION_MISSING_IN_LEDGER",
        order_id="ord_1" if is_one else "ord_2",
        execution_id=None if is_one else "exe_2",
        venue="PAPER",
        symbol="AAPL",
        expected=expected,
        actual="nothing",
        first_seen_at_us=BASE_US - 1,
    )
    return Event(3, at, f"evt-{at}", message, b"{}")


def resolved(break_id: str, at: int) -> Event:
    message = BreakResolved(
        originator_id="acc",
        originator_version=at + 1,
        timestamp=BASE_US + at,
        report_id=f"rep_{at}",
        break_id=break_id,
        kind="ORDER_MISSING_AT_VENUE",
        order_id="ord_1",
        execution_id=None,
        reason="both have it",
    )
    return Event(3, at, f"evt-{at}", message, b"{}")


def told(connection: Connection, *batches: list[Event]) -> list[tuple[Any, ...]]:
    """The rows after these batches."""
    for batch in batches:
        with connection.transaction(), connection.cursor() as cursor:
            breaks.apply(cursor, batch)
    return connection.execute(ROWS.encode(), {"base": BASE_US}).fetchall()


STORY = [found(ONE, 1), found(TWO, 2), resolved(ONE, 3), found(ONE, 4, "BUY 9, NEW"), resolved(TWO, 5)]
RESULT = sorted(
    [
        (ONE, "acc", "ORDER_MISSING_AT_VENUE", "ord_1", None, "BUY 9, NEW", "OPEN", 2, 1, 4, None, None, 3, 4),
        *[
            (
                *(TWO, "acc", "EXECUTION_MISSING_IN_LEDGER", "ord_2", "exe_2", "BUY 10, NEW"),
                *("RESOLVED", 1, 2, 2, 5, "both have it", 3, 5),
            )
        ],
    ]
)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_found_resolved_and_found_again(connection: Connection, size: int) -> None:
    """One row for each break, whatever the batches: it counts how often it was found, and keeps when it was first."""
    batches = [STORY[begin : begin + size] for begin in range(0, len(STORY), size)]

    assert told(connection, *batches) == RESULT


def action(name: str, at: int, **details: str) -> Event:
    message = ActionRecorded(
        action_id=f"act_{at}",
        actor="reconciler",
        action=name,
        subject=HAND,
        reason="because",
        details={"kind": "ORDER_UNKNOWN_TO_LEDGER", "order_id": "by-hand", "venue": "V", "symbol": "IBM", **details},
        issued_at_us=BASE_US,
        recorded_at_us=BASE_US + at,
    )
    return Event(1, at, f"evt-{at}", message, b"{}")


def test_a_break_of_nobody_is_shown_in_the_same_form(connection: Connection) -> None:
    """Its newest action says whether it is open; what was found is that of its newest finding."""
    head = (HAND, None, "ORDER_UNKNOWN_TO_LEDGER", "by-hand", None)
    steps = [
        (action(BREAK_FOUND, 1, expected="a", actual="b"), (*head, "a", "OPEN", 1, 1, 1, None, None, 1, 1)),
        (action(BREAK_RESOLVED, 2), (*head, "a", "RESOLVED", 1, 1, 1, 2, "because", 1, 2)),
        (action(BREAK_FOUND, 3, expected="c", actual="d"), (*head, "c", "OPEN", 2, 1, 3, None, None, 1, 3)),
    ]
    for event, row in steps:
        with connection.transaction(), connection.cursor() as cursor:
            actions.apply(cursor, [event])

        assert connection.execute(ROWS.encode(), {"base": BASE_US}).fetchall() == [row]
