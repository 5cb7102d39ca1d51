"""The figures against hand computations and published examples; vectorbt's own are in test_run.py."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.backtest.closed import expectancy, profit_factor, win_rate
from models.backtest.curve import (
    cagr,
    calmar_ratio,
    exposure,
    max_drawdown,
    max_drawdown_days,
    sortino_ratio,
    time_in_market,
    total_return,
    turnover,
    volatility,
)
from models.backtest.market import day_us
from models.backtest.sample import Sample, Undefined, annual_of
from models.backtest.sharpe import luckiest_sharpe, sharpe_probability, sharpe_ratio
from models.backtest.statistics import STATISTICS, figures, formulas
from tests.models.conftest import weekdays

DAY = 86_400_000_000


def sample(equity: list[float], days: list[int] | None = None, **more: object) -> Sample:
    """Equity at closes; days: their numbers, consecutive unless given."""
    numbers = list(range(len(equity))) if days is None else days
    known: dict[str, object] = {
        "times_us": np.array(numbers, dtype=np.int64) * DAY,
        "equity": np.array(equity),
        "positions": np.zeros(len(equity)),
        "held": np.zeros(len(equity), dtype=np.int64),
        "profits": np.zeros(0),
        "traded": 0.0,
        "fees": 0.0,
    }
    return Sample(**(known | more))  # type: ignore[arg-type]


FOUR = sample([100.0, 110.0, 99.0, 108.9])  # returns +10 %, -10 %, +10 %


def test_the_curve_by_hand() -> None:
    """Returns 0.1, -0.1, 0.1: mean 1/30, deviation sqrt(0.04 / 3) = 0.11547; P = 252."""
    assert total_return(FOUR, 0).value == pytest.approx(0.089)
    assert volatility(FOUR, 252).value == pytest.approx(math.sqrt(0.04 / 3) * math.sqrt(252))
    assert sharpe_ratio(FOUR, 252).value == pytest.approx((0.1 / 3) / math.sqrt(0.04 / 3) * math.sqrt(252))
    assert sortino_ratio(FOUR, 252).value == pytest.approx((0.1 / 3) / math.sqrt(0.01 / 3) * math.sqrt(252))
    assert max_drawdown(FOUR, 0).value == pytest.approx(0.1)


def test_growth_is_by_the_calendar() -> None:
    """Doubled in two years of 365.25 days is 41.42 % a year, however many closes lie between."""
    doubled = sample([100.0, 150.0, 200.0], [0, 100, 730])
    years = 730 / 365.25

    assert cagr(doubled, 0).value == pytest.approx(2 ** (1 / years) - 1)
    fallen = sample([100.0, 80.0, 200.0], [0, 100, 730])
    assert calmar_ratio(fallen, 0).value == pytest.approx((2 ** (1 / years) - 1) / 0.2)


@pytest.mark.parametrize(
    ("equity", "days", "deepest", "longest"),
    [
        ([100, 120, 90, 110, 120, 130], None, 0.25, 3),  # peak on day 1, reached again on day 4
        ([100, 90, 80], [0, 3, 10], 0.2, 10),  # never reached again: until the end
        ([100, 110, 120], None, 0.0, 0),
        ([100, 90, 100, 95, 96, 97, 98], None, 0.1, 4),  # the second is shallower and longer
    ],
)
def test_drawdowns_by_hand(equity: list[float], days: list[int] | None, deepest: float, longest: int) -> None:
    """How deep, and how long from the peak until it is reached again."""
    curve = sample([float(value) for value in equity], days)

    assert max_drawdown(curve, 0).value == pytest.approx(deepest)
    assert max_drawdown_days(curve, 0).value == longest


def test_trades_by_hand() -> None:
    """Two won 30 and 10, two lost 8 and 12: factor 2, mean 5, half won (Wilson: 0.150 to 0.850)."""
    traded = sample([1.0, 1.0], profits=np.array([30.0, -8.0, 10.0, -12.0]))

    won, mean = win_rate(traded, 0), expectancy(traded, 0)
    assert profit_factor(traded, 0).value == pytest.approx(2.0)
    assert (won.value, won.low, won.high) == (0.5, pytest.approx(0.1500, abs=5e-5), pytest.approx(0.8500, abs=5e-5))
    spread = math.sqrt((25**2 + 13**2 + 5**2 + 17**2) / 3)
    assert (mean.value, mean.high) == (5.0, pytest.approx(5.0 + 1.959964 * spread / 2))


def test_exposure_and_turnover_by_hand() -> None:
    """Half and a quarter of the account in positions at two of four closes; 400 traded at a mean worth of 100."""
    used = sample(
        [100.0] * 4,
        [0, 100, 200, 731],
        positions=np.array([0.0, 50.0, 25.0, 0.0]),
        held=np.array([0, 1, 2, 0]),
        traded=400.0,
    )

    assert exposure(used, 0).value == pytest.approx(0.75 / 4)
    assert time_in_market(used, 0).value == 0.5
    assert turnover(used, 0).value == pytest.approx(4 / (731 / 365.25))


def test_the_error_of_a_sharpe_ratio_is_los() -> None:
    """Lo (2002), table 1: for IID normal returns the standard error is sqrt((1 + SR^2 / 2) / T): 0.126 at SR 0.05, 63.

    Returns here have skewness 0 and kurtosis 3 exactly: the same number from each side.
    """
    half = math.sqrt(3.0)
    shape = np.array([-half, 0.0, 0.0, 0.0, 0.0, half])  # mean 0, variance 1, kurtosis 3
    returns = np.tile(0.01 * shape, 100) + 0.0005
    equity = 100.0 * np.cumprod(np.concatenate([[1.0], 1.0 + returns]))
    found = sharpe_ratio(sample(equity.tolist()), 1.0)
    ratio = 0.05 / math.sqrt(600 / 599)

    assert found.value == pytest.approx(ratio)
    assert found.low is not None
    assert (found.value - found.low) / 1.959964 == pytest.approx(math.sqrt((1 + ratio**2 / 2) / 600), rel=1e-5)


def test_the_deflated_sharpe_ratio_of_the_paper() -> None:
    """Bailey and Lopez de Prado (2014), numerical example: five years of 250 days, SR 2.5 a year, skewness -3, kurtosis
    10, best of 100 trials whose annual variance is 1/2: SR0 = 0.1132, DSR = 0.9004."""
    benchmark = luckiest_sharpe(100, 0.5 / 250)

    assert benchmark == pytest.approx(0.1132, abs=5e-5)
    assert sharpe_probability(2.5 / math.sqrt(250), benchmark, 1250, -3.0, 10.0) == pytest.approx(0.9004, abs=5e-5)


def test_what_cannot_be_had_has_a_reason() -> None:
    """No NaN, no infinity: a constant account, no trade, no loss, a short sample."""
    reasons = {one.name: one.reason for one in figures(sample([100.0] * 80, list(range(0, 160, 2))))}

    assert reasons["sharpe_ratio"] == "the returns do not vary"
    assert reasons["sortino_ratio"] == "no return is below zero"
    assert reasons["calmar_ratio"] == "the account was never below its peak"
    assert reasons["win_rate"] == reasons["expectancy"] == reasons["profit_factor"] == "no trade is closed"
    assert reasons["deflated_sharpe"] == "nobody counted the models that were tried before this one was chosen"
    assert reasons["total_return"] is None
    with pytest.raises(Undefined, match="no closed trade has lost"):
        profit_factor(sample([1.0, 1.0], profits=np.array([1.0])), 0)
    with pytest.raises(Undefined, match="worth nothing"):
        total_return(sample([1.0, 0.0, 1.0]), 0)


def test_two_good_weeks_are_not_annualised() -> None:
    """14 days that earned 1 % each would be a Sharpe ratio beyond all bounds: None, and the sample that is missing."""
    equity = [100.0 * 1.01**n * (1.001 if n % 2 else 1.0) for n in range(15)]

    found = {one.name: one for one in figures(sample(equity))}

    for name in ("cagr", "volatility", "sharpe_ratio", "sortino_ratio", "calmar_ratio", "turnover", "deflated_sharpe"):
        assert found[name].value is None
        assert found[name].reason == (
            "not annualised: expected at least 60 returns over at least 90 days, there were 14 over 14"
        )
    assert found["total_return"].value is not None
    assert found["sharpe_ratio"].observations == 14


@pytest.mark.parametrize(
    ("count", "gap_days", "closes"),
    [(60, 1.0, None), (61, 1.4, None), (91, 1.0, 365.25), (300, 0.25, None), (400, 0.25, 1461.0)],
)
def test_closes_a_year_are_measured(count: int, gap_days: float, closes: float | None) -> None:
    """60 returns are needed, and 90 days; closes at equal distances give their own number a year."""
    times = (np.arange(count) * gap_days * DAY).astype(np.int64)

    assert annual_of(times).closes_per_year == (None if closes is None else pytest.approx(closes))


def test_trading_days_are_252_a_year() -> None:
    """Weekdays of a year less ten holidays are daily sessions; half of them are not."""
    days = weekdays(date(2011, 1, 3), 260)
    times = np.array([day_us(one) for number, one in enumerate(days) if number % 26], dtype=np.int64)

    assert annual_of(times).closes_per_year == 252.0
    half = annual_of(times[::2]).closes_per_year
    assert half is not None
    assert 120 < half < 130


@given(st.lists(st.integers(50, 200), min_size=2, max_size=40), st.floats(0.01, 1e6), st.booleans())
def test_figures_are_free_of_the_unit_and_always_finite(steps: list[int], scale: float, longer: bool) -> None:
    """An account a thousand times as large has the same ratios; every figure is a finite number or has a reason."""
    equity = np.cumprod((np.array(steps * (30 if longer else 1)) / 100) ** 0.1)
    one, other = figures(sample(equity.tolist())), figures(sample((equity * scale).tolist()))

    for mine, theirs in zip(one, other, strict=True):
        assert (mine.value is None) == (mine.reason is not None)
        if mine.value is None or mine.unit == "USD":
            continue
        assert math.isfinite(mine.value)
        assert theirs.value is not None
        assert mine.value == pytest.approx(theirs.value, rel=1e-6, abs=1e-7)


def test_every_statistic_has_its_formula() -> None:
    """Name, formula and unit stand in one place; ratios of others name their source."""
    made = {one.name: (formula, source) for one, formula, source in formulas()}

    assert list(made) == [one.name for one in STATISTICS]
    assert all(formula for formula, _ in made.values())
    assert {name for name, (_, source) in made.items() if source} >= {
        "sharpe_ratio",
        "sortino_ratio",
        "calmar_ratio",
        "win_rate",
        "deflated_sharpe",
    }
