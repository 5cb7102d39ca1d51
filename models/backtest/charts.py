"""The charts of a backtest's page, each with the rows of the table behind it. Shape repeats what colour says."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from models.backtest import words
from models.backtest.curve import underwater
from models.backtest.result import BacktestResult, Point, Price
from models.backtest.scores import Roc, Scores
from models.features import Array
from runtime.page import Chart, chart, figure

_DASHES = {"BUY": "solid", "SELL": "dash", "HOLD": "dot"}
_COLOURS = {"BUY": "var(--buy)", "SELL": "var(--sell)", "HOLD": "var(--muted)"}


def equity(result: BacktestResult, shown: list[Point]) -> Chart:
    """shown: the points that are drawn; the table has all."""
    made = figure("Worth, USD")
    times = [words.day(point.time_us) for point in shown]
    _line(made, "Strategy", times, [point.equity for point in shown], "var(--line)", "solid", ",.2f")
    _line(made, "Buy and hold", times, [point.baseline for point in shown], "var(--other)", "dash", ",.2f")
    made.update_layout(hovermode="x unified")
    rows = [
        [
            words.day(one.time_us),
            words.money(one.equity),
            words.money(one.cash),
            words.money(one.positions),
            words.money(one.baseline),
        ]
        for one in result.equity
    ]
    caption = "Worth at each close, net of costs; buy and hold of the same symbols pays the same costs."
    return chart(
        "equity",
        made,
        caption + _left_out(result.equity, shown),
        ["Day", "Strategy", "Of it cash", "Of it positions", "Buy and hold"],
        rows,
    )


def drawdown(result: BacktestResult, shown: list[Point]) -> Chart:
    """How far both are below their highest worth so far."""
    mine = -underwater(np.array([point.equity for point in result.equity]))
    held = -underwater(np.array([point.baseline for point in result.equity]))
    place = {point.time_us: number for number, point in enumerate(result.equity)}
    chosen = [place[point.time_us] for point in shown]
    times = [words.day(point.time_us) for point in shown]
    made = figure("Below the peak")
    _line(made, "Strategy", times, mine[chosen].tolist(), "var(--line)", "solid", ".2%", fill=True)
    _line(made, "Buy and hold", times, held[chosen].tolist(), "var(--other)", "dash", ".2%")
    made.update_yaxes(tickformat=".0%")
    made.update_layout(hovermode="x unified")
    rows = [
        [words.day(point.time_us), words.percent(float(own)), words.percent(float(other))]
        for point, own, other in zip(result.equity, mine, held, strict=True)
    ]
    caption = "Fall from the highest worth so far, at each close."
    return chart("drawdown", made, caption + _left_out(result.equity, shown), ["Day", "Strategy", "Buy and hold"], rows)


def price(result: BacktestResult, symbol: str, shown: list[Price]) -> Chart:
    """Closes of a symbol with the fills of its trades; the table has every bar."""
    own = [one for one in result.outcome.fills if one.symbol == symbol]
    made = figure("Price, USD")
    _line(
        made,
        "Close",
        [words.day(one.time_us) for one in shown],
        [float(one.close) for one in shown],
        "var(--muted)",
        "solid",
        ",.4f",
    )
    for side, shape, name in (("BUY", "triangle-up", "BUY fill"), ("SELL", "triangle-down", "SELL fill")):
        fills = [one for one in own if one.side == side]
        made.add_trace(
            go.Scatter(
                name=name,
                mode="markers",
                x=[words.minute(one.time_us) for one in fills],
                y=[float(one.price) for one in fills],
                text=[f"{words.units(one.quantity)} units, fee {words.money(one.fee)}" for one in fills],
                hovertemplate=f"{name} %{{y:.4f}}<br>%{{text}}<extra></extra>",
                marker={
                    "symbol": shape,
                    "color": _COLOURS[side],
                    "size": 11,
                    "line": {"width": 1, "color": "var(--ground)"},
                },
            )
        )
    done: dict[str, list[str]] = {}
    for one in own:
        said = f"{one.side} {words.units(one.quantity)} at {one.price:,.4f}"
        done.setdefault(words.day(one.time_us), []).append(said)
    bars = result.prices[symbol]
    rows = [
        [
            words.day(bar.time_us),
            *(f"{p:,.2f}" for p in (bar.open, bar.high, bar.low, bar.close)),
            "; ".join(done.get(words.day(bar.time_us), [])),
        ]
        for bar in bars
    ]
    caption = f"{symbol}: {len(bars):,} bars, {len(own):,} fills. A triangle up is a purchase, one down a sale."
    return chart(symbol, made, caption + _left_out(bars, shown), ["Day", "Open", "High", "Low", "Close", "Fills"], rows)


def confusion(scores: Scores) -> Chart:
    """What was decided against what came true, as shares of what came true."""
    counts: Array = np.array(scores.confusion, dtype=np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    names = scores.classes
    made = figure("Came true")
    made.add_trace(
        go.Heatmap(
            x=[f"decided {name}" for name in names],
            y=names,
            z=shares.tolist(),
            zmin=0,
            zmax=1,
            text=[
                [f"{int(count):,}<br>{share:.0%}" for count, share in zip(*row, strict=True)]
                for row in zip(counts, shares, strict=True)
            ],
            texttemplate="%{text}",
            hovertemplate="%{y} came true, %{x}: %{text}<extra></extra>",
            colorscale=[[0, "var(--card)"], [1, "var(--line)"]],
            showscale=False,
        )
    )
    made.update_yaxes(autorange="reversed")
    rows = [
        [f"{name} came true", *(f"{count:,}" for count in row), f"{sum(row):,}"]
        for name, row in zip(names, scores.confusion, strict=True)
    ]
    caption = (
        f"{scores.decisions:,} decisions, each scored over the {scores.horizon_bars} bars that follow: "
        f"{scores.accuracy:.1%} right; always saying the most frequent class: {scores.majority:.1%}. "
        "A cell has the count and its share of the row."
    )
    return chart("confusion", made, caption, ["", *(f"Decided {name}" for name in names), "All"], rows)


def roc(scores: Scores) -> Chart:
    """Receiver operating characteristic of each class against the others."""
    made = figure("True positive rate")
    for one in scores.roc:
        _line(
            made,
            f"{one.direction}, area {_area(one)}",
            [point[0] for point in one.points],
            [point[1] for point in one.points],
            _COLOURS[one.direction],
            _DASHES[one.direction],
            ".3f",
        )
    _line(made, "No skill", [0, 1], [0, 1], "var(--rule)", "solid", ".3f")
    made.update_xaxes(title_text="False positive rate", range=[0, 1])
    made.update_yaxes(range=[0, 1])
    made.update_layout(legend={"orientation": "h", "y": -0.22, "x": 0})
    rows = [
        [one.direction, f"{one.positives:,} of {scores.decisions:,}", _area(one), one.reason or _between(one)]
        for one in scores.roc
    ]
    caption = "How well each probability ranks what came true; 0.5 is no skill."
    return chart("roc", made, caption, ["Class", "Came true", "Area", "95 % interval"], rows)


def _area(one: Roc) -> str:
    return words.NOTHING if one.area is None else f"{one.area:.3f}"


def _between(one: Roc) -> str:
    return words.NOTHING if one.low is None or one.high is None else f"{one.low:.3f} to {one.high:.3f}"


def _line(
    made: Any, name: str, x: list[Any], y: list[Any], colour: str, dash: str, form: str, *, fill: bool = False
) -> None:
    made.add_trace(
        go.Scatter(
            name=name,
            mode="lines",
            x=x,
            y=y,
            line={"color": colour, "dash": dash, "width": 2},
            hovertemplate=f"{name} %{{y:{form}}}<extra></extra>",
            **({"fill": "tozeroy"} if fill else {}),
        )
    )


def _left_out(series: list[Any], shown: list[Any]) -> str:
    if len(shown) == len(series):
        return ""
    return f" Drawn with {len(shown):,} of {len(series):,} points; the table has all."
