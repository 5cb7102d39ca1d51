"""What a backtest has to say, as data: encoded as JSON with decimals as strings, and all of it in one digest."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TypeVar

import msgspec

from domain.backtests import BacktestTerms
from models.backtest.opinions import ModelCard
from models.backtest.sample import Annual, Figure
from models.backtest.scores import Scores
from models.backtest.trading import Fill, Rejection, Working
from models.backtest.trips import Trade

POINTS_MAX = 1_500
_T = TypeVar("_T")


class Point(msgspec.Struct, frozen=True, array_like=True):
    """At a close. time_us: market time. In USD: the account's worth, of which cash and positions; buy and hold's."""

    time_us: int
    equity: float
    cash: float
    positions: float
    baseline: float


class Price(msgspec.Struct, frozen=True, array_like=True):
    """A bar of a symbol, for the chart of its trades. time_us: market time of its close."""

    time_us: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """A calendar month (UTC): the last close in it over the last one before, less one. closes: how many it has."""

    year: int
    month: int
    closes: int
    result: float
    baseline: float


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """In USD. spread_and_impact: what all fills paid beyond the price of their tick. traded: bought and sold."""

    fees: Decimal
    spread_and_impact: Decimal
    traded: Decimal


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one strategy came to."""

    figures: list[Figure]
    trades: list[Trade]
    fills: list[Fill]
    rejections: list[Rejection]
    working: list[Working]
    costs: Costs

    def figure(self, name: str) -> Figure:
        """Raises KeyError for a name that models.backtest.statistics does not know."""
        for one in self.figures:
            if one.name == name:
                return one
        raise KeyError(name)


class Caveat(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader has to know before believing the figures."""

    code: str
    text: str


class BacktestResult(msgspec.Struct, frozen=True, kw_only=True):
    """A whole backtest. The same terms, data, model and program give the same bytes.

    model: None for a strategy without one. data_hash: SHA-256 of the ticks. code_version: SHA-256 of what decides a
    result here. symbols: those with bars in the period. latency_us: from a decision's tick to its order being active.
    decisions: how many, by direction, and by reason where the model abstained. baseline: buy and hold of the same
    symbols under the same costs. equity: a point a close, all of them. scores: None where no label is known.
    digest: SHA-256 over all the rest.
    """

    terms: BacktestTerms
    model: ModelCard | None
    data_hash: str
    data_source: str
    code_version: str
    symbols: list[str]
    bars: int
    latency_us: int
    latency_jitter_us: int
    annual: Annual
    decisions: dict[str, int]
    outcome: Outcome
    baseline: Outcome
    scores: Scores | None
    monthly: list[Month]
    equity: list[Point]
    prices: dict[str, list[Price]]
    caveats: list[Caveat]
    digest: str = ""

    def sealed(self) -> BacktestResult:
        """With its digest."""
        bare = msgspec.structs.replace(self, digest="")
        return msgspec.structs.replace(self, digest=hashlib.sha256(bare.json()).hexdigest())

    def json(self) -> bytes:
        """Everything as JSON, keys in one order."""
        return msgspec.json.encode(self, order="deterministic")

    def summary(self) -> BacktestResult:
        """For display: at most about POINTS_MAX points of equity and of each symbol's prices. Its digest is the
        whole result's.
        """
        return msgspec.structs.replace(
            self,
            equity=thinned(self.equity, POINTS_MAX),
            prices={symbol: thinned(own, POINTS_MAX) for symbol, own in self.prices.items()},
        )

    @classmethod
    def read(cls, data: bytes) -> BacktestResult:
        """The way back of `json`. Raises msgspec.DecodeError."""
        return msgspec.json.decode(data, type=cls)


def thinned(series: list[_T], most: int) -> list[_T]:
    """Every k-th entry and the last one, at most about `most`."""
    step = max(1, -(-len(series) // most))
    if step == 1:
        return series
    return [*series[:-1:step], series[-1]]
