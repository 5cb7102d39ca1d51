"""The desk's tables: the last word on each control, all that was ever said, and the newest marks.

Expected rows are worked out by hand from the events of two partitions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from domain import events as e
from domain.limits import Limits
from domain.market import TickRef
from domain.world import MarkedPrice
from projections import accounts, desk
from projections.groups import LEDGER, live_events
from runtime.settings import Settings
from tests.projections.story import RECORDED_US, Author
from tests.projections.tapes import Tape, us

OFFICER: dict[str, Any] = {"by": "Grace", "reason": "drill"}


def tape(partition: int, key: str, marked_at_us: Sequence[int]) -> Tape:
    """Limits for all accounts set and ended, a strategy halted and resumed and halted, and marks of IBM."""
    author = Author(key)
    limits: dict[str, Any] = {"set_by": "Ada", "reason": "quarter", "scope": "DESK"}
    author.write(e.DeskLimitsSet, command_id="c1", limits=Limits(order_value_max=Decimal("10.50")), **limits)
    strategy: dict[str, Any] = {"scope": "STRATEGY", "strategy_id": "s1", **OFFICER}
    author.write(e.TradingHalted, command_id="c2", **strategy)
    author.write(e.TradingResumed, command_id="c3", **strategy)
    author.write(e.TradingHalted, command_id="c4", **strategy)
    author.write(e.DeskLimitsSet, command_id="c5", limits=Limits(), **limits)
    for at_us in marked_at_us:
        ref = TickRef(partition=0, offset=at_us, market_time_us=at_us)
        mark = MarkedPrice(symbol="IBM", price=Decimal(at_us), market_time_us=at_us, tick=ref)
        author.write(e.PricesMarked, command_id=f"m{at_us}", marks=(mark,))
    made = Tape("ledger.events", partition)
    for event in author.events:
        made.write(event)
    return made


def test_the_last_word_on_each_control_counts() -> None:
    """Limits that were ended are not in force; the strategy's second halt is."""
    events = live_events(tape(2, "desk:9", ()).records)

    rows = [dict(zip(desk.CONTROLS, row, strict=True)) for row in desk.controls(events)]

    assert [(row["control"], row["strategy_id"], row["in_force"], row["version"]) for row in rows] == [
        ("LIMITS", "", False, 5),
        ("HALT", "s1", True, 4),
    ]
    assert rows[0]["limits"] == "{}"
    assert (rows[1]["officer"], rows[1]["reason"], rows[1]["command_id"]) == ("Grace", "drill", "c4")
    assert (rows[1]["partition"], rows[1]["record_offset"], rows[1]["desk_key"]) == (2, 3, "desk:9")


def test_a_desk_is_no_account() -> None:
    """Its versions change no row of `accounts`."""
    assert accounts.versions(live_events(tape(2, "desk:9", (5,)).records)) == []


@pytest.fixture
def connection(ledger_settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as opened:
        yield opened


@pytest.mark.integration
@pytest.mark.parametrize("size", [1, 3, 100])
def test_any_cut_into_batches_gives_the_same_tables(connection: psycopg.Connection[Any], size: int) -> None:
    """Each partition keeps its own last word and its own marks, however its tape is cut."""
    for made in (tape(0, "desk:1", (5, 6)), tape(3, "desk:14", (7,))):
        for start in range(0, len(made.records), size):
            with connection.transaction(), connection.cursor() as cursor:
                LEDGER.apply(cursor, made.records[start : start + size])

    events = connection.execute(
        "select partition, version, event_type, scope, strategy_id, limits, officer, recorded_at from desk_events "
        "where partition = 0 order by record_offset"
    ).fetchall()
    controls = connection.execute(
        "select partition, control, strategy_id, in_force, limits, version from desk_controls order by 1, 2"
    ).fetchall()
    marks = connection.execute(
        "select partition, symbol, price, market_time, tick_offset, version, record_offset from desk_marks order by 1"
    ).fetchall()

    assert [row[:7] for row in events] == [
        (0, 1, "DeskLimitsSet", "DESK", None, {"order_value_max": "10.50"}, "Ada"),
        (0, 2, "TradingHalted", "STRATEGY", "s1", None, "Grace"),
        (0, 3, "TradingResumed", "STRATEGY", "s1", None, "Grace"),
        (0, 4, "TradingHalted", "STRATEGY", "s1", None, "Grace"),
        (0, 5, "DeskLimitsSet", "DESK", None, {}, "Ada"),
    ]
    assert us(events[0][7]) == RECORDED_US
    assert controls == [
        (partition, control, strategy_id, in_force, limits, version)
        for partition in (0, 3)
        for control, strategy_id, in_force, limits, version in (
            ("HALT", "s1", True, None, 4),
            ("LIMITS", "", False, {}, 5),
        )
    ]
    assert [(*row[:3], us(row[3]), *row[4:]) for row in marks] == [
        (0, "IBM", Decimal(6), 6, 6, 7, 6),
        (3, "IBM", Decimal(7), 7, 7, 6, 5),
    ]
