"""Goal: an account trades in a backtest exactly as it would live. Method: books worked out by hand, and the paper venue
itself beside the desk."""

from __future__ import annotations

import hashlib
import math
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.decide_orders import terms_of
from domain.errors import InvalidValue
from domain.market import TickAt
from domain.paper_costs import PaperParameters
from domain.signals import Direction
from execution.paper import fill as paper_fill
from models.backtest import desk
from models.backtest.decisions import always_buy, signals
from models.backtest.market import Market, of_ticks
from models.backtest.strategies import Holder
from models.backtest.trading import House, Trading
from tests.models.backtest.worlds import FIRST, FREE, SETTINGS, Row, day, flat, market, terms, trade

TENTH = PaperParameters(
    half_spread_bps=Decimal(0), impact_bps=Decimal(0), participation_max=Decimal("0.10"), fee_bps=Decimal(0)
)


def told(trading: Trading) -> list[tuple[Any, ...]]:
    """The fills as (symbol, side, quantity, price)."""
    return [(one.symbol, one.side, int(one.quantity), str(one.price)) for one in trading.fills]


def hour(time_us: int) -> str:
    """Day of January 2011 and time, UTC."""
    seconds = time_us // 1_000_000 - 1_294_012_800  # 2011-01-03
    return f"{3 + seconds // 86_400} {seconds % 86_400 // 3_600:02}:{seconds % 3_600 // 60:02}"


def test_a_round_trip_by_hand() -> None:
    """BUY at Monday's close 10.00 buys 100 at Tuesday's open 10.20; SELL at Wednesday's close leaves at 11.50.

    Allocation 1,000 at 10.00: 100 shares, which cost 1,020; 1,150 - 1,020 = 130.
    """
    rows: list[Row] = [
        ("9", "10", "9", "10", 4000),
        ("10.20", "12", "10", "11", 4000),
        ("11", "12", "11", "12", 4000),
        ("11.50", "13", "11", "12", 4000),
    ]

    trading = trade(market({"AAPL": rows}), {"AAPL": {0: "BUY", 2: "SELL"}}, cash="2000.00")

    assert told(trading) == [("AAPL", "BUY", 100, "10.2000"), ("AAPL", "SELL", 100, "11.5000")]
    assert [hour(one.time_us) for one in trading.fills] == ["4 14:30", "6 14:30"]
    assert trading.cash == Decimal("2130.00")
    assert trading.fills[1].realized_pnl == Decimal("130.00")
    assert trading.positions == {}
    assert (trading.rejections, trading.working) == ((), ())


def test_costs_are_the_papers_own() -> None:
    """Half spread with its jitter from the order's id and the tick, root impact, price and fee rounded against us.

    Expected with binary floats and SHA-256 here: 2 bp x (1 + 0.2 (2u - 1)) + 10 bp x sqrt(100 / 1,000,000).
    """
    venue = PaperParameters(
        half_spread_bps=Decimal(2), impact_bps=Decimal(10), participation_max=Decimal(1), fee_bps=Decimal(5)
    )
    given_market = market({"AAPL": [flat("10", 4_000_000), flat("10.37", 4_000_000)]})

    trading = trade(given_market, {"AAPL": {0: "BUY"}}, venue, cash="2000.00")

    (one,) = trading.fills
    seed = hashlib.sha256(f"{one.order_id}:0:4".encode()).hexdigest()  # the fifth tick of the market
    u = int(seed[:16], 16) / 2**64
    cost = (2 * (1 + 0.2 * (2 * u - 1)) + 10 * math.sqrt(100 / 1_000_000)) / 10_000
    assert float(one.price) == math.ceil(10.37 * (1 + cost) * 10_000) / 10_000
    assert one.fee == Decimal("0.52")  # 100 x 10.37… x 5 bp = 0.518…, up to the cent
    assert trading.cash == Decimal(2000) - 100 * one.price - one.fee
    assert one.tick_price == Decimal("10.37")


def test_an_order_is_filled_in_parts_as_the_volume_allows() -> None:
    """400 shares a day are 100 a tick; a tenth is 10. 25 wanted: 10 at the open, 10 at the high, 5 at the low."""
    rows: list[Row] = [("40", "40", "40", "40", 400), ("41", "42", "39", "40", 400)]

    trading = trade(market({"AAPL": rows}), {"AAPL": {0: "BUY"}}, TENTH, cash="2000.00")

    assert told(trading) == [
        ("AAPL", "BUY", 10, "41.0000"),
        ("AAPL", "BUY", 10, "42.0000"),
        ("AAPL", "BUY", 5, "39.0000"),
    ]
    assert trading.cash == Decimal("2000.00") - 10 * 41 - 10 * 42 - 5 * 39


def test_what_is_left_goes_on_the_next_day_and_may_go_on_for_ever() -> None:
    """Two shares a tick: of 25 eight a day are had, and with two days after the signal nine are still wanted."""
    rows = [flat("40", 80), flat("40", 80), flat("40", 80)]

    trading = trade(market({"AAPL": rows}), {"AAPL": {0: "BUY"}}, TENTH, cash="2000.00")

    assert [int(one.quantity) for one in trading.fills] == [2] * 8
    (working,) = trading.working
    assert (working.quantity, working.leaves) == (Decimal(25), Decimal(9))
    assert trading.positions == {"AAPL": Decimal(16)}


def test_a_purchase_waits_while_the_market_is_above_its_protection() -> None:
    """Protected 10 % above 10.00: an opening at 11.01 is let pass, the day's low at 10.99 is taken."""
    rows: list[Row] = [flat("10"), ("11.01", "11.50", "10.99", "11.20", 4000)]

    trading = trade(market({"AAPL": rows}), {"AAPL": {0: "BUY"}}, cash="2000.00")

    assert told(trading) == [("AAPL", "BUY", 100, "10.9900")]


def test_cash_that_does_not_cover_the_hold_is_a_rejection() -> None:
    """100 shares at 10.00 hold 1,100 (protection 10 %): 1,099.99 is not enough although 1,000 would have done.

    The rule believes to hold them, so its SELL is refused as well, in the ledger's own words.
    """
    rows = [flat("10"), flat("10"), flat("10")]

    short = trade(market({"AAPL": rows}), {"AAPL": {0: "BUY", 1: "SELL"}}, cash="1099.99")
    enough = trade(market({"AAPL": rows}), {"AAPL": {0: "BUY"}}, cash="1100.00")

    assert [one.code for one in short.rejections] == ["CASH_INSUFFICIENT", "POSITION_INSUFFICIENT"]
    assert short.rejections[0].text == "expected at most the free cash of 1099.99 USD, it needs 1100.00"
    assert (short.fills, short.cash) == ((), Decimal("1099.99"))
    assert told(enough) == [("AAPL", "BUY", 100, "10.0000")]
    with_fee = msgspec.structs.replace(FREE, fee_bps=Decimal(1))  # 1,100 x 0.0001 = 0.11 more
    assert trade(market({"AAPL": rows}), {"AAPL": {0: "BUY"}}, with_fee, cash="1100.10").fills == ()
    assert len(trade(market({"AAPL": rows}), {"AAPL": {0: "BUY"}}, with_fee, cash="1100.11").fills) == 1


def test_symbols_share_the_cash_in_the_order_of_their_names() -> None:
    """At one instant AAPL comes before MSFT: it takes what there is. When its hold has shrunk, MSFT may buy."""
    rows = [flat("10"), flat("10"), flat("10"), flat("10")]
    script: dict[str, dict[int, Direction]] = {"MSFT": {0: "BUY"}, "AAPL": {0: "BUY"}, "IBM": {1: "BUY"}}

    trading = trade(market(dict.fromkeys(("MSFT", "AAPL", "IBM"), rows)), script, cash="2150.00")

    assert [(one.symbol, one.code) for one in trading.rejections] == [("MSFT", "CASH_INSUFFICIENT")]
    assert told(trading) == [("AAPL", "BUY", 100, "10.0000"), ("IBM", "BUY", 100, "10.0000")]


def test_what_a_tick_brings_may_be_sold_at_its_close() -> None:
    """25 shares a tick: Tuesday's close brings the last of 100, and the sale that it causes has them all."""
    rows = [flat("10", 1_000)] * 3

    trading = trade(market({"AAPL": rows}), {"AAPL": {0: "BUY", 1: "SELL"}}, TENTH, cash="2000.00")

    assert [(one.side, int(one.quantity)) for one in trading.fills] == [("BUY", 25)] * 4 + [("SELL", 25)] * 4
    assert trading.rejections == ()


def test_no_volume_no_fill() -> None:
    """A day without volume fills nothing; the order goes on to the next one."""
    rows = [flat("10"), flat("10", 0), flat("10.50")]

    trading = trade(market({"AAPL": rows}), {"AAPL": {0: "BUY"}}, cash="2000.00")

    assert told(trading) == [("AAPL", "BUY", 100, "10.5000")]
    assert [hour(one.time_us) for one in trading.fills] == ["5 14:30"]


def test_a_halt_fills_nothing() -> None:
    """A tick of a halt has a price that nobody can trade on, whatever its volume says."""
    given_market = market({"AAPL": [flat("10"), flat("11")]})
    series = given_market.series[0]
    ticks = [
        (TickAt(at.ref, msgspec.structs.replace(at.tick, halted=4 <= number <= 6)), at.tick.bar is not None)
        for number, at in enumerate(series.ticks)
    ]

    trading = trade(of_ticks(ticks, FIRST, day(9), "halted"), {"AAPL": {0: "BUY"}}, cash="2000.00")

    assert [hour(one.time_us) for one in trading.fills] == ["4 21:00"]


def test_a_missing_day_is_waited_out() -> None:
    """AAPL has no bar on Tuesday and Wednesday: its order fills at Thursday's open. MSFT begins on Wednesday."""
    rows = {
        "AAPL": {0: flat("10"), 3: flat("11")},
        "MSFT": {2: flat("20"), 3: flat("21"), 4: flat("22")},
    }
    script: dict[str, dict[int, Direction]] = {"AAPL": {0: "BUY"}, "MSFT": {0: "BUY"}}

    trading = trade(market(rows), script, cash="9000.00")

    assert [(one.symbol, hour(one.time_us), str(one.price)) for one in trading.fills] == [
        ("AAPL", "6 14:30", "11.0000"),
        ("MSFT", "6 14:30", "21.0000"),
    ]


def test_a_signal_at_the_last_close_only_works() -> None:
    """Nothing comes after the last close, so its order fills nowhere; never on the signal's own bar."""
    trading = trade(market({"AAPL": [flat("10"), flat("11")]}), {"AAPL": {1: "BUY"}}, cash="2000.00")

    assert trading.fills == ()
    assert [one.leaves for one in trading.working] == [Decimal(90)]


def test_cash_of_half_a_cent_opens_no_account() -> None:
    """What the ledger would not take as a deposit is refused, with its code."""
    with pytest.raises(InvalidValue) as refused:
        trade(market({"AAPL": [flat("10")]}), {}, cash="100.005")

    assert refused.value.code == "AMOUNT_OVER_PRECISE"


PRICES = st.integers(500, 2_000).map(lambda cents: f"{cents / 100:.2f}")
DAYS = st.tuples(PRICES, st.integers(0, 4_000)).map(lambda drawn: flat(*drawn))
SYMBOLS = ("AAPL", "IBM", "MSFT")


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Market, dict[str, dict[int, Direction]]]:
    """A few days of three symbols, some of them missing, and decisions."""
    rows, script = {}, {}
    for symbol in SYMBOLS:
        numbers = draw(st.lists(st.integers(0, 11), min_size=1, max_size=12, unique=True).map(sorted))
        rows[symbol] = {number: draw(DAYS) for number in numbers}
        directions: st.SearchStrategy[Direction] = st.sampled_from(["BUY", "SELL", "HOLD"])
        script[symbol] = {place: draw(directions) for place in range(len(numbers))}
    return market(rows), script


@settings(max_examples=60)
@given(worlds(), st.sampled_from(["500.00", "1500.00", "4000.00"]), st.sampled_from(["0.05", "1"]))
def test_the_books_always_hold(
    world: tuple[Market, dict[str, dict[int, Direction]]], cash: str, participation: str
) -> None:
    """Whatever happens: cash never below zero, never more sold than held, no fill on or before its signal's bar, and
    each fill is the paper venue's own on that tick."""
    given_market, script = world
    venue = PaperParameters(
        half_spread_bps=Decimal(1), impact_bps=Decimal(10), participation_max=Decimal(participation), fee_bps=Decimal(1)
    )

    trading = trade(given_market, script, venue, cash=cash)

    left, held = Decimal(cash), dict.fromkeys(SYMBOLS, Decimal(0))
    ticks = {at.ref.offset: at for series in given_market.series for at in series.ticks}
    orders = {command.order_id: command for command in trading.orders}
    filled: dict[str, Decimal] = {}
    for one in trading.fills:
        sign = 1 if one.side == "BUY" else -1
        left -= sign * one.quantity * one.price + one.fee
        held[one.symbol] += sign * one.quantity
        assert left >= 0
        assert held[one.symbol] >= 0
        command = orders[one.order_id]
        assert command.active_after is not None
        assert one.time_us > command.active_after.market_time_us
    assert left == trading.cash
    assert {symbol: units for symbol, units in held.items() if units} == trading.positions
    accepted = orders.keys() - {one.order_id for one in trading.rejections}
    expected = []
    for order_id in accepted:
        asked = terms_of(orders[order_id])
        assert asked.active_after is not None
        filled[order_id] = Decimal(0)
        for offset in sorted(ticks):
            at = ticks[offset]
            leaves = asked.quantity - filled[order_id]
            if (
                at.tick.symbol != asked.symbol
                or offset <= asked.active_after.offset
                or not leaves
                or not at.tick.volume
            ):
                continue
            got = paper_fill(asked, leaves, at, venue)
            if got is not None:
                filled[order_id] += got.quantity
                expected.append((offset, order_id, got.quantity, got.price, got.fee))
    at_offset = {at.ref.market_time_us: {} for at in ticks.values()}
    for at in ticks.values():
        at_offset[at.ref.market_time_us][at.tick.symbol] = at.ref.offset
    found = [
        (at_offset[one.time_us][one.symbol], one.order_id, one.quantity, one.price, one.fee) for one in trading.fills
    ]
    assert sorted(found) == sorted(expected)


def test_buy_and_hold_can_set_aside_for_all_its_entries() -> None:
    """Five symbols at 10.00 and 100,000.00: 20,000 a symbol would hold 22,002.20 each, and the fifth would be refused.

    So each buys what 20,000 can hold at 11.00 and 1 bp: 20,000 / 11.0011 = 1,818.00…; with less to buy it buys less.
    """
    symbols = ("A", "B", "C", "D", "E")
    given_market = market(dict.fromkeys(symbols, [flat("10", 10**6)] * 4))
    told_to_buy = signals(given_market, always_buy(given_market), "", "")

    def held(allocation: str) -> Trading:
        asked = terms(symbols, allocation=Decimal(allocation))
        house = House.of(asked, SETTINGS.strategy_account_id)
        return desk.trade(given_market, told_to_buy, Holder.of(asked, SETTINGS, symbols), house)

    assert [(one.symbol, int(one.quantity)) for one in held("20000").fills] == [(symbol, 1_818) for symbol in symbols]
    assert held("20000").rejections == ()
    assert {int(one.quantity) for one in held("5000").fills} == {500}


def test_free_is_free() -> None:
    """The venue without costs of these tests takes nothing: bought and sold at one price leaves the cash as it was."""
    rows = [flat("10")] * 4

    assert trade(market({"AAPL": rows}), {"AAPL": {0: "BUY", 1: "SELL"}}, FREE, cash="2000.00").cash == Decimal(2000)
