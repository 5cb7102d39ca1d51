"""The report's formulas on rows worked out by hand. No servers."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from audit.report import thin
from audit.report.digest import canonical, digest
from audit.report.figures import buy_and_hold, drawdown, drawdowns, fraction, percentile
from audit.report.model import Bar, Fill, Order, Pnl, Point, Position, Signal

START = datetime(2011, 1, 3, 21, tzinfo=UTC)


def bar(day: int, open_: str, close: str) -> Bar:
    time = START + timedelta(days=day - 3)
    high, low = max(Decimal(open_), Decimal(close)), min(Decimal(open_), Decimal(close))
    return Bar(f"2011-01-{day:02}", Decimal(open_), high, low, Decimal(close), Decimal(100), time)


def points(*values: str) -> list[Point]:
    return [Point(START + timedelta(days=index), Decimal(value)) for index, value in enumerate(values)]


def test_buy_and_hold_buys_whole_units_at_each_symbols_own_first_open() -> None:
    """1,000 a symbol: 33 of A at 30 (+2 each), and from its first day on 4 of B at 210 (-10 each)."""
    bars = {
        "A": [bar(3, "30", "31"), bar(4, "31", "33"), bar(5, "33", "32")],
        "B": [bar(4, "210", "205"), bar(5, "205", "200")],
    }

    result, curve = buy_and_hold(bars, Decimal(1000), Decimal(5000))

    assert [(one.symbol, one.quantity, one.pnl, one.bought_on) for one in result.holdings] == [
        ("A", Decimal(33), Decimal(66), "2011-01-03"),
        ("B", Decimal(4), Decimal(-40), "2011-01-04"),
    ]
    assert (result.pnl, result.equity, result.pnl_fraction) == (Decimal(26), Decimal(5026), Decimal("0.005200"))
    assert [point.value for point in curve] == [Decimal(5033), Decimal(5000 + 99 - 20), Decimal(5026)]
    assert [point.time for point in curve] == [START, START + timedelta(days=1), START + timedelta(days=2)]


def test_drawdown_is_the_deepest_fall_from_a_peak() -> None:
    """100, 120, 90, 130, 117: the fall from 120 to 90 is 25 %, the later one from 130 to 117 is 10 %."""
    series = points("100", "120", "90", "130", "117")

    deepest = drawdown(series, Decimal(100))

    assert (deepest.fraction, deepest.amount) == (Decimal("0.25"), Decimal(30))
    assert (deepest.peak, deepest.trough) == (START + timedelta(days=1), START + timedelta(days=2))
    assert [point.value for point in drawdowns(series, Decimal(100))] == [
        Decimal(0),
        Decimal(0),
        Decimal("0.25"),
        Decimal(0),
        Decimal("0.1"),
    ]


def test_drawdown_counts_from_the_capital_paid_in() -> None:
    """An account that only loses has its peak before the first point; one that never loses has no drawdown."""
    losing = drawdown(points("95", "80"), Decimal(100))

    assert (losing.fraction, losing.peak, losing.trough) == (Decimal("0.2"), None, START + timedelta(days=1))
    assert drawdown(points("100", "101"), Decimal(100)).trough is None
    assert fraction(Decimal(1), Decimal(0)) == 0


def test_percentiles_are_observed_values() -> None:
    """Nearest rank on 1 to 10: the 50th percentile is 5, the 95th and 99th are 10; on one value all are that value."""
    ten = [float(value) for value in range(1, 11)]

    assert [percentile(ten, percent) for percent in (0, 10, 50, 95, 99, 100)] == [1, 1, 5, 10, 10, 10]
    assert percentile([7.0], 50) == 7.0


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=300), st.integers(4, 40))
def test_thinned_points_keep_ends_peak_and_trough(values: list[int], most: int) -> None:
    """Whatever is left out of a chart, its ends, its highest and its lowest value stay, and it has few points."""
    series = [Point(START + timedelta(days=index), Decimal(value)) for index, value in enumerate(values)]

    kept = thin.points(series, most)

    assert (kept[0], kept[-1]) == (series[0], series[-1])
    assert {min(values), max(values)} <= {int(point.value) for point in kept}
    assert len(kept) <= most + 2
    assert kept == [point for point in series if point in kept], "in order"


def test_merged_candles_lose_no_high_and_no_low() -> None:
    """Five days in at most three candles: two days each, open of the first, close of the last, summed volume."""
    days = [
        bar(day, str(open_), str(close))
        for day, open_, close in ((3, 10, 12), (4, 12, 9), (5, 9, 11), (6, 11, 15), (7, 15, 14))
    ]

    merged, per_candle = thin.candles(days, 3)

    assert per_candle == 2
    assert [(one.open, one.high, one.low, one.close, one.volume) for one in merged] == [
        (Decimal(10), Decimal(12), Decimal(9), Decimal(9), Decimal(200)),
        (Decimal(9), Decimal(15), Decimal(9), Decimal(15), Decimal(200)),
        (Decimal(15), Decimal(15), Decimal(14), Decimal(14), Decimal(100)),
    ]


def rows() -> tuple[list[Signal], list[Order], list[Fill], list[Position], Pnl]:
    """Some of everything that the digest covers."""
    signals = [
        Signal(
            signal_id=f"s{n}",
            symbol="A",
            market_time=START + timedelta(days=n),
            direction="BUY",
            p_buy=0.5,
            p_sell=0.25,
            p_hold=0.25,
            model_name="m",
            model_version="1",
            price=Decimal("1.50"),
            abstained=None,
        )
        for n in range(3)
    ]
    orders = [
        Order(
            order_id=f"o{n}",
            client_order_id=f"c{n}",
            symbol="A",
            side="BUY",
            order_type="MARKET",
            quantity=Decimal(10),
            limit_price=None,
            protection_price=Decimal("2.00"),
            signal_id=f"s{n}",
            strategy_id="x",
            status="FILLED",
            filled_quantity=Decimal(10),
            reject_code=None,
            cancel_reason=None,
        )
        for n in range(3)
    ]
    fills = [
        Fill(
            execution_id=f"e{n}",
            order_id=f"o{n}",
            symbol="A",
            side="BUY",
            quantity=Decimal(10),
            price=Decimal("1.5100"),
            fee=Decimal("0.02"),
            realized_pnl=Decimal(0),
            market_time=START,
        )
        for n in range(3)
    ]
    positions = [
        Position(
            symbol="A",
            quantity=Decimal(30),
            cost=Decimal("45.3"),
            last_price=Decimal(2),
            market_value=Decimal(60),
            unrealized_pnl=Decimal("14.7"),
            realized_pnl=Decimal(0),
            fees=Decimal("0.06"),
        )
    ]
    pnl = Pnl(
        capital=Decimal(100),
        cash=Decimal("54.64"),
        hold=Decimal(0),
        positions_value=Decimal(60),
        equity=Decimal("114.64"),
        pnl=Decimal("14.64"),
        pnl_fraction=Decimal("0.1464"),
        realized_pnl=Decimal(0),
        unrealized_pnl=Decimal("14.7"),
        fees=Decimal("0.06"),
    )
    return signals, orders, fills, positions, pnl


def test_digest_does_not_depend_on_the_order_or_the_scale_of_rows() -> None:
    """Rows in any order, 1.51 or 1.5100: one digest."""
    signals, orders, fills, positions, pnl = rows()
    expected = digest(signals, orders, fills, positions, pnl)
    random.Random(1).shuffle(signals)
    orders.reverse()
    scaled = [msgspec.structs.replace(fill, price=Decimal("1.51"), quantity=Decimal("10.000")) for fill in fills]

    actual = digest(signals, orders, scaled, positions, pnl)

    assert actual == expected
    assert canonical(Decimal("1E+3")) == "1000"
    assert canonical(Decimal("0.00")) == "0"


def test_digest_changes_with_each_part() -> None:
    """A probability, a status, a price, a position or the P&L changes the digest, and the part that it is in."""
    base, parts = digest(*rows())
    changed: dict[str, tuple[int, dict[str, Any]]] = {
        "signals": (0, {"p_buy": 0.5000001}),
        "orders": (1, {"status": "CANCELED"}),
        "fills": (2, {"price": Decimal("1.5101")}),
        "positions": (3, {"quantity": Decimal(31)}),
    }
    for part, (index, change) in changed.items():
        given_rows = rows()
        items: Any = given_rows[index]
        items[0] = msgspec.structs.replace(items[0], **change)
        other, other_parts = digest(*given_rows)

        assert other != base
        assert [name for name in parts if parts[name] != other_parts[name]] == [part]
