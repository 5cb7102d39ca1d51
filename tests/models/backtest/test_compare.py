"""Goal: a run of the ledger that differs from a backtest is either explained or a finding. Method: the ledger's records
are those of a backtest, with one thing changed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import InvalidValue
from domain.paper_costs import PaperParameters
from domain.signals import Direction
from models.backtest import desk
from models.backtest.compare import Run, Side, compare, furnish, impose
from models.backtest.comparison import venue_of
from models.backtest.decisions import signals
from models.backtest.market import Market
from models.backtest.recorded import LedgerFill, LedgerOrder, Movement
from models.backtest.strategies import follower_of
from models.backtest.trading import House, Refused, Trading
from tests.models.backtest.worlds import SETTINGS, Row, flat, market, scripted, terms

Script = Mapping[str, Mapping[int, Direction]]
VENUE = PaperParameters(
    half_spread_bps=Decimal(1), impact_bps=Decimal(10), participation_max=Decimal("0.10"), fee_bps=Decimal(1)
)
ROWS: dict[str, list[Row]] = {
    "AAPL": [flat("10", 2_000), flat("10.50", 2_000), flat("12", 2_000), flat("13", 2_000), flat("12", 2_000)],
    "MSFT": [flat("20", 4_000)] * 5,
}
SCRIPT: Script = {"AAPL": {0: "BUY", 2: "SELL"}, "MSFT": {1: "BUY", 3: "SELL"}}
MARKET = market(ROWS)
HOUSE = House(SETTINGS.strategy_account_id, Decimal("5000.00"), Decimal(1), VENUE)


def trading(house: House = HOUSE, given: Market = MARKET, script: Script = SCRIPT) -> Trading:
    asked = terms(sorted(ROWS), allocation=Decimal(1000))
    return desk.trade(given, signals(given, scripted(given, script), "m", "1"), follower_of(asked, SETTINGS), house)


def recorded(told: Trading) -> Run:
    """The read models of a ledger that did the very same. An order's verdict stands before its fills on the tape."""
    events: list[tuple[int, int, str, Any]] = []
    for command in told.orders:
        assert command.active_after is not None
        events.append((command.active_after.market_time_us, 1, command.symbol, command))
    events += [(fill.time_us, 0, fill.symbol, fill) for fill in told.fills]
    events.sort(key=lambda event: (event[0], event[2], event[1]))
    offset_of = {id(event[3]): 100 + 10 * number for number, event in enumerate(events)}
    filled: dict[str, Decimal] = {}
    for fill in told.fills:
        filled[fill.order_id] = filled.get(fill.order_id, Decimal(0)) + fill.quantity
    rejected = {one.order_id: one for one in told.rejections}
    orders = []
    for command in told.orders:
        refusal, had = rejected.get(command.order_id), filled.get(command.order_id, Decimal(0))
        left = Decimal(0) if refusal else command.quantity - had
        orders.append(
            LedgerOrder(
                order_id=command.order_id,
                symbol=command.symbol,
                side=command.side,
                order_type="MARKET",
                quantity=command.quantity,
                status="REJECTED" if refusal else "PARTIALLY_FILLED" if left else "FILLED",
                filled_quantity=had,
                leaves_quantity=left,
                reject_code=refusal.code if refusal else None,
                reject_text=refusal.text if refusal else None,
                cancel_reason=None,
                signal_id=command.signal_id,
                strategy_id=command.strategy_id,
                submitted=offset_of[id(command)],
            )
        )
    fills = [
        LedgerFill(
            execution_id=fill.execution_id,
            order_id=fill.order_id,
            symbol=fill.symbol,
            side=fill.side,
            quantity=fill.quantity,
            price=fill.price,
            fee=fill.fee,
            time_us=fill.time_us,
            venue="PAPER",
            recorded=offset_of[id(fill)],
            evidence=None,
        )
        for fill in told.fills
    ]
    newest = {series.symbol: series.close(len(series.bars) - 1).ref.market_time_us for series in MARKET.series}
    return Run(SETTINGS.strategy_id, orders, fills, [Movement(Decimal("5000.00"), 1)], newest)


def changed_order(run: Run, number: int, **fields: Any) -> Run:
    orders = list(run.orders)
    orders[number] = orders[number]._replace(**fields)
    return run._replace(orders=orders)


def settle(run: Run, house: House = HOUSE, given: Market = MARKET, script: Script = SCRIPT) -> tuple[Trading, House]:
    """As models.backtest.comparison does: take over what the ledger did for explained reasons."""
    house = furnish(run, house)
    while True:
        told = trading(house, given, script)
        imposed = impose(run, told, house)
        if imposed == house:
            return told, house
        house = imposed


def compared(run: Run, given: Market = MARKET, script: Script = SCRIPT) -> Side:
    told, house = settle(run, HOUSE, given, script)
    return compare(run, told, house, "made up")


def explanations(side: Side) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for one in side.differences:
        found[one.explanation or "?"] = found.get(one.explanation or "?", 0) + 1
    return found


def test_the_same_is_the_same() -> None:
    """Two symbols, in and out, in parts: every fill of the ledger is one of the backtest."""
    told = trading()
    side = compared(recorded(told))

    assert side.orders == 4
    assert len(side.matches) == len(told.fills) > 4, "some orders are filled in parts"
    assert all(match.same for match in side.matches)
    assert side.differences == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("price", Decimal("11.9900")), ("fee", Decimal("0.50")), ("quantity", Decimal(49)), ("side", "SELL")],
)
def test_another_figure_of_a_fill_is_a_finding(field: str, value: Any) -> None:
    """A price, a fee, a quantity, a side that is not the same, and nobody knows why."""
    run = recorded(trading())
    fills = [run.fills[0]._replace(**{field: value}), *run.fills[1:]]

    side = compared(run._replace(fills=fills))

    assert explanations(side) == {"?": 1}
    assert [match.same for match in side.matches].count(False) == 1
    assert side.unexplained[0].text == "the same tick filled the order otherwise"


def test_the_last_decimal_is_rounding() -> None:
    """A price that differs by 0.0001 is told, and explained."""
    run = recorded(trading())
    fills = [run.fills[0]._replace(price=run.fills[0].price + Decimal("0.0001")), *run.fills[1:]]

    assert explanations(compared(run._replace(fills=fills))) == {"PRICE_ROUNDING": 1}


def test_fills_that_one_side_lacks_are_findings() -> None:
    """A fill that the ledger lost, and one that it made up."""
    run = recorded(trading())
    made_up = run.fills[0]._replace(execution_id="exe_0", time_us=run.fills[0].time_us + 1)

    assert explanations(compared(run._replace(fills=run.fills[1:]))) == {"?": 1}
    assert explanations(compared(run._replace(fills=[*run.fills, made_up]))) == {"?": 1}


def test_an_order_that_one_side_lacks_is_a_finding() -> None:
    """The ledger never got an order: the order and each of its fills are told."""
    run = recorded(trading())
    lost = run.orders[0].order_id
    without = run._replace(orders=run.orders[1:], fills=[fill for fill in run.fills if fill.order_id != lost])

    side = compared(without)

    assert set(explanations(side)) == {"?"}
    assert {one.about for one in side.differences} == {"order", "fill"}


def test_a_limit_of_the_ledger_explains_and_is_taken_over() -> None:
    """The ledger refused the first order for a limit. The rule then sells what it believes to hold, which the ledger
    refuses as well: with the first refusal taken over, the backtest says the same, and everything else agrees."""
    first = trading().orders[0]
    limited = HOUSE._replace(refused={first.order_id: Refused("ORDER_VALUE_EXCEEDED", "expected less")})

    side = compared(recorded(trading(limited)))

    assert explanations(side) == {"LEDGER_REFUSED": 1}
    assert "ORDER_VALUE_EXCEEDED" in side.differences[0].text
    assert all(match.same for match in side.matches)


def test_a_refusal_for_cash_that_was_there_is_a_finding() -> None:
    """CASH_INSUFFICIENT is a verdict that a backtest makes itself: another one is not explained by its code."""
    run = changed_order(recorded(trading()), 0, status="REJECTED", reject_code="CASH_INSUFFICIENT", reject_text="no")

    assert "?" in explanations(compared(run))


def test_a_verdict_before_the_fill_of_the_same_tick_is_explained() -> None:
    """25 shares a tick: the close brings the last of 100, and the sale that the same close causes came first there."""
    given, script = market({"AAPL": [flat("10", 1_000)] * 3}), {"AAPL": {0: "BUY", 1: "SELL"}}
    sale = trading(HOUSE, given, script).orders[1]
    early = HOUSE._replace(refused={sale.order_id: Refused("POSITION_INSUFFICIENT", "expected at most 75")})
    run = recorded(trading(early, given, script))
    assert [int(fill.quantity) for fill in run.fills] == [25] * 4

    after = run._replace(fills=[*run.fills[:3], run.fills[3]._replace(recorded=run.orders[1].submitted + 1)])

    assert explanations(compared(after, given, script)) == {"SAME_TICK": 1}
    assert "?" in explanations(compared(run, given, script)), "the fill was there before: no excuse"


def test_a_cancel_explains_and_is_taken_over() -> None:
    """Somebody cancelled the first purchase when 50 were filled; the sale of all is then refused on both sides."""
    told = trading()
    first = told.orders[0]
    part = next(fill for fill in told.fills if fill.order_id == first.order_id)
    assert part.quantity < first.quantity
    cancelled = HOUSE._replace(ended={first.order_id: part.quantity})

    run = recorded(trading(cancelled))
    run = changed_order(run, 0, status="CANCELED", leaves_quantity=Decimal(0), cancel_reason="requested")

    side = compared(run)
    assert explanations(side) == {"CANCELLED": 1}
    assert all(match.same for match in side.matches)


def test_an_order_that_works_when_the_run_ends_is_explained() -> None:
    """The run stopped before the last tick: the order is open there, and filled here."""
    run = recorded(trading())
    last = run.fills[-1]
    number = next(place for place, order in enumerate(run.orders) if order.order_id == last.order_id)
    stopped = changed_order(run, number, status="PARTIALLY_FILLED")
    stopped = stopped._replace(fills=run.fills[:-1], dealt_with_us={**run.dealt_with_us, last.symbol: last.time_us - 1})

    assert explanations(compared(stopped)) == {"STILL_WORKING": 1}


def test_cash_that_came_in_between_orders_is_an_input() -> None:
    """1,200.00 for the first order, 3,900.00 more before the second one: the backtest is paid at the same places."""
    house = HOUSE._replace(cash=Decimal("1200.00"))
    second = trading().orders[1]
    run = recorded(trading(house._replace(paid_in={second.order_id: Decimal("3900.00")})))
    between = run.orders[1].submitted - 1
    assert run.orders[0].submitted < between
    run = run._replace(movements=[Movement(Decimal("1200.00"), 1), Movement(Decimal("3900.00"), between)])

    side = compared(run)

    assert furnish(run, HOUSE).cash == Decimal("1200.00")
    assert side.differences == []


def test_other_trades_follow_other_signals_only_where_the_recorded_ones_agree() -> None:
    """Differences of trades made on other signals are explained by them; without that word they are findings."""
    run = recorded(trading())
    without = run._replace(fills=run.fills[1:])
    told, house = settle(without)

    follows = compare(without, told, house, "made anew", follows_signals=True)

    assert explanations(follows) == {"FOLLOWS_SIGNALS": 1}
    assert explanations(compare(without, told, house, "made anew")) == {"?": 1}


def test_the_venue_is_that_of_the_evidence() -> None:
    """Parameters come from the fills; another venue, a shared book or changing parameters are refused."""
    fill = recorded(trading()).fills[0]
    parameters = {
        "half_spread_bps": "3",
        "impact_bps": "10",
        "participation_max": "0.2",
        "fee_bps": "1",
        "spread_jitter": "0.2",
        "quantity_increment": "1",
        "leaves_quantity": "7",
    }

    def evidence(model: str = "paper-sqrt-impact/1", **changes: str) -> LedgerFill:
        return fill._replace(evidence={"model": model, "parameters": parameters | changes})

    assert venue_of([evidence()], SETTINGS).half_spread_bps == Decimal(3)
    assert venue_of([evidence(), evidence(leaves_quantity="3")], SETTINGS).participation_max == Decimal("0.2")
    assert venue_of([], SETTINGS).half_spread_bps == SETTINGS.paper_half_spread_bps
    for bad in ([evidence("paper-book/1")], [evidence(), evidence(fee_bps="2")], [fill]):
        with pytest.raises(InvalidValue) as refused:
            venue_of(bad, SETTINGS)
        assert refused.value.code == "COMPARE_VENUE"
