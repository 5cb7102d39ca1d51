"""Short legs in the tables, on a real PostgreSQL: units and costs below zero, worked by hand.

10 short at 60.00 and 10 at 64.00, for 1,240 together; 15 bought at 61.00, for 915; then 10 at 50.00, of which 5 cover
the rest and 5 are long. Each order is charged 1.00 and the venue's 0.10.

FIFO covers 10 at 60.00 and 5 at 64.00, 920: profit 5, and 5 at 64.00 are left, 320. AVERAGE covers 15 at 62.00, 930:
profit 15, and 310 are left. The last 5 cost 250: profits of 70 and 60 more.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from domain.account_terms import FeeSchedule, MarginTerms
from domain.market import Instrument
from projections.groups import LEDGER
from runtime.settings import Settings
from tests.domain.desk import Desk
from tests.projections.tapes import Tape

Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(ledger_settings: Settings) -> Iterator[Connection]:
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as opened:
        yield opened


def _traded(lot_method: str) -> tuple[Desk, list[int]]:
    """The desk after all four trades, and how many events there were after the third."""
    desk = Desk(
        lot_method=lot_method,
        margin=MarginTerms(),
        fee_schedule=FeeSchedule(per_order=Decimal("1.00")),
        instruments=(Instrument(symbol="AAPL", easy_to_borrow=True),),
    )
    desk.mark("AAPL", "60.00")
    counts = []
    for number, (side, quantity, price) in enumerate(
        [("SELL_SHORT", "10", "60.00"), ("SELL_SHORT", "10", "64.00"), ("BUY", "15", "61.00"), ("BUY", "10", "50.00")]
    ):
        order_id = desk.submit(side, quantity, price).order.order_id
        desk.fill(order_id, quantity, price, "0.10", execution_id=f"e{number + 1}")
        counts.append(len(desk.events))
    return desk, counts


def _rows(connection: Connection) -> tuple[list[Any], list[Any]]:
    positions = connection.execute("select quantity, held_quantity, cost, realized_pnl, fees from positions").fetchall()
    return positions, connection.execute("select lot_id, quantity, cost from lots").fetchall()


@pytest.mark.integration
@pytest.mark.parametrize("step", [1, 100])
@pytest.mark.parametrize(
    ("lot_method", "short", "turned"),
    [
        ("FIFO", ((-5, 0, -320, 5, "3.30"), ("e2", -5, -320)), ((5, 0, 250, 75, "4.40"), ("e4", 5, 250))),
        (
            "AVERAGE",
            ((-5, 0, -310, 15, "3.30"), ("average_short", -5, -310)),
            ((5, 0, 250, 75, "4.40"), ("average", 5, 250)),
        ),
    ],
)
def test_a_short_leg_is_below_zero_and_turns(
    connection: Connection, lot_method: str, short: Any, turned: Any, step: int
) -> None:
    """In one batch or record by record: the short lots go, the position turns, and its profit and fees add up."""
    desk, counts = _traded(lot_method)
    tape = Tape("ledger.events", 0)
    for event in desk.events:
        tape.write(event)

    for first, last, (position, lot) in ((0, counts[2], short), (counts[2], counts[3], turned)):
        for start in range(first, last, step):
            with connection.transaction(), connection.cursor() as cursor:
                LEDGER.apply(cursor, tape.records[start : min(start + step, last)])
        positions, lots = _rows(connection)

        assert positions == [(*position[:-1], Decimal(position[-1]))]
        assert lots == [lot]
    fees = connection.execute("select sum(fee), sum(cash_change) from fills").fetchone()
    assert fees == (Decimal("4.40"), desk.account.cash - 10_000)
    commission = "select amount from balances where book_account = 'commission' and commodity = 'USD'"
    assert connection.execute(commission).fetchall() == [(4,)]
