"""What a strategy is told at each bar's close, as the signals that the signals agent would have written there.

A decision at the close of bar t looks at the bars up to t and at nothing later: features of the window that ends with t
(models.features), the model's probabilities, its thresholds. Boundaries: nothing is traded here (see desk).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from domain import ids
from domain.market import TickRef
from domain.signals import Direction, SignalGenerated
from models.backtest.market import Market, Series
from models.backtest.opinions import WARM_UP, Judged, Opinions
from models.features import WINDOW, Array, Bars, compute_frame

NO_ODDS: dict[Direction, float] = {"BUY": 0.0, "SELL": 0.0, "HOLD": 0.0}


class Decision(NamedTuple):
    """At the close of one bar. bar: its index in the series. probabilities: (3,) in the order of CLASSES."""

    bar: int
    direction: Direction
    probabilities: Array
    abstained: str | None


Decisions = Mapping[str, Sequence[Decision]]
"""By symbol, one for each bar of the period, in order."""


def decide(market: Market, opinions: Opinions, step: Callable[[str], None] = lambda symbol: None) -> Decisions:
    """The model's decision at the close of each bar of the period. step: called before each symbol."""
    decided: dict[str, Sequence[Decision]] = {}
    for series in market.series:
        step(series.symbol)
        decided[series.symbol] = _of_symbol(series, opinions)
    return decided


def _of_symbol(series: Series, opinions: Opinions) -> list[Decision]:
    index, matrix = compute_frame(Bars.of(series.bars))
    times = series.close_times_us
    judged = opinions.judge(series.symbol, times[index], matrix) if len(index) else Judged([], np.empty((0, 3)), [])
    rows = np.full(len(series.bars), -1, dtype=np.int64)
    rows[index] = np.arange(len(index))
    found = []
    for bar in range(series.first, len(series.bars)):
        row = int(rows[bar])
        if row < 0:
            found.append(Decision(bar, "HOLD", np.zeros(3), WARM_UP))
        else:
            found.append(Decision(bar, judged.directions[row], judged.probabilities[row], judged.abstained[row]))
    return found


def always_buy(market: Market) -> Decisions:
    """BUY at every close, which a rule that is long already leaves alone: buy and hold."""
    certain = np.array([1.0, 0.0, 0.0])
    return {
        series.symbol: [Decision(bar, "BUY", certain, None) for bar in range(series.first, len(series.bars))]
        for series in market.series
    }


def signals(market: Market, decisions: Decisions, name: str, version: str) -> list[SignalGenerated]:
    """The decisions as the signals agent writes them, by market time and symbol, which is the order of a feed.

    Their ids are the agent's own, derived from symbol and tick. Feature values are left out: nothing here reads them.
    """
    made: list[SignalGenerated] = []
    for series in market.series:
        for decision in decisions[series.symbol]:
            ref = series.close(decision.bar).ref
            opened = max(0, decision.bar - WINDOW + 1)
            first: TickRef = series.close(opened).ref
            buy, sell, hold = decision.probabilities.tolist()
            made.append(
                SignalGenerated(
                    signal_id=ids.signal_id(series.symbol, ref.partition, ref.offset),
                    symbol=series.symbol,
                    direction=decision.direction,
                    probabilities={"BUY": buy, "SELL": sell, "HOLD": hold},
                    model_name=name,
                    model_version=version,
                    features={},
                    price=series.bars[decision.bar].close,
                    first_tick=first,
                    last_tick=ref,
                    market_time_us=ref.market_time_us,
                    recorded_at_us=ref.market_time_us,
                    abstained=decision.abstained,
                )
            )
    return sorted(made, key=lambda signal: (signal.market_time_us, signal.symbol))
