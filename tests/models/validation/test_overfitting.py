"""Goal: Sharpe ratios, deflated and not, are the papers'. Method: their worked examples, formulas written here, and a
brute force over every half of the blocks."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from domain.errors import InvalidValue
from models.classes import BUY, HOLD, SELL
from models.features import Array
from models.samples import Samples
from models.validation.overfitting import deflated_sharpe, overfitting, sharpe_ratio
from models.validation.returns import strategy_returns
from models.validation.search import search_report, trial_returns
from models.validation.splits import walk_forward
from models.validation.tuning import tune
from tests.models.validation.cases import Logistic, Row, edge, pooled, samples_of, weekdays

EULER = 0.5772156649015329


def expected_maximum(trials: int, variance: float) -> float:
    """SR0 of the paper (Bailey and López de Prado 2014)."""
    ppf = stats.norm.ppf
    return math.sqrt(variance) * ((1 - EULER) * ppf(1 - 1 / trials) + EULER * ppf(1 - 1 / (trials * math.e)))


def probabilistic(sharpe: float, benchmark: float, count: int, skewness: float, kurtosis: float) -> float:
    """PSR of the paper (Bailey and López de Prado 2012)."""
    spread = math.sqrt(1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2)
    return float(stats.norm.cdf((sharpe - benchmark) * math.sqrt(count - 1) / spread))


def two_valued(count: int, low: int, sharpe: float) -> Array:
    """Returns of two values, `low` of them the lower one, with the Sharpe ratio given; their deviation is 1 %."""
    values = np.array([-1.0] * low + [1.0] * (count - low))
    return 0.01 * ((values - values.mean()) / values.std() + sharpe)


def alternating(variance: float, count: int) -> list[float]:
    """Ratios of trials with the variance given (n - 1 below)."""
    half = math.sqrt(variance * (count - 1) / count)
    return [half if n % 2 else -half for n in range(count)]


@pytest.mark.parametrize(
    ("trials", "maximum", "probability"),
    [(100, 0.1132, 0.9004), (46, None, 0.9505)],
)
def test_the_worked_example_of_the_paper(trials: int, maximum: float | None, probability: float) -> None:
    """A Sharpe ratio of 2.5 a year over 1,250 days of 250 a year, skewness -3, kurtosis 10, the best of 100 trials
    whose ratios vary by 1/2 a year: SR0 = 0.1132 a day and DSR = 0.9004; of 46 trials 0.9505. A series of two values,
    105 of 1,250 the lower one, has those moments to one part in 300: skewness -3 and kurtosis 10 leave no other shape.
    """
    values = two_valued(1_250, 105, 2.5 / math.sqrt(250))

    found = deflated_sharpe(values, alternating(0.5 / 250, trials))

    assert (found.trials, found.observations) == (trials, 1_250)
    assert found.sharpe == pytest.approx(0.1581, abs=5e-5)
    assert found.variance == pytest.approx(0.002)
    assert found.probability == pytest.approx(probability, abs=1e-4)
    if maximum is not None:
        assert found.expected_maximum == pytest.approx(maximum, abs=5e-5)
    moments = sharpe_ratio(values)
    assert (moments.skewness, moments.kurtosis) == (pytest.approx(-3, abs=0.01), pytest.approx(10, abs=0.05))


def test_the_formulas_here_give_the_papers_numbers() -> None:
    """The formulas of this test, on the papers' exact moments, give their numbers: the reference for the rest."""
    sharpe = 2.5 / math.sqrt(250)
    maximum = expected_maximum(100, 0.5 / 250)

    assert round(maximum, 4) == 0.1132
    assert round(probabilistic(sharpe, maximum, 1_250, -3, 10), 4) == 0.9004
    assert round(probabilistic(sharpe, expected_maximum(46, 0.5 / 250), 1_250, -3, 10), 4) == 0.9505
    assert round(probabilistic(0.458, 0, 24, -2.448, 10.164), 3) == 0.913
    assert round(probabilistic(0.458, 0, 24, 0, 3), 3) == 0.982


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 999),
    count=st.integers(24, 300),
    drift=st.floats(-0.3, 0.5),
    heavy=st.booleans(),
    trials=st.integers(2, 40),
    pruned=st.integers(0, 20),
)
def test_random_series_agree_with_the_formulas(
    seed: int, count: int, drift: float, heavy: bool, trials: int, pruned: int
) -> None:
    """Whatever the returns, the ratio, its moments, PSR, DSR and the track record are those of the formulas here."""
    random = np.random.default_rng(seed)
    values = 0.01 * (drift + (random.standard_t(5, count) if heavy else random.normal(size=count)))
    sharpes = random.normal(0, 0.1, trials).tolist()
    sharpe = values.mean() / values.std()
    skewness, kurtosis = stats.skew(values, bias=False), stats.kurtosis(values, bias=False) + 3
    maximum = expected_maximum(trials + pruned + (pruned > 0), float(np.var(sharpes, ddof=1)))

    plain = sharpe_ratio(values, benchmark=0.05)
    deflated = (
        deflated_sharpe(values, [*sharpes, None], trials + pruned + 1) if pruned else deflated_sharpe(values, sharpes)
    )

    assert (plain.sharpe, plain.skewness, plain.kurtosis) == (
        pytest.approx(sharpe),
        pytest.approx(skewness),
        pytest.approx(kurtosis),
    )
    assert plain.probability == pytest.approx(probabilistic(sharpe, 0.05, count, skewness, kurtosis))
    assert deflated.expected_maximum == pytest.approx(maximum)
    assert deflated.probability == pytest.approx(probabilistic(sharpe, maximum, count, skewness, kurtosis))
    assert deflated.trials == trials + (pruned + 1 if pruned else 0)
    if plain.observations_needed is None:
        assert sharpe <= 0.05
    else:
        needed = plain.observations_needed
        assert probabilistic(sharpe, 0.05, needed, skewness, kurtosis) >= 0.95 - 1e-9
        assert needed == 2 or probabilistic(sharpe, 0.05, needed - 1, skewness, kurtosis) < 0.95


def test_the_track_record_of_the_paper() -> None:
    """A ratio of 2 a year, of daily normal returns, needs 2.73 years to be above 1 with 95 % (the 2012 paper's own)."""
    quantiles = stats.norm.ppf((np.arange(1, 5_001) - 0.5) / 5_000)
    values = 0.01 * ((quantiles - quantiles.mean()) / quantiles.std() + 2 / math.sqrt(250))

    found = sharpe_ratio(values, benchmark=1 / math.sqrt(250))

    assert found.observations_needed is not None
    assert found.observations_needed / 250 == pytest.approx(2.73, abs=0.01)


@pytest.mark.parametrize(
    ("values", "sharpes", "code"),
    [
        (np.arange(23) / 100, [0.1, 0.2], "SHARPE_TOO_SHORT"),
        (np.zeros((30, 2)), [0.1, 0.2], "SHARPE_TOO_SHORT"),
        (np.full(30, 0.01), [0.1, 0.2], "SHARPE_NO_VARIANCE"),
        (np.zeros(30), [0.1, 0.2], "SHARPE_NO_VARIANCE"),
        (np.append(np.arange(29) / 100, np.nan), [0.1, 0.2], "SHARPE_NUMBERS"),
        (np.arange(30) / 100, [0.1], "SHARPE_TRIALS"),
        (np.arange(30) / 100, [0.1, None], "SHARPE_TRIALS"),
        (np.arange(30) / 100, [], "SHARPE_TRIALS"),
        (np.arange(30) / 100, [0.1, 0.1, 0.1], "SHARPE_ALIKE"),
        (np.arange(30) / 100, [0.1, math.inf], "SHARPE_NUMBERS"),
    ],
)
def test_what_cannot_be_deflated_is_refused(values: Array, sharpes: list[float | None], code: str) -> None:
    """Too few returns, none that vary, one trial, trials all alike: clear errors, no ratio that looks like one."""
    with pytest.raises(InvalidValue) as caught:
        deflated_sharpe(values, sharpes)

    assert caught.value.code == code


def test_fewer_tried_than_given_is_refused() -> None:
    """Three ratios cannot come from two trials."""
    with pytest.raises(InvalidValue, match="2 tried"):
        deflated_sharpe(np.arange(30) / 100, [0.1, 0.2, 0.3], tried=2)


def by_brute_force(returns: Array, blocks: int) -> float:
    """The share of halves in which the best in-sample trial is below the median of all trials out of sample."""
    parts = np.array_split(np.arange(returns.shape[1]), blocks)

    def ratio(values: Array) -> float:
        return float(values.mean() / values.std(ddof=1)) if np.ptp(values) else 0.0

    below = halves = 0
    for chosen in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[b] for b in chosen])
        outside = np.concatenate([parts[b] for b in range(blocks) if b not in chosen])
        best = max(range(len(returns)), key=lambda j: ratio(returns[j, inside]))
        elsewhere = [ratio(one[outside]) for one in returns]
        below += elsewhere[best] < float(np.median(elsewhere))
        halves += 1
    return below / halves


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    trials=st.integers(2, 7),
    blocks=st.sampled_from([2, 4, 6]),
    extra=st.integers(0, 30),
    skill=st.sampled_from([0.0, 0.5]),
)
def test_the_probability_of_overfitting_is_the_brute_forces(
    seed: int, trials: int, blocks: int, extra: int, skill: float
) -> None:
    """Counted half by half here, with the median written out, for trials with and without skill."""
    random = np.random.default_rng(seed)
    returns = random.normal(size=(trials, 2 * blocks + extra)) + skill * np.arange(trials)[:, None]

    found = overfitting(returns, blocks)

    assert found.probability == pytest.approx(by_brute_force(returns, blocks))
    assert (found.trials, found.observations, found.blocks) == (*returns.shape, blocks)
    assert found.combinations == math.comb(blocks, blocks // 2)


def test_overfitting_tells_skill_from_luck() -> None:
    """A trial that is truly better is best everywhere: probability 0. Trials whose luck in one half is paid back in the
    other (each series and its mirror) are always below the median elsewhere: probability near 1."""
    random = np.random.default_rng(5)
    noise = random.normal(size=(8, 200))
    skilled = noise + np.array([1.0] + [0.0] * 7)[:, None]
    luck = noise - noise.mean(axis=1, keepdims=True)

    assert overfitting(skilled).probability == 0.0
    found = overfitting(luck)
    assert found.probability > 0.9
    assert found.slope is not None
    assert found.slope < 0


@pytest.mark.parametrize(
    ("returns", "blocks", "code"),
    [
        (np.ones(50), 4, "OVERFITTING_TRIALS"),
        (np.ones((1, 50)), 4, "OVERFITTING_TRIALS"),
        (np.ones((2, 50)), 5, "OVERFITTING_BLOCKS"),
        (np.ones((2, 50)), 0, "OVERFITTING_BLOCKS"),
        (np.ones((2, 19)), 10, "OVERFITTING_BLOCKS"),
        (np.ones((2, 50)), 4, "SHARPE_ALIKE"),
        (np.full((2, 50), np.nan), 4, "SHARPE_NUMBERS"),
    ],
)
def test_a_search_that_says_nothing_is_refused(returns: Array, blocks: int, code: str) -> None:
    """One trial, trials all alike, too few observations, blocks that have no halves: clear errors."""
    with pytest.raises(InvalidValue) as caught:
        overfitting(returns, blocks)

    assert caught.value.code == code


def test_returns_by_hand() -> None:
    """Labels of 2 days over 6 days, two symbols: decisions of days 0, 2 and 4 are taken. Day 0: A bought earns 3 %, B
    is not held; day 2: A sold, B bought, at -2 % and 1 %; day 4: nothing. Costs of 10 bps a position, half of it each.
    """
    calendar = weekdays(8)
    earned = {("A", 0): 0.03, ("B", 0): 0.09, ("A", 2): -0.02, ("B", 2): 0.01}
    samples = samples_of(
        [Row(calendar[n], calendar[n + 2], s, earned=earned.get((s, n), 0.5)) for n in range(6) for s in "AB"]
    )
    decisions = np.array([BUY, HOLD, BUY, BUY, SELL, BUY, BUY, BUY, HOLD, HOLD, BUY, BUY])

    found = strategy_returns(samples, decisions, cost_bps=10)

    assert found.decided.tolist() == [calendar[0], calendar[2], calendar[4]]
    assert found.ends.tolist() == [calendar[2], calendar[4], calendar[6]]
    assert found.values.tolist() == pytest.approx([(0.03 - 0.001) / 2, ((0.02 - 0.001) + (0.01 - 0.001)) / 2, 0.0])
    assert found.per_year == pytest.approx(3 / ((calendar[6] - calendar[0]).days / 365.25))
    shifted = strategy_returns(samples, decisions, cost_bps=0, start=1)
    assert shifted.decided.tolist() == [calendar[1], calendar[3], calendar[5]]
    assert shifted.values.tolist() == pytest.approx([0.5, 0.5, 0.5])


@settings(max_examples=100, deadline=None)
@given(samples=pooled(), data=st.data())
def test_observations_share_no_bar(samples: Samples, data: st.DataObject) -> None:
    """With holes and labels of different lengths: no label of a decision is open when the next is taken, every symbol
    of a day decided is counted, and no day in between could have been taken."""
    start = data.draw(st.integers(0, len(set(samples.decided.tolist())) - 1))
    found = strategy_returns(samples, np.full(len(samples), HOLD), cost_bps=5, start=start)

    days = sorted(set(samples.decided.tolist()))
    for decided, ends in zip(found.decided.tolist(), found.ends.tolist(), strict=True):
        assert ends == max(samples.ends[samples.decided == np.datetime64(decided)].tolist())
    for end, following in zip(found.ends.tolist(), found.decided.tolist()[1:], strict=False):
        assert following == next(day for day in days if day >= end)
    assert found.decided.tolist()[0] == days[start]
    assert not any(day >= found.ends.tolist()[-1] for day in days)
    assert (found.values == 0).all()


@pytest.mark.parametrize(
    ("count", "others", "code"),
    [
        (5, {}, "RETURNS_LENGTH"),
        (6, {"cost_bps": -1.0}, "RETURNS_COSTS"),
        (6, {"cost_bps": math.nan}, "RETURNS_COSTS"),
        (6, {"start": 6}, "RETURNS_START"),
        (6, {"start": -1}, "RETURNS_START"),
    ],
)
def test_returns_of_what_makes_no_sense_are_refused(count: int, others: dict[str, float], code: str) -> None:
    """A decision too few, costs below zero, a start after the end."""
    calendar = weekdays(8)
    samples = samples_of([Row(calendar[n], calendar[n + 2]) for n in range(6)])

    with pytest.raises(InvalidValue) as caught:
        strategy_returns(samples, np.full(count, BUY), **{"cost_bps": 0.0, **others})

    assert caught.value.code == code


def test_overlapping_returns_would_flatter() -> None:
    """Why observations share no bar: one symbol held for good, labels of 10 days. Entry by entry the Sharpe ratio's
    t statistic is three times what the days themselves give; ours is no larger than theirs."""
    random = np.random.default_rng(2)
    daily = random.normal(0.0005, 0.01, 1_000)
    prices = np.cumprod(1 + daily)
    calendar = weekdays(1_000)
    earned = prices[10:] / prices[:-10] - 1
    samples = samples_of([Row(calendar[n], calendar[n + 10], earned=float(earned[n])) for n in range(990)])

    values = strategy_returns(samples, np.full(990, BUY), cost_bps=0).values

    def t(series: Array) -> float:
        return float(series.mean() / series.std(ddof=1) * math.sqrt(len(series)))

    assert len(values) == 99
    assert t(samples.earned) == pytest.approx(math.sqrt(10) * t(daily), rel=0.25)
    assert t(values) == pytest.approx(t(daily), rel=0.25)


def test_a_search_is_reported_with_all_its_trials() -> None:
    """Five trials on a market with an edge: the best by loss deflated by all five, and the probability of overfitting
    over them, equal to what the parts say by themselves. A trial so held back that it never trades has no ratio, and
    says so."""
    market = edge(days=260, seed=4, symbols="A", horizon=2)
    folds = walk_forward(market, test=70, rows_min=50)
    tuning = tune(market, lambda parameters: Logistic(**parameters), folds, seed=1, trials_max=5)

    found = search_report(market, tuning, cost_bps=10, blocks=4)

    returns = trial_returns(market, tuning, cost_bps=10)
    assert found.sharpes.keys() == tuning.predictions.keys() == set(returns.numbers)
    assert found.best == tuning.best.number
    for number, values in zip(returns.numbers, returns.values, strict=True):
        expected = pytest.approx(values.mean() / values.std()) if values.any() else None
        assert found.sharpes[number] == expected
    assert found.deflated is not None
    assert found.deflated.trials == 5
    assert found.deflated.sharpe == found.sharpes[found.best]
    assert found.overfitting == overfitting(returns.values, 4)
    idle = [number for number, ratio in found.sharpes.items() if ratio is None]
    assert found.undefined == {f"sharpe_{n}": "all 70 returns are 0.0: nothing varies" for n in idle}
    assert 0 < len(idle) < 4
    tested = np.concatenate([fold.test for fold in folds])
    assert set(returns.decided.tolist()) <= set(market.decided[tested].tolist())
    assert found.sharpes[found.best] > 0  # the edge is there, after costs


def test_a_search_of_one_trial_says_why_there_is_no_verdict() -> None:
    """One trial was not chosen from anything: no deflated ratio, no probability, and both reasons."""
    market = edge(days=260, seed=4, symbols="A", horizon=2)
    folds = walk_forward(market, test=70, rows_min=50)
    tuning = tune(market, lambda parameters: Logistic(**parameters), folds, seed=1, trials_max=1)

    found = search_report(market, tuning, cost_bps=10)

    assert (found.deflated, found.overfitting) == (None, None)
    assert found.undefined.keys() == {"deflated", "overfitting"}
    assert "expected two trials" in found.undefined["deflated"]
    assert found.sharpes[0] is not None
