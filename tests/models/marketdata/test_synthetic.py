"""Goal: the market is the process that is written down. Method: its statistics against the formulas of books.

Seeds are fixed, so that nothing here is a matter of luck; tolerances are four standard errors.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.errors import InvalidValue
from models.features import Bars
from models.marketdata import data_hash
from models.marketdata.bars import MarketBar
from models.marketdata.synthetic import BARS_MAX, Market, Series, generate, market_bars, market_of, series

COUNT = 200_000
EDGE = Market(strength=0.5, seed=1, bars=COUNT)
NONE = replace(EDGE, strength=0.0)


@lru_cache
def made(market: Market) -> Series:
    return series(market, 0)


def correlation(values: NDArray[np.float64], lag: int) -> float:
    """The autocorrelation of values whose mean is zero and whose variance is known to be one."""
    return float((values[lag:] * values[:-lag]).mean())


def returns(market: Market) -> NDArray[np.float64]:
    return np.diff(np.log(made(market).bars.close))


@pytest.mark.parametrize("lag", [1, 2, 5, 20, 60])
def test_innovations_have_the_autocorrelation_of_the_price_trend_model(lag: int) -> None:
    """s² a^k at lag k (Taylor 1986, section 7.3), and none at strength 0."""
    expected = 0.5**2 * np.exp(-lag / 20)

    assert correlation(made(EDGE).innovation, lag) == pytest.approx(expected, abs=6 / COUNT**0.5)
    assert correlation(made(NONE).innovation, lag) == pytest.approx(0.0, abs=4 / COUNT**0.5)


@pytest.mark.parametrize("market", [EDGE, NONE], ids=["edge", "none"])
def test_innovations_are_standard_normal(market: Market) -> None:
    """Mean 0, variance 1, kurtosis 3, whatever the strength: the edge does not show in the size of returns."""
    values = made(market).innovation

    persistence = 0.5**2 * 2 * 20 if market is EDGE else 0.0  # the sum of autocorrelations widens the mean's error
    assert values.mean() == pytest.approx(0.0, abs=4 * ((1 + persistence) / COUNT) ** 0.5)
    assert values.var() == pytest.approx(1.0, abs=6 * (2 / COUNT) ** 0.5)
    assert (values**4).mean() == pytest.approx(3.0, abs=6 * (96 / COUNT) ** 0.5)


def test_without_strength_the_price_is_a_martingale() -> None:
    """What somebody who follows any rule of the past earns, a unit of risk each time, is nothing within its error.

    Simple returns, since it is the price that is a martingale, not its logarithm: at this volatility the difference
    would show. Rules: always long, momentum of one bar and of many, reversal of a range, and volume.
    """
    wild = made(replace(NONE, volatility=0.03))
    bars, volatility = wild.bars, wild.volatility
    earned = (bars.close[1:] / bars.close[:-1] - 1.0) / volatility[1:]
    log_returns = np.concatenate([[0.0], np.diff(np.log(bars.close))])
    slow = np.convolve(log_returns, np.exp(-np.arange(100) / 20.0))[:COUNT]
    rules = {
        "long": np.ones(COUNT),
        "last return": np.sign(log_returns),
        "slow momentum": np.sign(slow),
        "close in its range": np.sign(bars.close - (bars.high + bars.low) / 2),
        "volume": np.sign(bars.volume - np.median(bars.volume)),
    }

    for name, position in rules.items():
        score = (earned * position[:-1]).sum() / np.sqrt((earned**2).sum())
        assert abs(score) < 4, name


def test_with_strength_momentum_earns() -> None:
    """The very rules that earn nothing in a martingale are far outside their error here."""
    bars, volatility = made(EDGE).bars, made(EDGE).volatility
    earned = (bars.close[1:] / bars.close[:-1] - 1.0) / volatility[1:]
    position = np.sign(np.convolve(np.diff(np.log(bars.close), prepend=np.log(100.0)), np.exp(-np.arange(100) / 20.0)))

    assert (earned * position[: COUNT - 1]).sum() / np.sqrt((earned**2).sum()) > 50


@pytest.mark.parametrize("market", [EDGE, NONE], ids=["edge", "none"])
def test_the_variance_ratio(market: Market) -> None:
    """Lo and MacKinlay (1988): 1 + 2 sum of (1 - k/q) rho(k), which is 1 for a martingale."""
    q = 10
    expected = 1 + 2 * sum((1 - k / q) * market.strength**2 * np.exp(-k / 20) for k in range(1, q))
    sums = made(market).innovation.reshape(-1, q).sum(axis=1)

    assert sums.var() / q == pytest.approx(expected, abs=4 * expected * (2 * q / COUNT) ** 0.5)


def test_volatility_clusters_and_returns_have_fat_tails() -> None:
    """Also without an edge; with a volatility that stands still there is neither."""
    still = returns(replace(NONE, volatility_spread=0.0))
    moving = returns(NONE)

    def clustering(values: NDArray[np.float64], lag: int) -> float:
        return float(np.corrcoef(np.abs(values[lag:]), np.abs(values[:-lag]))[0, 1])

    def kurtosis(values: NDArray[np.float64]) -> float:
        return float(((values - values.mean()) ** 4).mean() / values.var() ** 2)

    assert clustering(moving, 1) > 0.1 > clustering(moving, 60) > -0.02
    assert abs(clustering(still, 1)) < 4 / COUNT**0.5
    assert kurtosis(moving) == pytest.approx(3 * np.exp(4 * 0.35**2), rel=0.1)  # log-normal mixture of normals
    assert kurtosis(still) == pytest.approx(3.0, abs=0.05)


def test_the_median_volatility_is_the_one_declared() -> None:
    """Of the bars, not their mean, which the fat side of a log-normal pulls up."""
    assert np.median(made(NONE).volatility) == pytest.approx(0.015, rel=0.02)
    assert np.std(np.log(made(NONE).volatility)) == pytest.approx(0.35, rel=0.03)


def test_the_open_falls_where_it_should() -> None:
    """A fifth of the variance lies overnight, and what is gained there says nothing of the day (a bridge)."""
    bars, volatility = made(NONE).bars, made(NONE).volatility[1:]
    night = np.log(bars.open[1:] / bars.close[:-1]) / volatility
    day = np.log(bars.close[1:] / bars.open[1:]) / volatility

    assert night.var() == pytest.approx(0.2, abs=6 * 0.2 * (2 / COUNT) ** 0.5)
    assert day.var() == pytest.approx(0.8, abs=6 * 0.8 * (2 / COUNT) ** 0.5)
    assert np.corrcoef(night, day)[0, 1] == pytest.approx(0.0, abs=4 / COUNT**0.5)


def test_highs_and_lows_are_those_of_a_random_walk() -> None:
    """The mean of a Brownian motion's maximum is sqrt(2 / pi) deviations (reflection principle); so is the minimum's.

    With a small volatility, at which its square does not count as a drift.
    """
    calm = made(replace(NONE, volatility=0.001, overnight=0.0))
    up = np.log(calm.bars.high / calm.bars.open) / calm.volatility
    down = np.log(calm.bars.open / calm.bars.low) / calm.volatility

    error = 4 * ((1 - 2 / np.pi) / COUNT) ** 0.5
    assert up.mean() == pytest.approx((2 / np.pi) ** 0.5, abs=error)
    assert down.mean() == pytest.approx((2 / np.pi) ** 0.5, abs=error)
    assert up.var() == pytest.approx(1 - 2 / np.pi, rel=0.02)


@pytest.mark.parametrize("market", [EDGE, NONE], ids=["edge", "none"])
def test_every_bar_is_whole(market: Market) -> None:
    """High and low bound open and close; volumes are whole, above zero, and larger when the price moves."""
    bars = made(market).bars

    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.low > 0).all()
    assert (bars.volume == np.rint(bars.volume)).all()
    assert (bars.volume > 0).all()
    assert 0.3 < np.corrcoef(np.log(bars.volume), np.abs(made(market).innovation))[0, 1] < 0.9


def test_the_same_seed_gives_the_same_market() -> None:
    """And another seed, symbol or strength another one."""
    market = Market(seed=3, symbols=2, bars=300, strength=0.2)
    variants = [market, replace(market, seed=4), replace(market, strength=0.1), replace(market, trend_bars=10.0)]

    hashes = [data_hash(market_bars(variant)) for variant in variants]

    assert len(set(hashes)) == 4
    assert data_hash(market_bars(market)) == hashes[0]
    first, second = generate(market)
    assert not np.allclose(first.innovation, second.innovation)


def test_more_bars_and_more_symbols_leave_the_others_as_they_were() -> None:
    """A longer market continues a shorter one: what comes later has no part in what was before."""
    short = Market(seed=3, symbols=1, bars=300, strength=0.2)
    long = replace(short, symbols=3, bars=500)

    shorter, longer = series(short, 0), series(long, 0)

    for mine, theirs in zip(shorter.bars, longer.bars, strict=True):
        np.testing.assert_array_equal(mine, theirs[:300])
    np.testing.assert_array_equal(shorter.trend, longer.trend[:300])
    np.testing.assert_array_equal(short.ends, long.ends[:300])


def test_market_bars_are_the_arrays_in_four_decimals() -> None:
    """Sorted by time and symbol, bars of the domain, within half a step of the arrays."""
    market = Market(seed=5, symbols=2, bars=250, strength=0.3)

    found = market_bars(market)

    assert [(bar.at_us, bar.symbol) for bar in found] == sorted((bar.at_us, bar.symbol) for bar in found)
    for one in generate(market):
        own = [bar for bar in found if bar.symbol == one.symbol]
        assert [bar.at_us for bar in own] == market.ends.astype(np.int64).tolist()
        for mine, theirs in zip(Bars.of(own), one.bars, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=0, atol=0.00005001)
        assert [bar.bar().close for bar in own] == [bar.close for bar in own]


def test_days_are_weekdays_and_hours_follow_each_other() -> None:
    """Days are complete at 21:00 UTC; a bar of an hour begins when the one before ends, around the clock."""
    days = market_bars(Market(bars=30))
    hours = market_bars(Market(bars=30, interval_s=3600))

    assert {bar.date.weekday() for bar in days} == {0, 1, 2, 3, 4}
    assert all(bar.start_us is None and bar.at_us % 86_400_000_000 == 21 * 3_600_000_000 for bar in days)
    assert [(bar.end_us or 0) - (bar.start_us or 0) for bar in hours] == [3_600_000_000] * 30
    assert [bar.start_us for bar in hours[1:]] == [bar.end_us for bar in hours[:-1]]
    assert isinstance(hours[0], MarketBar)
    assert hours[0].date.isoformat() == "2000-01-03"


def test_prices_too_small_for_their_decimals_are_refused() -> None:
    """As MarketBars with four decimals; and as arrays when the price has fallen to nothing at all."""
    with pytest.raises(InvalidValue, match=r"SYN000 falls to .*; expected at least 0.1"):
        series(Market(bars=100, price=0.1), 0).market_bars()
    with pytest.raises(InvalidValue, match="falls to nothing in 20000 bars"):
        series(Market(bars=20_000, volatility=0.4), 0)
    with pytest.raises(InvalidValue, match=f"at most {BARS_MAX}"):
        series(Market(bars=BARS_MAX + 1, volatility=0.0001), 0).market_bars()


def test_a_market_out_of_a_text() -> None:
    """What is named is set, the rest has its default."""
    found = market_of("strength=0.3, seed=7,symbols=2,bars=50,price=20,first=2011-01-03,interval_s=60")

    assert found == Market(strength=0.3, seed=7, symbols=2, bars=50, price=20.0, first=found.first, interval_s=60)
    assert found.first.isoformat() == "2011-01-03"
    assert market_of("") == Market()
    assert market_bars(market_of("bars=1"))[0].close > Decimal(1)
