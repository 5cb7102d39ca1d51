"""The tables, against what the story's arithmetic says they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import psycopg

from tests.projections import story
from tests.projections.tapes import us

Connection = psycopg.Connection[Any]


def assert_story(connection: Connection) -> None:
    """Every table that the ledger's events and the ticks give holds the story's rows and no others."""
    assert_amounts(connection, "select account_id, book_account, commodity, amount from balances", 3, story.BALANCES)
    positions = "select account_id, symbol, quantity, held_quantity, cost, realized_pnl, fees from positions"
    assert_amounts(connection, positions, 2, story.POSITIONS)
    assert_amounts(connection, "select account_id, symbol, lot_id, quantity, cost, opened_at from lots", 3, story.LOTS)
    orders = """select order_id, status, filled_quantity, leaves_quantity, filled_value, average_price, fees,
        hold_cash, hold_quantity, dispatch_epoch, worker_id, version from orders"""
    assert_amounts(connection, orders, 1, {(name,): row for name, row in story.ORDERS.items()})
    assert_amounts(connection, "select symbol, side, price, quantity, orders from order_book_levels", 3, _book())
    assert_portfolio(connection)
    assert_journal(connection)
    accounts = connection.execute(
        "select account_id, owner, lot_method, version, record_offset from accounts order by 1"
    ).fetchall()

    assert accounts == [("acc_fifo", "Ann \ufffd", "FIFO", 15, 15), ("acc_pool", "Bob", "AVERAGE", 15, 14)]


def assert_portfolio(connection: Connection) -> None:
    query = "select account_id, market_time, cash, positions_value, equity from portfolio_values"
    assert_amounts(connection, query, 2, story.PORTFOLIO)


def assert_journal(connection: Connection) -> None:
    """The journal's legs are those of the story, and add up to the balances."""
    legs = sum(len(event.postings) for event in (*story.ann(), *story.bob()))
    found = connection.execute("select count(*) from journal_postings").fetchall()
    sums = "select account_id, book_account, commodity, sum(amount) from journal_postings group by 1, 2, 3"

    assert found == [(legs,)]
    assert_amounts(connection, sums, 3, story.BALANCES)


def assert_amounts(connection: Connection, query: str, keys: int, expected: Mapping[Any, Sequence[Any] | str]) -> None:
    """The query's rows, by their first `keys` columns, are the expected ones; numbers compare by value."""
    rows = connection.execute(query.encode()).fetchall()
    found = {tuple(map(_value, row[:keys])): [_value(cell) for cell in row[keys:]] for row in rows}
    wanted = {
        tuple(map(_value, key)): [_value(cell) for cell in ([row] if isinstance(row, str) else row)]
        for key, row in expected.items()
    }

    assert found == wanted
    assert len(rows) == len(wanted)


def _book() -> dict[Any, Any]:
    return dict(story.BOOK)


def _value(cell: Any) -> Any:
    """Numbers and texts of numbers as Decimals, times as microseconds."""
    if hasattr(cell, "timestamp"):
        return us(cell)
    if isinstance(cell, str) and cell.removeprefix("-").replace(".", "", 1).isdigit():
        return Decimal(cell)
    return cell
