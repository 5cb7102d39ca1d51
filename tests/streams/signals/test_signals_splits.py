"""Splits: raw ticks with the split's print give the features of adjusted bars, and a restart changes nothing.

The case is Apple's two-for-one of 2005-02-28, whose raw close fell from 88.99 to 44.86, out of the demo's market data.
"""

from __future__ import annotations

import csv
import logging
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest

from domain.catalog import catalog
from domain.market import Bar, Tick, TickRef
from domain.signals import SignalGenerated
from models.features import FEATURE_NAMES, WINDOW, Array, Bars, RollingWindow, compute_frame
from models.marketdata import MarketBar, bokeh, load_bars, ticks_of
from streams.codec import Cause
from streams.decider import Folded, Input
from streams.signals.decider import TICKS, SignalsDecider
from streams.signals.series import Series
from tests.streams.signals.judging import Told

FIRST, LAST, SPLIT_DAY = date(2004, 7, 1), date(2005, 6, 30), date(2005, 2, 28)


def raw_bars() -> list[MarketBar]:
    """As traded, in the file's own prices."""
    rows = csv.DictReader(bokeh.installed_text().splitlines())
    names = ("open", "high", "low", "close", "volume")
    return [
        MarketBar(symbol="AAPL", date=day, **{name: Decimal(row[name.capitalize()]) for name in names})
        for row in rows
        if row["Ticker"] == "AAPL" and FIRST <= (day := date.fromisoformat(row["Date"])) <= LAST
    ]


RAW = raw_bars()
FIXED = Told("fixed", lambda rows: {"BUY": 0.2, "SELL": 0.2, "HOLD": 0.6})
"""Always of one mind: only the features matter here."""

ONE = Decimal(1)
SPLIT_AT = next(number for number, bar in enumerate(RAW) if bar.date == SPLIT_DAY)


def ref(number: int) -> TickRef:
    return TickRef(partition=0, offset=number, market_time_us=number)


def adjusted(bar: MarketBar) -> MarketBar:
    """In new units: half the price, twice the volume, of the days before the split."""
    if bar.date >= SPLIT_DAY:
        return bar
    prices = {name: getattr(bar, name) / 2 for name in ("open", "high", "low", "close")}
    return msgspec.structs.replace(bar, **prices, volume=bar.volume * 2)


def ticks(split_print: int = 0) -> list[Tick]:
    """Raw prints; that of the split day with this number carries the split: 0 the open, 3 the close with the bar."""
    found: list[Tick] = []
    for bar in RAW:
        prints = list(ticks_of(bar))
        if bar.date == SPLIT_DAY:
            prints[split_print] = msgspec.structs.replace(prints[split_print], split=Decimal(2))
        found += prints
    return found


class Agent:
    """streams.agent without servers, with restarts."""

    def __init__(self, prints: list[Tick]) -> None:
        self._prints = prints
        self.tape: list[Folded] = []
        self._next = 0
        self.restart()

    def restart(self) -> None:
        self._decider = SignalsDecider(catalog(["AAPL"]), FIXED, 800)
        for event in self.tape:
            self._decider.fold(event)
        last = self.tape[-1].cause.offset if self.tape else -1
        for first in self._decider.rewind({TICKS: last}).values():
            for offset in range(first, last + 1):
                self._decider.observe(self._input(offset))
        self._next = last + 1

    def run(self, until: int) -> None:
        for offset in range(self._next, until):
            draft = self._decider.decide(self._input(offset), 0)
            if draft is not None:
                event: Any = draft.message
                self.tape.append(
                    Folded(0, len(self.tape), len(self.tape) + 1, event, Cause(TICKS, 0, offset, ""), None)
                )
        self._next = until

    def _input(self, offset: int) -> Input:
        return Input(TICKS, 0, offset, 0, b"AAPL", self._prints[offset], [])

    def rows(self) -> Array:
        """(signals with an opinion, features)"""
        signals: list[SignalGenerated] = [event.message for event in self.tape]
        return np.array([[s.features[name] for name in FEATURE_NAMES] for s in signals if s.abstained is None])


@pytest.mark.parametrize("split_print", [0, 1, 3])
def test_raw_ticks_with_a_split_give_the_features_of_adjusted_bars(split_print: int) -> None:
    """Whichever print of the day carries the split, features are those of bars halved before it, to 1e-9."""
    agent = Agent(ticks(split_print))
    agent.run(4 * len(RAW))

    _, expected = compute_frame(Bars.of(adjusted(bar) for bar in RAW))

    assert WINDOW < SPLIT_AT < len(RAW) - 60
    np.testing.assert_allclose(agent.rows(), expected, rtol=0, atol=1e-9)


def test_they_are_those_of_the_published_adjustment() -> None:
    """Against the data's own Adj Close, whose factor is another but has the same step, within its four decimals."""
    agent = Agent(ticks())
    agent.run(4 * len(RAW))

    _, expected = compute_frame(Bars.of(load_bars(["AAPL"], FIRST, LAST)))

    scale = expected.std(axis=0)
    np.testing.assert_allclose(agent.rows() / scale, expected / scale, rtol=0, atol=2e-2)


def test_without_the_print_the_features_see_a_crash() -> None:
    """The comparison can fail: raw prices without the split say that half was lost in a day."""
    agent = Agent([msgspec.structs.replace(tick, split=None) for tick in ticks()])
    agent.run(4 * len(RAW))

    rows = agent.rows()[:, FEATURE_NAMES.index("return_1")]

    assert rows.min() == pytest.approx(44.86 / 88.99 - 1)


@pytest.mark.parametrize("split_print", [0, 3])
def test_a_restart_anywhere_around_the_split_changes_nothing(split_print: int) -> None:
    """Stopped before, at, between and after the split's prints, the tape is that of an agent that never stopped."""
    prints = ticks(split_print)
    steady = Agent(prints)
    steady.run(len(prints))
    for stop in (4 * SPLIT_AT, 4 * SPLIT_AT + 1, 4 * SPLIT_AT + 3, 4 * SPLIT_AT + 4, 4 * SPLIT_AT + 40):
        restarted = Agent(prints)
        restarted.run(stop)
        restarted.restart()
        restarted.run(len(prints))

        assert restarted.tape == steady.tape


def test_a_repeated_print_splits_once(caplog: pytest.LogCaptureFixture) -> None:
    """A feed that publishes the split's print again, or late, changes nothing, and the log says so."""
    prints = ticks()
    at = 4 * SPLIT_AT
    once = Agent(prints)
    once.run(len(prints))
    again = Agent([*prints[: at + 2], prints[at], *prints[at + 2 :]])
    with caplog.at_level(logging.WARNING):
        again.run(len(prints) + 1)

    np.testing.assert_array_equal(again.rows(), once.rows())
    assert caplog.messages == ["a split of 2 at a late or repeated tick of AAPL is not applied"]


def test_a_split_of_a_symbol_without_bars_is_nothing() -> None:
    """There is nothing to rescale before the first bar."""
    bare = [msgspec.structs.replace(ticks_of(RAW[0])[0], split=Decimal(2)), *ticks()[1:]]
    split_first, plain = Agent(bare), Agent(ticks())
    for agent in (split_first, plain):
        agent.run(4 * len(RAW))

    assert split_first.tape == plain.tape


@pytest.mark.parametrize(("price", "ratio"), [("1E+999994", "0.000001"), ("1E-1000022", "1000000")])
def test_prices_beyond_decimals_are_forgotten_and_harm_nobody(price: str, ratio: str) -> None:
    """A split of absurd prices leaves no bar that it was not applied to; what comes next begins a new series."""
    absurd = Decimal(price)
    series = Series()
    series.push(Bar(open=absurd, high=absurd, low=absurd, close=absurd, volume=ONE), ref(0))
    series.split(Decimal(ratio))
    assert (len(series.bars), len(series.refs)) == (0, 0)

    for number, bar in enumerate(RAW[:WINDOW], start=1):
        series.push(bar.bar(), ref(number))
    fresh = RollingWindow(WINDOW)
    for bar in RAW[:WINDOW]:
        fresh.push(bar)
    np.testing.assert_array_equal(series.window.rows(1), fresh.rows(1))
