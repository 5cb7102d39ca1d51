"""Corporate actions, cash movements and corrections in the tables: worked by hand, and whatever the batches.

The events are the domain's own, of desks whose figures tests/domain works by hand; the tables are a real PostgreSQL's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from domain.market import Bar, Tick
from projections import corporate
from projections.groups import LEDGER, TICKS, live_events
from projections.ticks import Print
from runtime.settings import Settings
from tests.domain.desk import DAY_US, START_US
from tests.domain.operators import OPERATORS_EVENTS, OperatorDesk, a_day_of_operators
from tests.projections.tapes import Tape
from tests.projections.test_tables import empty, project

pytestmark = pytest.mark.integration
Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(ledger_settings: Settings) -> Iterator[Connection]:
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as opened:
        yield opened


def taped(desk: OperatorDesk) -> Tape:
    tape = Tape("ledger.events", 0)
    for event in desk.events:
        tape.write(event)
    return tape


def rows(connection: Connection, query: str) -> list[Any]:
    return connection.execute(query.encode()).fetchall()


def _busy(lot_method: str) -> OperatorDesk:
    """Trading, a purchase that is busted after it was sold, a cover, and a day of operators."""
    desk = OperatorDesk(lot_method=lot_method)
    first = desk.trade("BUY", "10", "10.00", "0.10", symbol="IBM")
    desk.trade("SELL", "10", "11.00", symbol="IBM")
    desk.bust(first.execution_id)
    desk.trade("BUY", "4", "9.00", symbol="IBM")
    desk.trade("BUY", "6", "9.50", symbol="IBM")
    desk.now_us += 8 * DAY_US  # so that IBM's fills are forgotten, and AAPL may become IBM
    a_day_of_operators(desk)
    sold = desk.trade("BUY", "5", "20.00")
    desk.trade("SELL", "3", "21.00", "0.01")
    desk.send(desk.correcting(sold, "4", "20.50", "0.02"))
    desk.trade("BUY", "7", "22.00")
    assert {type(event) for event in desk.events} >= OPERATORS_EVENTS
    return desk


@pytest.mark.parametrize("lot_method", ["FIFO", "AVERAGE"])
def test_any_cut_into_batches_gives_what_the_ledger_has(
    connection: Connection, ledger_settings: Settings, lot_method: str
) -> None:
    """Positions, lots and balances equal the domain's own fold, whatever was written in one transaction."""
    chance = random.Random(lot_method)
    desk = _busy(lot_method)
    sizes_max = (1, 3, 100)
    for size_max in sizes_max:
        empty(connection, ledger_settings)
        records = list(taped(desk).records)
        while records:
            size = chance.randint(1, size_max)
            project(connection, LEDGER.apply, records[:size])
            del records[:size]

        own = desk.account
        found = rows(connection, "select symbol, quantity, held_quantity, cost, realized_pnl, fees from positions")
        assert {row[0]: row[1:] for row in found if any(row[1:])} == {
            symbol: (own_.quantity, own_.held, own_.cost, own_.realized_pnl, own_.fees)
            for symbol, own_ in own.positions.items()
        }
        found = rows(connection, "select symbol, lot_id, quantity, cost from lots")
        assert sorted(found) == sorted(
            (symbol, lot.lot_id, lot.quantity, lot.cost)
            for symbol, position in own.positions.items()
            for lot in position.lots
        )
        found = rows(connection, "select book_account, commodity, amount from balances where amount <> 0")
        assert {row[:2]: row[2] for row in found} == own.books


def test_a_fill_stays_as_reported_and_says_what_it_is_taken_for(connection: Connection) -> None:
    """One fill corrected twice, one busted, one left alone: the newest word counts, the first stays readable."""
    desk = OperatorDesk()
    wrong, never, right = (desk.trade("BUY", "10", "10.00", "0.10") for _ in range(3))
    desk.send(desk.correcting(wrong, "10", "11.00", "0.10"))
    desk.correct(wrong.execution_id, "9", "11.50", "0.09")
    desk.bust(never.execution_id)

    project(connection, LEDGER.apply, taped(desk).records)

    now = """select execution_id, state, quantity, price, fee, restated_by, reported_quantity, reported_price
        from fills_now"""
    assert {row[0]: row[1:] for row in rows(connection, now)} == {
        wrong.execution_id: (
            *("CORRECTED", Decimal(9), Decimal("11.50"), Decimal("0.09"), "ops-anna"),
            *(Decimal(10), Decimal("10.00")),
        ),
        never.execution_id: ("BUSTED", Decimal(0), None, Decimal(0), "ops-anna", Decimal(10), Decimal("10.00")),
        right.execution_id: (
            *("FILLED", Decimal(10), Decimal("10.00"), Decimal("0.10"), None),
            *(Decimal(10), Decimal("10.00")),
        ),
    }
    said = """select state, old_quantity, old_price, quantity, cash_change, fees_change, actor, report_id is null,
        command_id is null, reason from fill_corrections order by record_offset"""
    assert rows(connection, said) == [
        ("CORRECTED", 10, 10, 10, -10, 0, None, False, True, "clearly erroneous"),
        (
            "CORRECTED",
            10,
            11,
            9,
            Decimal("6.51"),
            Decimal("-0.01"),
            "ops-anna",
            True,
            False,
            "notice of the depository",
        ),
        ("BUSTED", 10, 10, 0, Decimal("100.10"), Decimal("-0.10"), "ops-anna", True, False, "notice of the depository"),
    ]


def test_operators_actions_are_on_record_with_who_and_why(connection: Connection) -> None:
    """Each with its reference; what has no symbol and no market time has none there either."""
    desk = OperatorDesk()
    desk.trade("BUY", "10", "10.00")
    desk.dividend("0.50", reference="CORP-7")
    desk.adjust("INTEREST", "1.25", reference="line 3")

    project(connection, LEDGER.apply, taped(desk).records)

    query = """select event_type, symbol, actor, reason, reference, market_time is null, data->>'amount', data->>'gross'
        from operator_actions order by record_offset"""
    assert rows(connection, query) == [
        ("DividendPaid", "AAPL", "ops-anna", "notice of the depository", "CORP-7", False, None, "5.00"),
        ("CashAdjusted", None, "ops-anna", "notice of the depository", "line 3", True, "1.25", None),
    ]


def _close(day: int, price: str, offset: int) -> Print:
    value = Decimal(price)
    bar = Bar(open=value, high=value, low=value, close=value, volume=Decimal(1))
    tick = Tick(symbol="AAPL", market_time_us=START_US + day * DAY_US, price=value, volume=Decimal(1), bar=bar)
    return Print(0, offset, tick)


@pytest.mark.parametrize("ticks_first", [True, False])
def test_the_past_is_worth_what_it_should_have_been(connection: Connection, ticks_first: bool) -> None:
    """Day 0: 100 bought at 10. Day 2: two for one. Day 4: the fill was of 90 at 10, so 180 units from day 2 on.

    Closes: day 1 at 12, day 3 at 7, day 5 at 8. Of 10,000: cash is 9,100 from the fill on; 90 x 12 = 1,080,
    180 x 7 = 1,260, 180 x 8 = 1,440. Day 4.5: a dividend of 0.50 on 180 units adds 90.
    """
    desk = OperatorDesk()
    fill = desk.trade("BUY", "100", "10.00")
    desk.now_us += 2 * DAY_US
    desk.split(2, 1)
    desk.now_us += 2 * DAY_US
    desk.send(desk.correcting(fill, "90", "10.00"))
    desk.now_us += DAY_US // 2
    desk.dividend("0.50")
    closes = [_close(day, price, day) for day, price in ((1, "12"), (3, "7"), (5, "8"))]

    if ticks_first:
        project(connection, TICKS.apply, closes)
    for record in taped(desk).records:
        project(connection, LEDGER.apply, [record])
    if not ticks_first:
        project(connection, TICKS.apply, closes)

    query = "select cash, positions_value, equity from portfolio_values order by market_time"
    assert rows(connection, query) == [(9100, 1080, 10180), (9100, 1260, 10360), (9190, 1440, 10630)]


def test_a_correction_moves_each_action_at_its_own_time() -> None:
    """The worked example of tests/domain/test_corrections.py: 23 instead of 25 at 4.00, then one for ten, 0.3 paid.

    At the fill: 2 units less and 8 more cash. At the split: 2 units more (23 became 2, as 25 did), 8.80 less cash.
    """
    desk = OperatorDesk()
    fill = desk.trade("BUY", "25", "4.00")
    desk.now_us += DAY_US
    desk.split(1, 10, "44.00")
    desk.send(desk.correcting(fill, "23", "4.00"))

    found = corporate.changes(live_events(taped(desk).records))

    assert [(row[2], *row[4:10]) for row in found[1:]] == [
        (0, "AAPL", "FillCorrected", -2, 8, 0, START_US),
        (1, "AAPL", "FillCorrected", 2, Decimal("-8.80"), Decimal("-0.80"), START_US + DAY_US),
    ]
