"""A decision at a close: the signals agent's own, and blind to everything that comes after it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalog import catalog
from domain.errors import InvalidValue
from domain.market import TickAt
from domain.signals import Direction, SignalGenerated
from models.backtest import desk
from models.backtest.decisions import decide, signals
from models.backtest.market import Market, Series, of_bars, of_ticks
from models.backtest.strategies import follower_of
from models.backtest.trading import Fill, House
from models.features import FEATURE_NAMES, WINDOW, Array
from models.marketdata import MarketBar
from streams.decider import Input
from streams.signals.decider import TICKS, SignalsDecider
from tests.models.backtest.worlds import FIRST, FREE, SETTINGS, Momentum, bars, day, flat, terms
from tests.models.conftest import market as walk
from tests.streams.signals.judging import Told

MOMENTUM = Momentum(FEATURE_NAMES.index("return_1"))
DAYS = WINDOW + 12
PERIOD = WINDOW - 1  # the number of the first day that has a whole window behind it


def history(seed: int) -> list[MarketBar]:
    """AAPL and MSFT, each with warm-up and a dozen days after it."""
    random = np.random.default_rng(seed)
    found = [walk(symbol, random.normal(0, 0.01, DAYS), FIRST) for symbol in ("AAPL", "MSFT")]
    return [bar for own in found for bar in own]


def market(own: list[MarketBar]) -> Market:
    return of_bars(own, day(PERIOD), day(DAYS), WINDOW - 1, "made up")


def told(given_market: Market) -> list[SignalGenerated]:
    return signals(given_market, decide(given_market, MOMENTUM), "momentum", "1")


def fills(given_market: Market) -> tuple[Fill, ...]:
    house = House(SETTINGS.strategy_account_id, terms(["AAPL"]).cash, FREE.fee_bps, FREE)
    return desk.trade(given_market, told(given_market), follower_of(terms(["AAPL", "MSFT"]), SETTINGS), house).fills


def momentum(rows: Array) -> dict[Direction, float]:
    """The opinions of the tests as the signals agent asks a model."""
    buy, sell, hold = MOMENTUM.judge("", np.zeros(1, dtype=np.int64), rows).probabilities[0].tolist()
    return {"BUY": buy, "SELL": sell, "HOLD": hold}


def test_decisions_are_the_signals_agents_own() -> None:
    """The agent, fed the same ticks, writes the same signals: ids, ticks, directions, probabilities, abstentions."""
    given_market = market(history(1))
    agent = SignalsDecider(catalog(["AAPL", "MSFT"]), Told("momentum", momentum), 800)
    ticks = sorted((at for series in given_market.series for at in series.ticks), key=lambda at: at.ref.offset)
    events: list[Any] = []
    for ref, tick in ticks:
        draft = agent.decide(Input(TICKS, ref.partition, ref.offset, 0, tick.symbol.encode(), tick, []), 0)
        if draft is not None:
            events.append(draft.message)

    expected = [
        msgspec.structs.replace(event, features={}, recorded_at_us=event.market_time_us)
        for event in events
        if event.abstained is None
    ]

    assert told(given_market) == expected
    assert len(expected) == 2 * (DAYS - PERIOD)
    assert {one.direction for one in expected} == {"BUY", "SELL", "HOLD"}


def test_recorded_ticks_make_the_same_bars() -> None:
    """Bars made of prints are those that the closing ticks carried; a late print belongs to no bar."""
    played = market(history(2))
    prints = [(at, at.tick.bar is not None) for series in played.series for at in series.ticks]
    bare = [(TickAt(at.ref, msgspec.structs.replace(at.tick, bar=None)), closes) for at, closes in prints]
    ref, tick = bare[4][0]
    late = TickAt(msgspec.structs.replace(ref, market_time_us=1), msgspec.structs.replace(tick, market_time_us=1))

    made = of_ticks([*bare[:6], (late, True), *bare[6:]], played.first, played.last, "recorded")

    assert [series.bars for series in made.series] == [series.bars for series in played.series]
    assert [series.first for series in made.series] == [series.first for series in played.series]
    assert len(made.series[0].ticks) == len(played.series[0].ticks) + 1


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(0, 11), st.floats(0.5, 2.0))
def test_what_comes_later_changes_no_decision(seed: int, after: int, factor: float) -> None:
    """Other prices after the close of a bar: every decision up to that bar is the same, probabilities and all."""
    before, changed = history(seed), []
    last = day(PERIOD + after)
    for bar in before:
        if bar.date <= last:
            changed.append(bar)
        else:
            scaled = {
                name: (getattr(bar, name) * round(factor * 10_000) / 10_000).quantize(bar.open)
                for name in ("open", "high", "low", "close")
            }
            changed.append(msgspec.structs.replace(bar, **scaled))

    one, other = told(market(before)), told(market(changed))

    known = 2 * (after + 1)
    assert one[:known] == other[:known]


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(0, 11), st.sampled_from(["0.97", "1.03"]))
def test_a_close_moves_no_fill_before_the_next_open(seed: int, on: int, factor: str) -> None:
    """Another close of a bar: fills up to the bar's own opening are the same; what its signal causes comes later."""
    before = history(seed)
    moved = day(PERIOD + on)
    changed = []
    for bar in before:
        close = (bar.close * Decimal(factor)).quantize(bar.close) if bar.date == moved else bar.close
        changed.append(msgspec.structs.replace(bar, close=close, high=max(bar.high, close), low=min(bar.low, close)))

    one, other = fills(market(before)), fills(market(changed))

    opened = next(
        (
            series.ticks[place - 3].ref.market_time_us
            for series in market(before).series
            for bar, place in enumerate(series.closes)
            if bar == PERIOD + on
        ),
        0,
    )
    assert [fill for fill in one if fill.time_us <= opened] == [fill for fill in other if fill.time_us <= opened]


def test_the_bar_of_the_signal_is_never_the_bar_of_the_fill() -> None:
    """Each fill names a signal whose bar was complete before; 12 days of two symbols, free of costs."""
    given_market = market(history(3))
    closed = {one.signal_id: one.market_time_us for one in told(given_market)}
    got = fills(given_market)

    assert len(got) >= 4
    assert all(closed[fill.signal_id] < fill.time_us for fill in got)


def test_a_symbol_without_a_whole_window_abstains() -> None:
    """127 bars before the first day are needed; with fewer the model is not asked."""
    rows = {number: flat("10") for number in range(PERIOD - 2, PERIOD + 3)}
    short = of_bars(bars("AAPL", rows), day(PERIOD), day(DAYS), WINDOW - 1, "made up")

    assert {one.abstained for one in decide(short, MOMENTUM)["AAPL"]} == {"warm_up"}


def test_a_market_without_bars_is_refused() -> None:
    """A period that no bar is in says so."""
    with pytest.raises(InvalidValue) as refused:
        of_bars(bars("AAPL", [flat("10")]), day(5), day(9), 0, "made up")

    assert refused.value.code == "BACKTEST_NO_BARS"


def test_the_hash_sees_every_tick() -> None:
    """Another volume of one tick, another position: another hash. The same again: the same."""
    one = market(history(4))

    def changed(**fields: Any) -> Market:
        series: Series = one.series[0]
        ref, tick = series.ticks[7]
        if "offset" in fields:
            ref = msgspec.structs.replace(ref, **fields)
        else:
            tick = msgspec.structs.replace(tick, **fields)
        ticks = (*series.ticks[:7], TickAt(ref, tick), *series.ticks[8:])
        return replace(one, series=(replace(series, ticks=ticks), *one.series[1:]))

    hashes = [one.data_hash(), changed(volume=one.series[0].ticks[7].tick.volume + 1).data_hash()]
    hashes += [changed(offset=10**6).data_hash(), market(history(4)).data_hash()]

    assert len(set(hashes)) == 3
    assert hashes[0] == hashes[3]
