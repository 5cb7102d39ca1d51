"""Goal: `replay` finds nothing on sound tables of corporate actions and corrections, and names what is planted in them.

Method: a real tape with each kind of operator's event, projected by the real projector, then rows changed and undone.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from audit.replay import replay
from domain import commands as c
from domain import ids
from domain import reports as r
from runtime.clients import postgres
from runtime.settings import Settings
from tests.audit.planting import Backup
from tests.audit.test_replay import CORPORATE_TABLES
from tests.audit.world import COMMANDS, EVENTS, World

pytestmark = pytest.mark.integration

PLANTS = (
    ("operator_actions", "set actor = 'eve' where event_type = 'DividendPaid'", "actor", "ops-anna", "eve"),
    ("operator_actions", "set reason = 'none' where event_type = 'CashAdjusted'", "reason", "statement", "none"),
    ("fill_corrections", "set price = 1 where state = 'CORRECTED'", "price", "51", "1"),
    ("fill_corrections", "set cash_change = 0 where state = 'BUSTED'", "cash_change", "1040", "0"),
    ("fill_corrections", "set actor = 'eve' where state = 'CORRECTED'", "actor", "null", "eve"),
    ("position_changes", "set quantity_change = 7 where event_type = 'SharesSplit'", "quantity_change", "60", "7"),
    ("position_changes", "set cash_change = 9 where event_type = 'DividendPaid'", "cash_change", "51", "9"),
)
"""Table, change, column, what it must be, what was planted."""


def _operate(world: World, command: Any, **fields: Any) -> Any:
    own = {"actor": "ops-anna", "reason": "statement", "reference": f"ref-{world.now_us}"}
    head = {"command_id": f"op-{world.now_us}", "account_id": "ann", "issued_at_us": world.now_us}
    return world.decide(COMMANDS, command(**(head | own | fields)))


def _story(settings: Settings) -> World:
    """40 at 50 and 20 at 52 of AAPL; the first was at 51, then two for one, the second never was, a dividend of 0.75
    on 80 units less 15 % is 51.00; a new symbol; gone at 26; interest; a transfer."""
    world = World(settings)
    world.open("ann", "FIFO", "10000.00")
    day = world.day("AAPL", 1, ("50", "52", "49", "51"))
    fills = []
    for tick, quantity, price in (("open", "40", "50"), ("high", "20", "52")):
        order_id = world.submit("ann", f"buy-{tick}", "BUY", "AAPL", quantity, limit="60")
        world.acknowledge("ann", order_id)
        world.fill("ann", order_id, quantity, price, "0", day[tick])
        fills.append((order_id, ids.execution_id(order_id, day[tick].partition, day[tick].offset)))
    resting = world.submit("ann", "rest", "SELL", "AAPL", "5", limit="70")
    world.acknowledge("ann", resting)
    (first, wrong), (_, never) = fills
    world._report(
        r.ReportCorrected,
        "ann",
        first,
        execution_id=wrong,
        quantity=Decimal(40),
        price=Decimal(51),
        fee=Decimal(0),
        reason="erroneous",
    )
    at = {"symbol": "AAPL", "market_time_us": day["close"].market_time_us}
    _operate(world, c.SplitShares, numerator=2, denominator=1, **at)
    _operate(world, c.BustFill, execution_id=never)
    _operate(world, c.PayDividend, per_unit=Decimal("0.75"), withholding_bps=Decimal(1500), **at)
    _operate(world, c.ChangeSymbol, new_symbol="IBM", **at)
    _operate(world, c.DelistInstrument, price=Decimal(26), **(at | {"symbol": "IBM"}))
    _operate(world, c.AdjustCash, kind="INTEREST", amount=Decimal("-0.25"))
    _operate(world, c.TransferCash, to_account_id="bob", amount=Decimal(5))
    world.flush()
    world.project()
    return world


def test_each_planted_change_is_named(ledger_settings: Settings) -> None:
    """Sound tables have no differences; a changed value is named with its table, column and both values."""
    world = _story(ledger_settings)
    sound = replay(ledger_settings)
    assert sound.differences == []
    assert sound.digest == world.ledger.digest().hex()
    rows = {table.table: table.rows for table in sound.tables}
    assert {name: rows[name] for name in CORPORATE_TABLES} == {
        "operator_actions": 6,
        "fill_corrections": 2,
        "position_changes": 8,
    }

    with postgres(ledger_settings, autocommit=True) as connection, Backup(connection, CORPORATE_TABLES) as backup:
        for table, change, column, wanted, planted in PLANTS:
            backup.plant(f"update {table} {change}")
            verdict = replay(ledger_settings)
            backup.restore()

            (difference,) = verdict.differences
            assert (difference.table, difference.column) == (table, column)
            assert (difference.expected, difference.found) == (wanted, planted)
            assert difference.topic == ledger_settings.topic(EVENTS)
        for table in CORPORATE_TABLES:
            connection.execute(f"delete from {table}".encode())
            verdict = replay(ledger_settings)
            backup.restore()

            assert len(verdict.differences) == rows[table]
            assert {(one.table, one.expected, one.found) for one in verdict.differences} == {(table, "a row", "no row")}


def test_the_position_that_replay_expects_is_the_restated_one(ledger_settings: Settings) -> None:
    """40 at 51 is 2,040; 80 units at 26 are 2,080: a profit of 40. Cash: 10,000 - 2,040 + 2,080 + 51 - 0.25 - 5."""
    world = _story(ledger_settings)

    assert world.ledger.accounts["ann"].cash == Decimal("10085.75")
    with postgres(ledger_settings) as connection:
        found = connection.execute(
            "select symbol, quantity, held_quantity, cost, realized_pnl from positions order by symbol"
        ).fetchall()
        cash = connection.execute("select amount from balances where book_account = 'cash'").fetchone()
        orders = connection.execute(
            "select client_order_id, symbol, status, filled_quantity, average_price from orders order by submitted_at"
        ).fetchall()

    assert found == [("AAPL", 0, 0, 0, 0), ("IBM", 0, 5, 0, 40)]
    assert cash == (Decimal("10085.75"),)
    assert orders == [
        ("buy-open", "AAPL", "FILLED", 40, 51),
        ("buy-high", "AAPL", "FILLED", 0, None),
        ("rest", "IBM", "PENDING_CANCEL", 0, None),
    ]
