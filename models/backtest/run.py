"""A backtest from terms to result."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import msgspec
import numpy as np

from domain.backtests import BacktestTerms
from domain.errors import TapeledgerError
from domain.numbers import ZERO, exact
from domain.signals import SignalGenerated
from models.backtest import decisions as deciding
from models.backtest import desk, portfolio, recorded, statistics
from models.backtest import market as markets
from models.backtest.caveats import caveats
from models.backtest.decisions import Decisions
from models.backtest.market import Market, day_of
from models.backtest.opinions import Opinions, opinions_of
from models.backtest.portfolio import Worth
from models.backtest.result import BacktestResult, Costs, Month, Outcome, Point, Price
from models.backtest.sample import Sample, annual_of
from models.backtest.scores import scores
from models.backtest.strategies import Holder, follower_of
from models.backtest.trading import Fill, House, Trading
from models.backtest.trips import Trade, trades_of
from models.features import Array
from runtime.settings import Settings

Progress = Callable[[float, str], None]
"""Called with the share that is done, 0 to 1, and what is being done."""

_DECISIVE = (
    *("closed", "curve", "decisions", "desk", "market", "opinions", "portfolio", "run", "sample", "scores", "sharpe"),
    *("statistics", "strategies", "trading", "trips"),
)
_SHARED = ("follower", "paper_costs", "latency")
_LIBRARIES = ("vectorbt", "numpy", "scikit-learn", "ta-lib")


class Cancelled(TapeledgerError):
    """A backtest that was told to end, and left nothing behind."""


def run(
    terms: BacktestTerms,
    settings: Settings,
    progress: Progress = lambda share, text: None,
    cancelled: Callable[[], bool] = lambda: False,
    *,
    opinions: Opinions | None = None,
) -> BacktestResult:
    """Run a backtest. opinions: a model in place of the one that the terms name.

    cancelled is asked between the stages, before each symbol and every so many signals; then Cancelled is raised.
    Raises InvalidValue for terms that cannot be met, UnavailableError when data, model, database or vectorbt are not
    there, UnreadableInput for a damaged model.
    """
    steps = _Steps(progress, cancelled)
    steps.at(0.0, "reading the model")
    opinions = None if terms.strategy == "buy-and-hold" else opinions or opinions_of(settings, terms.model)
    steps.at(0.05, "reading prices")
    market = market_of(terms, settings, 1 if opinions is None else opinions.steps)
    decided = _decide(market, opinions, steps)
    card = None if opinions is None else opinions.card
    followed = _follow(market, decided, terms, settings, opinions, steps)
    held = followed if opinions is None else _hold(market, terms, settings, steps)
    steps.at(0.95, "scores")
    found = None if card is None or card.label is None else scores(market, decided, card.label)
    trials = (1, 0.0) if card is None else (card.trials, card.trials_sharpe_variance)
    result = BacktestResult(
        terms=terms,
        model=card,
        data_hash=market.data_hash(),
        data_source=market.source,
        code_version=code_version(),
        symbols=[series.symbol for series in market.series],
        bars=market.bars,
        latency_us=settings.market_latency_us,
        latency_jitter_us=settings.market_latency_jitter_us,
        annual=annual_of(followed.worth.times_us),
        decisions=_counts(decided),
        outcome=_outcome(followed, trials),
        baseline=_outcome(held, (1, 0.0)),
        scores=found,
        monthly=monthly(followed.worth, held.worth.equity),
        equity=_points(followed.worth, held.worth.equity),
        prices={series.symbol: _prices(market, series.symbol) for series in market.series},
        caveats=[],
    )
    steps.at(1.0, "done")
    return _with_caveats(result).sealed()


def market_of(terms: BacktestTerms, settings: Settings, steps: int) -> Market:
    """The prices that the terms name, with warm-up for opinions of `steps` feature rows."""
    first, last = date.fromisoformat(terms.first), date.fromisoformat(terms.last)
    if terms.source == "recorded":
        return recorded.load(settings, terms.symbols, first, last, steps)
    return markets.installed(terms.symbols, first, last, steps)


def code_version() -> str:
    """SHA-256 (hex) over the sources that decide a result, and the versions of the libraries they use."""
    digest = hashlib.sha256()
    for package, names in (("models.backtest", _DECISIVE), ("domain", _SHARED)):
        for name in names:
            digest.update(importlib.resources.files(package).joinpath(f"{name}.py").read_bytes())
    for library in _LIBRARIES:
        digest.update(f"{library}=={importlib.metadata.version(library)}\n".encode())
    return digest.hexdigest()


class _Steps:
    """Tells of progress, and ends the backtest when it was cancelled."""

    def __init__(self, progress: Progress, cancelled: Callable[[], bool]) -> None:
        self._progress = progress
        self._cancelled = cancelled

    def at(self, share: float, text: str) -> None:
        if self._cancelled():
            raise Cancelled(f"the backtest was cancelled before {text}")
        self._progress(share, text)


class _Played(NamedTuple):
    """A strategy played through."""

    trading: Trading
    trades: list[Trade]
    worth: Worth


def _decide(market: Market, opinions: Opinions | None, steps: _Steps) -> Decisions:
    if opinions is None:
        return deciding.always_buy(market)
    done = iter(range(len(market.series)))

    def step(symbol: str) -> None:
        steps.at(0.1 + 0.4 * next(done) / len(market.series), f"decisions on {symbol}")

    return deciding.decide(market, opinions, step)


def _follow(
    market: Market,
    decided: Decisions,
    terms: BacktestTerms,
    settings: Settings,
    opinions: Opinions | None,
    steps: _Steps,
) -> _Played:
    if opinions is None:
        return _hold(market, terms, settings, steps)
    card = opinions.card
    signals = deciding.signals(market, decided, card.name, card.version)
    trading = desk.trade(
        market,
        signals,
        follower_of(terms, settings),
        House.of(terms, settings.strategy_account_id),
        lambda share: steps.at(0.5 + 0.2 * share, "trading"),
    )
    steps.at(0.7, "valuing the account")
    return _played(market, trading, signals, terms)


def _hold(market: Market, terms: BacktestTerms, settings: Settings, steps: _Steps) -> _Played:
    """Buy and hold of the same symbols."""
    signals = deciding.signals(market, deciding.always_buy(market), "", "")
    trading = desk.trade(
        market,
        signals,
        Holder.of(terms, settings, [series.symbol for series in market.series]),
        House.of(terms, settings.strategy_account_id),
        lambda share: steps.at(0.8 + 0.1 * share, "buy and hold"),
    )
    steps.at(0.9, "valuing buy and hold")
    return _played(market, trading, signals, terms)


def _played(market: Market, trading: Trading, signals: Sequence[SignalGenerated], terms: BacktestTerms) -> _Played:
    last = {series.symbol: series.bars[-1].close for series in market.series}
    by_id = {signal.signal_id: signal for signal in signals}
    return _Played(trading, trades_of(trading.fills, last, by_id), portfolio.worth(market, trading, float(terms.cash)))


def _outcome(played: _Played, trials: tuple[int | None, float | None]) -> Outcome:
    costs = costs_of(played.trading.fills)
    closed = [float(trade.pnl) for trade in played.trades if trade.status == "CLOSED"]
    sample = Sample(
        times_us=played.worth.times_us,
        equity=played.worth.equity,
        positions=played.worth.positions,
        held=played.worth.held,
        profits=np.array(closed, dtype=np.float64),
        traded=float(costs.traded),
        fees=float(costs.fees),
        trials=trials[0],
        trials_variance=trials[1],
    )
    return Outcome(
        figures=statistics.figures(sample),
        trades=played.trades,
        fills=list(played.trading.fills),
        rejections=list(played.trading.rejections),
        working=list(played.trading.working),
        costs=costs,
    )


def costs_of(fills: Sequence[Fill]) -> Costs:
    """What the fills cost, and how much they traded."""
    with exact():
        beyond = ZERO
        for fill in fills:
            paid = (fill.price - fill.tick_price) * fill.quantity
            beyond += paid if fill.side == "BUY" else -paid
        return Costs(
            fees=sum((fill.fee for fill in fills), Decimal("0.00")),
            spread_and_impact=beyond,
            traded=sum((fill.price * fill.quantity for fill in fills), ZERO),
        )


def monthly(worth: Worth, baseline: Array) -> list[Month]:
    """The months of a curve; the first one begins at the first close."""
    months: dict[tuple[int, int], list[int]] = {}
    for place, time_us in enumerate(worth.times_us.tolist()):
        day = day_of(time_us)
        months.setdefault((day.year, day.month), []).append(place)
    found, before = [], 0
    for (year, month), places in months.items():
        last = places[-1]
        found.append(
            Month(
                year=year,
                month=month,
                closes=len(places),
                result=_change(worth.equity, before, last),
                baseline=_change(baseline, before, last),
            )
        )
        before = last
    return found


def _change(values: Array, before: int, last: int) -> float:
    return float(values[last] / values[before] - 1.0)


def _points(worth: Worth, baseline: Array) -> list[Point]:
    columns = (worth.equity, worth.cash, worth.positions, baseline)
    rounded = [np.round(column, 4).tolist() for column in columns]
    return [Point(*row) for row in zip(worth.times_us.tolist(), *rounded, strict=True)]


def _prices(market: Market, symbol: str) -> list[Price]:
    (series,) = [one for one in market.series if one.symbol == symbol]
    times = series.close_times_us.tolist()
    return [
        Price(time_us, bar.open, bar.high, bar.low, bar.close)
        for time_us, bar in list(zip(times, series.bars, strict=True))[series.first :]
    ]


def _counts(decided: Decisions) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for own in decided.values():
        counted.update(one.abstained or one.direction for one in own)
    return dict(sorted(counted.items()))


def _with_caveats(result: BacktestResult) -> BacktestResult:
    return msgspec.structs.replace(result, caveats=caveats(result))
