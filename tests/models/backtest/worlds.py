"""Small markets, scripted decisions and a house for them, for the tests of backtests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from domain.backtests import BacktestTerms
from domain.paper_costs import PaperParameters
from domain.signals import Direction
from models.backtest import desk
from models.backtest.decisions import Decision, Decisions, signals
from models.backtest.market import Market, of_bars
from models.backtest.opinions import Judged, ModelCard
from models.backtest.strategies import follower_of
from models.backtest.trading import House, Trading
from models.classes import CLASSES
from models.features import Array
from models.labels import LabelRule
from models.marketdata import MarketBar
from runtime.settings import Settings
from tests.models.conftest import weekdays

FIRST = date(2011, 1, 3)  # a Monday
FREE = PaperParameters(
    half_spread_bps=Decimal(0), impact_bps=Decimal(0), participation_max=Decimal(1), fee_bps=Decimal(0)
)
SETTINGS = Settings(_env_file=None)
Row = tuple[str, str, str, str, int]
"""Open, high, low, close, volume."""


def day(number: int) -> date:
    """The n-th weekday from FIRST on."""
    return weekdays(FIRST, number + 1)[-1]


def flat(price: str, volume: int = 4_000) -> Row:
    return price, price, price, price, volume


def bars(symbol: str, rows: Mapping[int, Row] | Sequence[Row]) -> list[MarketBar]:
    """Daily bars, by the number of the day."""
    numbered = rows.items() if isinstance(rows, Mapping) else enumerate(rows)
    return [
        MarketBar(
            symbol=symbol,
            date=day(number),
            open=Decimal(row[0]),
            high=Decimal(row[1]),
            low=Decimal(row[2]),
            close=Decimal(row[3]),
            volume=Decimal(row[4]),
        )
        for number, row in numbered
    ]


def market(rows: Mapping[str, Mapping[int, Row] | Sequence[Row]], days: int = 400) -> Market:
    """All bars are in the period."""
    every = [bar for symbol, own in rows.items() for bar in bars(symbol, own)]
    return of_bars(every, FIRST, day(days), 0, "made up")


def scripted(given: Market, script: Mapping[str, Mapping[int, Direction]]) -> Decisions:
    """By symbol: the direction at the close of a bar, by the bar's number in its series; HOLD at all others."""
    found = {}
    for series in given.series:
        own = script.get(series.symbol, {})
        found[series.symbol] = [
            Decision(bar, own.get(bar, "HOLD"), np.array([0.4, 0.3, 0.3]), None) for bar in range(len(series.bars))
        ]
    return found


def terms(symbols: Sequence[str], **changes: object) -> BacktestTerms:
    return BacktestTerms(symbols=tuple(symbols), first=FIRST.isoformat(), last=day(400).isoformat(), **changes)  # type: ignore[arg-type]


def trade(
    given: Market,
    script: Mapping[str, Mapping[int, Direction]],
    venue: PaperParameters = FREE,
    cash: str = "1000.00",
    allocation: str = "1000",
    protection: str = "0.10",
) -> Trading:
    """Trade on scripted decisions; the account's holds set aside the venue's fee."""
    asked = terms(
        [series.symbol for series in given.series],
        allocation=Decimal(allocation),
        protection=Decimal(protection),
        cash=Decimal(cash),
    )
    house = House(SETTINGS.strategy_account_id, Decimal(cash), venue.fee_bps, venue)
    told = signals(given, scripted(given, script), "scripted", "1")
    return desk.trade(given, told, follower_of(asked, SETTINGS), house)


class Momentum:
    """Opinions without a model: BUY after a bar that rose by 0.5 %, SELL after one that fell as much, else HOLD."""

    steps = 1
    card = ModelCard(
        name="momentum",
        version="1",
        data_hash="",
        code_version="",
        trained_from="2000-01-03",
        trained_to="2000-12-29",
        label=LabelRule(),
    )

    def __init__(self, column: int) -> None:
        """column: of return_1 among the features."""
        self._column = column

    def judge(self, symbol: str, times_us: NDArray[np.int64], rows: Array) -> Judged:
        moved = rows[:, self._column]
        directions: list[Direction] = ["BUY" if one > 0.005 else "SELL" if one < -0.005 else "HOLD" for one in moved]
        odds = np.full((len(rows), 3), 0.2)
        for row, direction in enumerate(directions):
            odds[row, CLASSES.index(direction)] = 0.6
        return Judged(directions, odds, [None] * len(rows))
