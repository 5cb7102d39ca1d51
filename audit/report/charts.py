"""The page's charts, made with plotly, each with the rows of the table that stands behind it.

Colours come from the page's own palette when it draws them (see runtime.page.script); here they have names.
BUY and SELL differ in shape as well as in colour; HOLD signals are off until asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go

from audit.report import text, thin
from audit.report.figures import drawdowns
from audit.report.model import Bar, DemoReport, Fill, Point, Signal
from runtime.page import Chart, chart
from runtime.page import figure as figure_of

_SHAPES = {"BUY": "triangle-up", "SELL": "triangle-down", "HOLD": "circle"}
_COLOURS = {"BUY": "var(--buy)", "SELL": "var(--sell)", "HOLD": "var(--muted)"}


def price_chart(report: DemoReport, symbol: str) -> Chart:
    """Candles of one symbol with its signals and the account's fills."""
    bars = report.bars[symbol]
    candles, days = thin.candles(bars)
    figure = figure_of(f"Price, {report.currency}")
    figure.add_trace(
        go.Candlestick(
            name="day" if days == 1 else f"{days} days",
            x=[bar.day for bar in candles],
            open=[float(bar.open) for bar in candles],
            high=[float(bar.high) for bar in candles],
            low=[float(bar.low) for bar in candles],
            close=[float(bar.close) for bar in candles],
            increasing={"line": {"color": "var(--muted)", "width": 1}, "fillcolor": "var(--ground)"},
            decreasing={"line": {"color": "var(--muted)", "width": 1}, "fillcolor": "var(--muted)"},
        )
    )
    signals = [signal for signal in report.signal_rows if signal.symbol == symbol and signal.abstained is None]
    fills = [fill for fill in report.fill_rows if fill.symbol == symbol]
    for direction in ("BUY", "SELL", "HOLD"):
        figure.add_trace(_signal_markers(direction, [one for one in signals if one.direction == direction]))
    for side in ("BUY", "SELL"):
        figure.add_trace(_fill_markers(side, [fill for fill in fills if fill.side == side]))
    figure.update_layout(xaxis_rangeslider_visible=False)
    caption = (
        f"{symbol}: {len(bars):,} days, {len(signals):,} signals, {len(fills):,} fills. "
        "A hollow candle closed above its open. Open triangles are signals, solid ones fills; up is BUY, down is SELL. "
        "HOLD signals are off: choose them in the legend."
    )
    if days > 1:
        caption += f" One candle holds {days} days; no high or low is left out."
    columns = ["Day", "Open", "High", "Low", "Close", "Signal", "Fills"]
    return chart(symbol, figure, caption, columns, _price_rows(bars, signals, fills))


def _signal_markers(direction: str, signals: Sequence[Signal]) -> Any:
    return go.Scatter(
        name=f"{direction} signal",
        mode="markers",
        visible="legendonly" if direction == "HOLD" else True,
        x=[_minute(signal) for signal in signals],
        y=[None if signal.price is None else float(signal.price) for signal in signals],
        text=[_opinion(signal) for signal in signals],
        hovertemplate=f"{direction} signal %{{y:.2f}}<br>%{{text}}<extra></extra>",
        marker={
            "symbol": f"{_SHAPES[direction]}-open",
            "color": _COLOURS[direction],
            "size": 9,
            "line": {"width": 1.5},
        },
    )


def _fill_markers(side: str, fills: Sequence[Fill]) -> Any:
    return go.Scatter(
        name=f"{side} fill",
        mode="markers",
        x=[_minute(fill) for fill in fills],
        y=[float(fill.price) for fill in fills],
        text=[f"{text.units(fill.quantity)} units, fee {text.number(fill.fee, 2)}" for fill in fills],
        hovertemplate=f"{side} fill %{{y:.4f}}<br>%{{text}}<extra></extra>",
        marker={
            "symbol": _SHAPES[side],
            "color": _COLOURS[side],
            "size": 11,
            "line": {"width": 1, "color": "var(--ground)"},
        },
    )


def _minute(row: Signal | Fill) -> str:
    return row.market_time.strftime("%Y-%m-%d %H:%M")


def _opinion(signal: Signal) -> str:
    odds = (("BUY", signal.p_buy), ("SELL", signal.p_sell), ("HOLD", signal.p_hold))
    return ", ".join(f"{name} {value:.0%}" for name, value in odds if value is not None)


def _price_rows(bars: Sequence[Bar], signals: Sequence[Signal], fills: Sequence[Fill]) -> list[list[str]]:
    said: dict[str, list[str]] = {}
    done: dict[str, list[str]] = {}
    for signal in signals:
        said.setdefault(text.day(signal.market_time), []).append(signal.direction)
    for fill in fills:
        what = f"{fill.side} {text.units(fill.quantity)} at {text.number(fill.price, 4)}"
        done.setdefault(text.day(fill.market_time), []).append(what)
    return [
        [
            bar.day,
            *(text.number(price, 2) for price in (bar.open, bar.high, bar.low, bar.close)),
            ", ".join(said.get(bar.day, [])),
            "; ".join(done.get(bar.day, [])),
        ]
        for bar in bars
    ]


def equity_chart(report: DemoReport) -> Chart:
    """The account's value against buy and hold."""
    figure = figure_of(f"Equity, {report.currency}")
    left_out = _lines(figure, report.equity, report.equity_buy_and_hold, ",.2f")
    caption = "Value at each daily close: the account, and the same symbols bought at their first open and kept."
    return chart(
        "equity",
        figure,
        caption + left_out,
        ["Day", "Portfolio", "Buy and hold"],
        _day_rows(report.equity, report.equity_buy_and_hold, lambda value: text.number(value, 2)),
    )


def drawdown_chart(report: DemoReport) -> Chart:
    """How far both are below their highest value so far."""
    capital = report.pnl.capital
    mine = [Point(one.time, -one.value) for one in drawdowns(report.equity, capital)]
    held = [Point(one.time, -one.value) for one in drawdowns(report.equity_buy_and_hold, capital)]
    figure = figure_of("Below the peak")
    left_out = _lines(figure, mine, held, ".2%")
    figure.update_yaxes(tickformat=".0%")
    return chart(
        "drawdown",
        figure,
        "Fall from the highest value so far, at each daily close." + left_out,
        ["Day", "Portfolio", "Buy and hold"],
        _day_rows(mine, held, text.percent),
    )


def _lines(figure: Any, mine: Sequence[Point], held: Sequence[Point], form: str) -> str:
    kept = 0
    for name, series, colour, dash in (
        ("Portfolio", mine, "var(--line)", "solid"),
        ("Buy and hold", held, "var(--other)", "dash"),
    ):
        shown = thin.points(series)
        kept = max(kept, len(shown) if len(shown) < len(series) else 0)
        figure.add_trace(
            go.Scatter(
                name=name,
                mode="lines",
                x=[point.time.strftime("%Y-%m-%d %H:%M") for point in shown],
                y=[float(point.value) for point in shown],
                line={"color": colour, "dash": dash, "width": 2},
                hovertemplate=f"{name} %{{y:{form}}}<extra></extra>",
            )
        )
    figure.update_layout(hovermode="x unified")
    return f" Drawn with {kept:,} points: the lowest and the highest of each run of days." if kept else ""


def _day_rows(mine: Sequence[Point], held: Sequence[Point], form: Any) -> list[list[str]]:
    def last_of_day(series: Sequence[Point]) -> dict[str, Decimal]:
        return {text.day(point.time): point.value for point in series}

    one, two = last_of_day(mine), last_of_day(held)
    return [
        [day, *(form(side[day]) if day in side else text.NOTHING for side in (one, two))]
        for day in sorted({*one, *two})
    ]
