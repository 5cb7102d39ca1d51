"""A market with a known edge: bars from a process that is written down here, and what its best player would know.

Of one symbol, in bars t = 0, 1, …, with e, u, v … independent standard normal:

    trend        m[t] = a m[t-1] + sqrt(1 - a²) u[t]                      a = exp(-1 / trend_bars)
    innovation   z[t] = s m[t] + sqrt(1 - s²) e[t]                        s = strength, 0 to below 1
    volatility   log(w[t] / volatility) = b log(w[t-1] / volatility) + c sqrt(1 - b²) v[t]
    return       log(close[t] / close[t-1]) = w[t] z[t] - w[t]² / 2
    open         the value at the share `overnight` of a Brownian bridge from close[t-1] to close[t]
    high, low    extremes of a Brownian bridge from open to close (independent of each other)
    volume       log-normal around volume_mean; more of it when volatility is high and when the price moves

This is the price-trend model of S. J. Taylor, Modelling Financial Time Series (1986), chapter 7, with the stochastic
volatility of its chapter 3: z is an ARMA(1, 1) process whose autocorrelation at lag k is s² a^k. The past of z is all
that there is to know about its future, and its best predictor is an exponentially weighted mean of past returns: a
momentum. models.marketdata.oracle computes it, and what can be attained by it.

With strength 0 the price is a martingale: E[close[t+1] | everything up to t] = close[t], exactly, whatever the
volatility. Volatility clusters all the same, so a model that finds an edge there has a leak.

The bridges' extremes: for a bridge of variance V from x to y, P(max > h) = exp(-2 (h-x)(h-y) / V) for h above both
(I. Karatzas, S. Shreve, Brownian Motion and Stochastic Calculus (1991), section 4.3.C), which is inverted.

Boundaries: symbols are independent of each other, there are no jumps, no splits and no holidays, and the trend does not
see the volatility. Each noise has a stream of random numbers of its own: more bars leave the first ones as they were,
more symbols the other ones. The same numpy gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from domain.errors import InvalidValue
from models.features import Array, Bars
from models.marketdata.bars import PRICE_STEP, TICK_TIMES, MarketBar, day_of

Times = NDArray[np.datetime64]

PRICE_MIN = Decimal("0.1")
"""Below it four decimals are too coarse, so there are no MarketBars of such a symbol; arrays are not rounded."""

BARS_MAX = 500_000
"""Of one symbol as MarketBars: two thousand years of weekdays."""

_LOG_MIN = -500.0
_CLOSED = np.timedelta64(TICK_TIMES[-1].hour * 3_600_000_000, "us")
_STREAMS = ("trend", "noise", "volatility", "open", "high", "low", "volume")


@dataclass(frozen=True, kw_only=True)
class Market:
    """What is to be made. Raises InvalidValue when it makes no sense.

    strength: s above, the correlation of a bar's innovation with its trend. trend_bars: bars in which a trend forgets
    itself to 1/e. volatility: of a bar's return, the median. volatility_spread: c, standard deviation of its logarithm.
    volatility_bars: as trend_bars. overnight: share of a bar's variance that falls between close and open. first: day
    of the first bar; bars are weekdays, or, with interval_s, spans of so many seconds around the clock from then on.
    """

    strength: float = 0.0
    seed: int = 0
    symbols: int = 1
    bars: int = 1_000
    trend_bars: float = 20.0
    volatility: float = 0.015
    volatility_spread: float = 0.35
    volatility_bars: float = 30.0
    overnight: float = 0.2
    price: float = 100.0
    volume_mean: float = 1_000_000.0
    first: date = date(2000, 1, 3)
    interval_s: int | None = None

    def __post_init__(self) -> None:
        good = {
            "strength is from 0 to below 1": 0 <= self.strength < 1,
            "seed is not below 0": self.seed >= 0,
            "symbols are 1 to 100000": 1 <= self.symbols <= 100_000,
            "bars are 1 to 100000000": 1 <= self.bars <= 100_000_000,
            "trend_bars and volatility_bars are above 0": min(self.trend_bars, self.volatility_bars) > 0,
            "volatility is above 0 and at most 0.5": 0 < self.volatility <= 0.5,
            "volatility_spread is from 0 to 1": 0 <= self.volatility_spread <= 1,
            "overnight is from 0 to below 1": 0 <= self.overnight < 1,
            "price and volume_mean are above 0": min(self.price, self.volume_mean) > 0,
            "interval_s is none, or 1 to 86399": self.interval_s is None or 1 <= self.interval_s < 86_400,
        }
        broken = [text for text, is_good in good.items() if not is_good]
        if broken:
            raise InvalidValue("SYNTHETIC_MARKET", f"expected that {'; '.join(broken)}; it was {self}")

    @property
    def persistence(self) -> float:
        """a above."""
        return float(np.exp(-1.0 / self.trend_bars))

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(f"SYN{number:03d}" for number in range(self.symbols))

    @cached_property
    def ends(self) -> Times:
        """When each bar is complete (microseconds UTC), the same for all symbols."""
        first = np.datetime64(self.first, "us")
        if self.interval_s is not None:
            return np.asarray(first + np.arange(1, self.bars + 1) * np.timedelta64(self.interval_s * 1_000_000, "us"))
        days = np.busday_offset(np.datetime64(self.first, "D"), np.arange(self.bars), roll="forward")
        return np.asarray(days.astype("datetime64[us]") + _CLOSED)


_READ: Mapping[str, Callable[[str], object]] = {
    **dict.fromkeys(("seed", "symbols", "bars", "interval_s"), int),
    **dict.fromkeys(("strength", "trend_bars", "volatility", "volatility_spread", "volatility_bars"), float),
    **dict.fromkeys(("overnight", "price", "volume_mean"), float),
    "first": date.fromisoformat,
}


@dataclass(frozen=True)
class Series:
    """One symbol. bars: float64, unrounded. What follows nobody in the market sees: trend, innovation, volatility."""

    symbol: str
    market: Market
    bars: Bars
    trend: Array
    innovation: Array
    volatility: Array

    def market_bars(self) -> list[MarketBar]:
        """As a source gives them: four decimals, whole volumes.

        Raises InvalidValue when the price falls below PRICE_MIN (take a higher one to begin with), or there are more
        than BARS_MAX.
        """
        if self.market.bars > BARS_MAX:
            raise InvalidValue("SYNTHETIC_BARS", f"expected at most {BARS_MAX} bars a symbol, {self.market.bars} asked")
        lowest = float(self.bars.low.min())
        if lowest < PRICE_MIN:
            raise InvalidValue("SYNTHETIC_PRICE", f"{self.symbol} falls to {lowest:.2g}; expected at least {PRICE_MIN}")
        digits = -int(PRICE_STEP.as_tuple().exponent)
        prices = ([Decimal(f"{value:.{digits}f}") for value in column.tolist()] for column in self.bars[:4])
        volumes = (Decimal(int(volume)) for volume in self.bars.volume.tolist())
        ends = self.market.ends.astype(np.int64).tolist()
        interval = self.market.interval_s
        return [
            MarketBar(
                symbol=self.symbol,
                date=day_of(end),
                open=opened,
                high=high,
                low=low,
                close=close,
                volume=volume,
                start_us=None if interval is None else end - interval * 1_000_000,
                end_us=None if interval is None else end,
            )
            for end, opened, high, low, close, volume in zip(ends, *prices, volumes, strict=True)
        ]


def market_of(text: str) -> Market:
    """A market out of `strength=0.3,seed=1,symbols=2`; what is not named has its default. Raises InvalidValue."""
    given: dict[str, object] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if name not in _READ:
            raise InvalidValue("SYNTHETIC_MARKET", f"expected NAME=VALUE with {', '.join(_READ)}; it was {part!r}")
        try:
            given[name] = _READ[name](value)
        except ValueError as error:
            raise InvalidValue("SYNTHETIC_MARKET", f"{name}: {error}") from error
    return Market(**given)  # type: ignore[arg-type]  # of the types that _READ gives


def generate(market: Market) -> Iterator[Series]:
    """The symbols, one after another, so that ten million bars need not be in memory at once."""
    for number in range(market.symbols):
        yield series(market, number)


def market_bars(market: Market) -> list[MarketBar]:
    """The bars of all symbols, by (time, symbol)."""
    found = [bar for one in generate(market) for bar in one.market_bars()]
    return sorted(found, key=lambda bar: (bar.at_us, bar.symbol))


def series(market: Market, number: int) -> Series:
    """The symbol of a number, from 0.

    Raises InvalidValue when there are so many bars that the price falls to nothing: take more symbols of fewer bars.
    """
    count, overnight = market.bars, market.overnight
    normal = {stream: np.random.default_rng([market.seed, number, place]) for place, stream in enumerate(_STREAMS)}
    trend = _autoregression(normal["trend"].standard_normal(count), market.persistence)
    innovation = normal["noise"].standard_normal(count)
    innovation *= np.sqrt(1.0 - market.strength**2)
    innovation += market.strength * trend
    spread = _autoregression(normal["volatility"].standard_normal(count), float(np.exp(-1.0 / market.volatility_bars)))
    volatility = market.volatility * np.exp(market.volatility_spread * spread)

    total = volatility * innovation - 0.5 * volatility**2
    closed = np.cumsum(total)
    if closed.min() < _LOG_MIN:  # a martingale of log-normal steps goes to zero, as sure as it keeps its mean
        raise InvalidValue("SYNTHETIC_PRICE", f"{market.names[number]} falls to nothing in {count} bars; take fewer")
    before = np.concatenate([[0.0], closed[:-1]])
    opened = before + overnight * total
    opened += np.sqrt(overnight * (1.0 - overnight)) * volatility * normal["open"].standard_normal(count)
    variance = (1.0 - overnight) * volatility**2
    high = _extreme(opened, closed, variance * normal["high"].standard_exponential(count), 1.0)
    low = _extreme(opened, closed, variance * normal["low"].standard_exponential(count), -1.0)
    volume = np.abs(innovation)
    volume *= 0.5
    volume += market.volatility_spread * spread + 0.3 * normal["volume"].standard_normal(count)
    bars = Bars(
        open=market.price * np.exp(opened),
        high=market.price * np.exp(high),
        low=market.price * np.exp(low),
        close=market.price * np.exp(closed),
        volume=np.rint(market.volume_mean * np.exp(volume - 0.4)),
    )
    return Series(market.names[number], market, bars, trend, innovation, volatility)


def _autoregression(noise: Array, persistence: float) -> Array:
    """x[t] = persistence x[t-1] + sqrt(1 - persistence²) noise[t], with variance 1 from the first on."""
    noise[1:] *= np.sqrt(1.0 - persistence**2)
    found: Array = lfilter([1.0], [1.0, -persistence], noise)
    return found


def _extreme(start: Array, end: Array, drawn: Array, sign: float) -> Array:
    """The maximum (sign 1) or minimum (-1) of a bridge. drawn: its variance times a standard exponential.

    P(max > h) = exp(-2 (h-x)(h-y) / V) is uniform: (h-x)(h-y) = V E / 2, of which the larger root is the maximum.
    """
    root = (end - start) ** 2
    root += 2.0 * drawn
    np.sqrt(root, out=root)
    found: Array = 0.5 * (start + end + sign * root)
    return found
