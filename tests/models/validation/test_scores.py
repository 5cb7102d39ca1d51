"""Goal: each figure is what its name says, and one that cannot be is none. Method: examples worked by hand."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from sklearn.calibration import calibration_curve

from domain.errors import InvalidValue
from models.classes import BUY, CLASSES, HOLD, SELL
from models.features import Array
from models.learners.base import Targets
from models.validation import scores as module
from models.validation.scores import ModelScores, score
from models.validation.summary import interval, mean_roc, summary

TARGET = np.array([BUY, BUY, SELL, SELL, HOLD, HOLD])
PROBABILITIES = np.array(
    [
        [0.7, 0.2, 0.1],  # right
        [0.3, 0.6, 0.1],  # wrong: SELL
        [0.2, 0.5, 0.3],  # right
        [0.1, 0.4, 0.5],  # wrong: HOLD
        [0.25, 0.25, 0.5],  # right
        [0.5, 0.1, 0.4],  # wrong: BUY
    ]
)
WEIGHT = np.array([2.0, 1.0, 2.0, 1.0, 2.0, 1.0])
OWN = [0.7, 0.3, 0.5, 0.4, 0.5, 0.4]


def test_six_rows_by_hand() -> None:
    """Accuracy 3/6, weighted 6/9; confusion, F1, log loss and Brier score as worked out on paper."""
    found = score(TARGET, PROBABILITIES, weight=WEIGHT)

    assert (found.rows, found.classes) == (6, {"BUY": 2, "SELL": 2, "HOLD": 2})
    assert found.accuracy == 0.5
    assert found.accuracy_weighted == pytest.approx(6 / 9)
    assert found.confusion == ((1, 1, 0), (0, 1, 1), (1, 0, 1))
    assert found.f1 == pytest.approx({"BUY": 0.5, "SELL": 0.5, "HOLD": 0.5})
    assert found.macro_f1 == pytest.approx(0.5)
    assert found.log_loss == pytest.approx(-sum(math.log(p) for p in OWN) / 6)
    assert found.log_loss_weighted == pytest.approx(-sum(w * math.log(p) for w, p in zip(WEIGHT, OWN, strict=True)) / 9)
    squares = [
        0.3**2 + 0.2**2 + 0.1**2,
        0.7**2 + 0.6**2 + 0.1**2,
        0.2**2 + 0.5**2 + 0.3**2,
        0.1**2 + 0.6**2 + 0.5**2,
        0.25**2 + 0.25**2 + 0.5**2,
        0.5**2 + 0.1**2 + 0.6**2,
    ]
    assert found.brier == pytest.approx(sum(squares) / 6)
    assert found.brier_weighted == pytest.approx(sum(w * s for w, s in zip(WEIGHT, squares, strict=True)) / 9)
    assert found.undefined == {}


def test_a_row_without_weight_does_not_count() -> None:
    """With the wrong rows at weight 0 the weighted figures are those of the right rows alone."""
    right = np.array([1.0, 0.0, 1.0, 0.0, 1.0, 0.0])

    found = score(TARGET, PROBABILITIES, weight=right)

    assert found.accuracy_weighted == 1.0
    assert found.log_loss_weighted == score(TARGET[::2], PROBABILITIES[::2]).log_loss


def test_the_auc_counts_pairs() -> None:
    """Of 8 pairs of a BUY row and another 7 are in order: 0.7 is above all four others, 0.3 above three of them."""
    found = score(TARGET, PROBABILITIES)

    for k, kind in enumerate(CLASSES):
        own, others = PROBABILITIES[k == TARGET, k], PROBABILITIES[k != TARGET, k]
        pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in own for b in others]
        assert found.auc[kind] == pytest.approx(sum(pairs) / len(pairs))
    assert found.auc["BUY"] == pytest.approx(7 / 8)
    assert found.auc_macro == pytest.approx(sum(found.auc[kind] or 0 for kind in CLASSES) / 3)


def test_equal_probabilities_are_the_zero_of_the_scale() -> None:
    """A third each: log loss ln 3, Brier 2/3, AUC one half; the calibration is perfect when classes are balanced."""
    found = score(TARGET, np.full((6, 3), 1 / 3))

    assert found.log_loss == pytest.approx(math.log(3))
    assert found.brier == pytest.approx(2 / 3)
    assert found.auc == {"BUY": 0.5, "SELL": 0.5, "HOLD": 0.5}
    assert found.calibration_error == pytest.approx({"BUY": 0.0, "SELL": 0.0, "HOLD": 0.0})


def test_a_class_that_no_row_is_has_no_figure_and_a_reason() -> None:
    """A fold without SELL: its F1 and AUC, and the means that would need them, are None; the rest is as it would be."""
    rows = TARGET != SELL

    found = score(TARGET[rows], PROBABILITIES[rows])

    assert (found.f1["SELL"], found.auc["SELL"], found.macro_f1, found.auc_macro) == (None, None, None, None)
    assert found.undefined == {
        "f1_SELL": "no row is SELL",
        "auc_SELL": "no row is SELL",
        "macro_f1": "no row is SELL",
        "auc_macro": "no row is SELL",
        "accuracy_weighted": "no weights were given",
        "log_loss_weighted": "no weights were given",
        "brier_weighted": "no weights were given",
    }
    assert "SELL" not in found.roc
    assert found.accuracy == 0.5
    assert found.f1["BUY"] == pytest.approx(0.5)
    assert found.log_loss == pytest.approx(-sum(math.log(p) for p in (0.7, 0.3, 0.5, 0.4)) / 4)


def test_rows_of_one_class_alone() -> None:
    """Every row HOLD: nothing tells it apart from others, so no class has an AUC, and the reasons differ."""
    found = score(np.full(3, HOLD), PROBABILITIES[3:])

    assert found.auc == {"BUY": None, "SELL": None, "HOLD": None}
    assert found.undefined["auc_HOLD"] == "every row is HOLD"
    assert found.undefined["auc_macro"] == "no row is BUY; no row is SELL; every row is HOLD"
    assert found.f1["HOLD"] == pytest.approx(2 * 2 / (2 * 2 + 1))


def test_decisions_alone_have_no_losses() -> None:
    """Buy and hold gives no probabilities: accuracy, F1 and confusion are there, the others say why they are not."""
    found = score(TARGET, None, decisions=np.full(6, BUY), weight=WEIGHT)

    assert found.accuracy == pytest.approx(2 / 6)
    assert found.accuracy_weighted == pytest.approx(3 / 9)
    assert found.f1 == pytest.approx({"BUY": 2 * 2 / (2 * 2 + 4), "SELL": 0.0, "HOLD": 0.0})
    missing = {name for name, value in found.figures().items() if value is None}
    assert missing == set(found.undefined)
    assert set(found.undefined.values()) == {"there are no probabilities, only decisions"}
    assert (found.reliability["BUY"], found.roc) == ((), {})


@settings(max_examples=60, deadline=None)
@given(
    target=hnp.arrays(np.int64, st.integers(1, 30), elements=st.integers(0, 2)),
    seed=st.integers(0, 99),
    with_weight=st.booleans(),
    with_probabilities=st.booleans(),
)
def test_a_figure_is_a_number_or_has_a_reason(
    target: Targets, seed: int, with_weight: bool, with_probabilities: bool
) -> None:
    """Whatever the rows: what is None is named with its reason, nothing else is, and no figure is NaN."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(3, 0.3), len(target))
    found = score(
        target,
        probabilities if with_probabilities else None,
        decisions=None if with_probabilities else random.integers(0, 3, len(target)),
        weight=random.uniform(0.1, 2, len(target)) if with_weight else None,
    )

    assert {name for name, value in found.figures().items() if value is None} == set(found.undefined)
    assert all(math.isfinite(value) for value in found.figures().values() if value is not None)
    assert msgspec.json.decode(msgspec.json.encode(found), type=ModelScores) == found


def test_a_certain_mistake_costs_much_but_not_everything() -> None:
    """Probability 0 of the class counts as 2.2e-16: one of two rows wrong costs half of 36.04 nats."""
    found = score(np.array([BUY, SELL]), np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))

    assert found.log_loss == pytest.approx(-math.log(2.0**-52) / 2, rel=1e-6)


def test_the_roc_curve_is_thinned_and_keeps_its_ends() -> None:
    """Of a thousand rows' curve 101 points are left, from (0, 0) to (1, 1), rising, with nearly the same area."""
    random = np.random.default_rng(3)
    target = random.integers(0, 3, 1_000)
    probabilities = random.dirichlet(np.ones(3), 1_000)

    found = score(target, probabilities)

    curve = found.roc["BUY"]
    false, true = np.array(curve.false_positive_rate), np.array(curve.true_positive_rate)
    assert len(false) == len(true) == module.ROC_POINTS_MAX
    assert (false[0], true[0], false[-1], true[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert (np.diff(false) >= 0).all()
    assert (np.diff(true) >= 0).all()
    assert np.trapezoid(true, false) == pytest.approx(found.auc["BUY"], abs=0.01)


def test_reliability_is_the_curve_of_scikit_learn() -> None:
    """The tenths are those of `calibration_curve`; the calibration error is their mean distance, by rows."""
    random = np.random.default_rng(4)
    probabilities = random.dirichlet(np.ones(3), 400)
    target = np.array([random.choice(3, p=row) for row in probabilities])

    found = score(target, probabilities)

    for k, kind in enumerate(CLASSES):
        observed, predicted = calibration_curve(target == k, probabilities[:, k], n_bins=10)
        bins = found.reliability[kind]
        assert [one.observed for one in bins] == pytest.approx(observed)
        assert [one.predicted for one in bins] == pytest.approx(predicted)
        assert sum(one.rows for one in bins) == 400
        gaps = sum(one.rows * abs(a - b) for one, a, b in zip(bins, observed, predicted, strict=True))
        assert found.calibration_error[kind] == pytest.approx(gaps / 400)


def test_a_calibration_error_by_hand() -> None:
    """Ten rows at 0.8, of which five are right: the error is 0.3; a probability of 1 falls into the last tenth."""
    target = np.array([BUY] * 5 + [HOLD] * 5)

    found = score(target, np.tile([0.8, 0.0, 0.2], (10, 1)))

    assert found.calibration_error["BUY"] == pytest.approx(0.3)
    assert score(target, np.tile([1.0, 0.0, 0.0], (10, 1))).calibration_error["BUY"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("target", "probabilities", "others", "code"),
    [
        (np.empty(0, dtype=np.int64), np.empty((0, 3)), {}, "SCORES_EMPTY"),
        (TARGET, None, {}, "SCORES_NOTHING"),
        (np.array([3]), np.full((1, 3), 1 / 3), {}, "SCORES_CLASS"),
        (TARGET, PROBABILITIES, {"decisions": np.array([BUY])}, "SCORES_CLASS"),
        (TARGET, PROBABILITIES[:5], {}, "SCORES_PROBABILITIES"),
        (TARGET, PROBABILITIES * 1.1, {}, "SCORES_PROBABILITIES"),
        (TARGET[:1], np.array([[np.nan, 0.5, 0.5]]), {}, "SCORES_PROBABILITIES"),
        (TARGET[:1], np.array([[1.5, -0.5, 0.0]]), {}, "SCORES_PROBABILITIES"),
        (TARGET, PROBABILITIES, {"weight": np.ones(5)}, "SCORES_WEIGHT"),
        (TARGET, PROBABILITIES, {"weight": np.array([1.0, 1, 1, 1, 1, -1])}, "SCORES_WEIGHT"),
        (TARGET, PROBABILITIES, {"weight": np.array([1.0, 1, 1, 1, 1, np.nan])}, "SCORES_WEIGHT"),
        (TARGET, PROBABILITIES, {"weight": np.zeros(6)}, "SCORES_WEIGHT"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    target: Targets, probabilities: Array | None, others: dict[str, np.ndarray], code: str
) -> None:
    """No rows, no class of ours, and numbers that are no probabilities or weights are clear errors, not scores."""
    with pytest.raises(InvalidValue) as caught:
        score(target, probabilities, **others)

    assert caught.value.code == code


def test_an_interval_over_folds_by_hand() -> None:
    """0.3, 0.4 and 0.5: mean 0.4, deviation 0.1, and 4.303 (t with 2 degrees of freedom) times 0.1 / sqrt(3) around."""
    found = interval([0.3, 0.4, 0.5, None])

    assert (found.folds, found.undefined, found.minimum, found.maximum) == (3, 1, 0.3, 0.5)
    assert found.mean == pytest.approx(0.4)
    assert found.deviation == pytest.approx(0.1)
    assert found.high == pytest.approx(0.4 + 4.302653 * 0.1 / math.sqrt(3))
    assert found.low == pytest.approx(0.4 - 4.302653 * 0.1 / math.sqrt(3))
    low, high = stats.t.interval(0.9, 2, loc=0.4, scale=stats.sem([0.3, 0.4, 0.5]))
    ninety = interval([0.3, 0.4, 0.5], level=0.9)
    assert (ninety.low, ninety.high) == (pytest.approx(low), pytest.approx(high))


def test_one_fold_has_no_interval() -> None:
    """One value says nothing of its spread; none says nothing at all; neither becomes a zero."""
    one, none = interval([0.4]), interval([None, None])

    assert (one.mean, one.deviation, one.low, one.high) == (0.4, None, None, None)
    assert (none.folds, none.undefined, none.mean, none.minimum, none.low) == (0, 2, None, None, None)


def test_the_summary_has_every_figure() -> None:
    """Each figure of a fold has its interval; where a fold has none it is counted, not averaged as zero."""
    folds = [score(TARGET, PROBABILITIES), score(TARGET[:4], PROBABILITIES[:4])]

    found = summary(folds)

    assert found.keys() == folds[0].figures().keys()
    assert found["accuracy"].mean == pytest.approx((3 / 6 + 2 / 4) / 2)
    assert (found["auc_HOLD"].folds, found["auc_HOLD"].undefined) == (1, 1)
    assert found["auc_HOLD"].mean == folds[0].auc["HOLD"]
    assert found["brier_weighted"].mean is None
    for call in (lambda: summary([]), lambda: mean_roc([]), lambda: summary(folds, level=1.0)):
        with pytest.raises(InvalidValue, match=r"folds|level"):
            call()


def test_the_mean_roc_curve_is_the_mean_at_each_rate() -> None:
    """A fold that tells BUY apart perfectly and one that does not at all: half way between 1 and the diagonal."""
    target = np.array([BUY, BUY, HOLD, SELL])
    perfect = score(target, np.array([[1.0, 0, 0], [1.0, 0, 0], [0, 0, 1.0], [0, 1.0, 0]]))
    blind = score(target, np.full((4, 3), 1 / 3))

    curve = mean_roc([perfect, blind])["BUY"]

    rate = np.array(curve.false_positive_rate)
    assert curve.folds == 2
    np.testing.assert_allclose(curve.mean[1:], (1 + rate[1:]) / 2)
    assert (curve.mean[0], curve.mean[-1]) == (0.0, 1.0)
    assert curve.low is not None
    assert curve.high is not None
    assert all(0 <= low <= mean <= high <= 1 for low, mean, high in zip(curve.low, curve.mean, curve.high, strict=True))
    assert mean_roc([perfect])["BUY"].low is None
    assert mean_roc([score(np.array([BUY]), np.full((1, 3), 1 / 3))]) == {}
