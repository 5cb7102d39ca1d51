"""Goal: the projection's fold of orders and the audit's, which share no code, agree whatever the ledger decides.

Method: random trading decided by the domain, projected in random batches from rows alone, against the audit's rows.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from audit.compare import Place, Row, StateTable
from audit.expected import Expected
from audit.expected_book import ENTRIES, LEVELS, SPANS
from audit.expected_orders import GROUPS, ORDERS
from domain.events import OrderGroupAccepted, OrderReplaced, OrderTriggered
from domain.ledger import Ledger
from projections import book, order_history
from projections.order_fold import Fold
from projections.order_state import COLUMNS, GroupState, OrderState
from projections.order_state import GROUPS as GROUP_COLUMNS
from projections.rows import Event
from tests.audit.random_desk import RandomDesk
from tests.domain.risk_desk import RiskDesk

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def projected(desk: RandomDesk | RiskDesk, seed: int) -> dict[str, Any]:
    """The tables after the desk's events in batches of 1 to 9, each begun with nothing but rows."""
    chance = random.Random(seed)
    orders: dict[str, Row] = {}
    groups: dict[str, Row] = {}
    entries: dict[str, book.Entry] = {}
    steps: list[Row] = []
    spans: list[Row] = []
    levels: dict[Row, list[Any]] = {}
    events = [Event(0, offset, "", message, b"") for offset, message in enumerate(desk.events)]
    while events:
        size = chance.randint(1, 9)
        fold = Fold(
            (OrderState(*row) for row in orders.values()),
            (GroupState(*row) for row in groups.values()),
            entries.values(),
        )
        for event in events[:size]:
            fold.take(event)
        for *level, quantity, count in book.difference(entries.values(), fold.entries.values()):
            had = levels.get(tuple(level), [0, 0])
            levels[tuple(level)] = [had[0] + quantity, had[1] + count]
        orders |= {order_id: order.row() for order_id, order in fold.changed.items()}
        groups |= {group_id: group.row() for group_id, group in fold.changed_groups.items()}
        entries, events = dict(fold.entries), events[size:]
        steps += fold.steps
        spans += fold.spans
    return {
        "orders": table(ORDERS, COLUMNS, orders.values()),
        "order_groups": table(GROUPS, GROUP_COLUMNS, groups.values()),
        "order_book_orders": table(ENTRIES, book.ENTRIES, entries.values()),
        "order_book_history": table(SPANS, book.SPANS, spans),
        "order_book_levels": {key: tuple(value) for key, value in levels.items() if value[1]},
        "order_history": [stored(order_history.COLUMNS, row) for row in steps],
    }


def stored(columns: dict[str, str], row: Row) -> dict[str, Any]:
    """A row as PostgreSQL gives it back."""
    found: dict[str, Any] = {}
    for (name, kind), value in zip(columns.items(), row, strict=True):
        found[name] = value
        if value is not None and kind == "timestamptz":
            found[name] = EPOCH + timedelta(microseconds=value)
        elif value is not None and kind == "jsonb":
            found[name] = msgspec.json.decode(value)
    return found


def table(wanted: StateTable, columns: dict[str, str], rows: Any) -> dict[Row, Row]:
    named = [stored(columns, row) for row in rows]
    return {tuple(row[name] for name in wanted.key): tuple(row[name] for name in wanted.columns) for row in named}


@pytest.mark.parametrize("seed", range(60))
def test_both_folds_agree(seed: int) -> None:
    """Orders, groups, steps, entries, spans and levels are the same to the last value."""
    desk = RandomDesk(seed)
    desk.run(150)
    _agree(desk, seed)


def _throttle_in_the_middle(desk: RiskDesk) -> None:
    desk.limit(executions_max=1)
    filled = desk.submit("BUY", "5", "10.00", strategy_id="s").order.order_id
    desk.submit("BUY", "5", "9.00", strategy_id="s")
    desk.fill(filled, "2", "10.00")


def _throttle_at_the_end(desk: RiskDesk) -> None:
    desk.limit(executions_max=1)
    desk.submit("BUY", "5", "9.00", strategy_id="s")
    desk.trade("BUY", "2", "10.00", strategy_id="s")


def _throttle_a_bracket(desk: RiskDesk) -> None:
    desk.limit(executions_max=1)
    entry = desk.terms("entry", "BUY", "2", limit_price="10", strategy_id="s")
    profit = desk.terms("profit", "SELL", "2", limit_price="12")
    desk.group("BRACKET", entry, profit, desk.terms("loss", "SELL", "2", "STOP", stop_price="8"))
    desk.fill(entry.order_id, "1", "10.00")


def _kill_an_order_twice(desk: RiskDesk) -> None:
    working = desk.submit("BUY", "5", "10.00").order.order_id
    desk.kill(order_id=working)
    desk.kill(order_id=working)


def _kill_the_account(desk: RiskDesk) -> None:
    desk.submit("BUY", "5", "10.00")
    desk.submit("BUY", "4", "9.00")
    desk.kill()


@pytest.mark.parametrize(
    "story",
    [_throttle_in_the_middle, _throttle_at_the_end, _throttle_a_bracket, _kill_an_order_twice, _kill_the_account],
    ids=lambda story: story.__name__.strip("_"),
)
def test_both_folds_agree_on_what_a_risk_officer_stops(story: Callable[[RiskDesk], None]) -> None:
    """One event cancels many orders, the one that it is about among them; each has one step of it."""
    desk = RiskDesk()
    story(desk)

    _agree(desk, 1)


def _agree(desk: RandomDesk | RiskDesk, seed: int) -> None:
    expected = Expected(Ledger(desk.ledger.catalog))
    steps = [
        (offset, leg, *row)
        for offset, message in enumerate(desk.events)
        for leg, row in enumerate(expected.take(message, Place("t", 0, offset)))
    ]

    found = projected(desk, seed)

    for account_id, account in desk.ledger.accounts.items():
        assert expected.ledger.accounts[account_id].digest() == account.digest()
    for wanted in (ORDERS, GROUPS, ENTRIES, SPANS, LEVELS):
        assert found[wanted.name] == expected.rows(wanted), wanted.name
    names = [name for name in order_history.COLUMNS if name not in ("partition", "record_offset", "leg")]
    assert [(row["record_offset"], row["leg"], *(row[name] for name in names)) for row in found["order_history"]] == [
        (offset, leg, *row) for offset, leg, *row in steps
    ]


def test_the_desk_does_what_it_is_for() -> None:
    """Over all seeds there are groups, answered replacements, triggers, and orders that others of a group change."""
    kinds: dict[str, int] = {}
    for seed in range(60):
        desk = RandomDesk(seed)
        desk.run(150)
        for event in desk.events:
            for name in (type(event).__name__, *(link.effect for link in getattr(event, "linked", ()))):
                kinds[name] = kinds.get(name, 0) + 1

    wanted = {kind.__name__ for kind in (OrderGroupAccepted, OrderReplaced, OrderTriggered)}
    wanted |= {"OrderExpired", "OrderReplaceRefused", "OrderGroupRejected", "OrderRedispatched", "ReportRejected"}
    wanted |= {"ACTIVATED", "REDUCED", "CANCEL_REQUESTED", "CANCELED"}
    assert {name: kinds.get(name, 0) for name in wanted if kinds.get(name, 0) < 5} == {}
