"""The baselines: majority class, lagged logistic, permuted labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.features import FEATURE_NAMES
from models.learners import Classifier
from models.learners.logistic import LaggedLogistic
from models.learners.majority import Majority
from models.learners.permuted import PermutedLabels
from models.learners.xgb import XGBoost
from tests.models.learners.conformance import Conformance
from tests.models.learners.problems import WIDTH, Problem, log_loss, separable, unlearnable


class TestMajority(Conformance):
    kind = "majority"

    def test_columns_are_in_the_order_of_the_classes(self, model: Classifier, fresh: Problem) -> None:
        """Every row gets the same, whatever it says. The order of the columns: see below."""
        assert len(np.unique(model.probabilities(fresh.rows), axis=0)) == 1

    def test_it_learns_what_is_there(self, model: Classifier, fresh: Problem) -> None:
        """That is how often each class comes: where that is a third each, ln 3 is what it achieves, and not less."""
        assert log_loss(model.probabilities(fresh.rows), fresh.target) == pytest.approx(math.log(3), abs=0.01)

    def test_its_probabilities_are_the_weighted_shares(self) -> None:
        """By hand: weights 1 + 2 for BUY, 4 for SELL, 1 for HOLD, of 8."""
        rows = np.zeros((4, 1, WIDTH))

        model = Majority().fit(rows, np.array([0, 1, 0, 2]), np.array([1.0, 4.0, 2.0, 1.0]), seed=0)

        np.testing.assert_array_equal(model.probabilities(rows[:2]), [[3 / 8, 4 / 8, 1 / 8]] * 2)

    @settings(max_examples=50, deadline=None)
    @given(
        quarters=st.lists(st.integers(1, 100), min_size=6, max_size=30),
        place=st.integers(0, 5),
    )
    def test_twice_the_weight_is_the_row_twice(self, quarters: list[int], place: int) -> None:
        """A row that weighs double is the same as the row given twice, byte for byte."""
        weight = np.array(quarters) / 4
        target = np.arange(len(weight)) % 3
        rows = np.zeros((len(weight) + 1, 1, WIDTH))
        doubled = weight.copy()
        doubled[place] *= 2

        once = Majority().fit(rows[1:], target, doubled, seed=0)
        twice = Majority().fit(rows, np.append(target, target[place]), np.append(weight, weight[place]), seed=0)

        assert once.dump() == twice.dump()


class TestLaggedLogistic(Conformance):
    kind = "logistic"

    def test_it_is_scikit_learn_s_regression_on_three_returns(self) -> None:
        """The same probabilities as scikit-learn's own pipeline gives, fitted on the columns of the returns."""
        problem, fresh = separable(1, seed=21), separable(1, seed=22)
        columns = [FEATURE_NAMES.index(name) for name in ("return_1", "return_5", "return_10")]
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
        pipeline.fit(
            problem.rows[:, 0, columns],
            problem.target,
            standardscaler__sample_weight=problem.weight,
            logisticregression__sample_weight=problem.weight,
        )

        model = LaggedLogistic().fit(*problem, seed=0)

        np.testing.assert_allclose(
            model.probabilities(fresh.rows), pipeline.predict_proba(fresh.rows[:, 0, columns]), rtol=0, atol=1e-6
        )

    def test_it_sees_the_returns_alone(self) -> None:
        """Other columns may be anything: the answers stay the same."""
        problem = separable(1, seed=23, count=100)
        model = LaggedLogistic().fit(*problem, seed=0)
        others = [k for k, name in enumerate(FEATURE_NAMES) if name not in ("return_1", "return_5", "return_10")]
        changed = problem.rows.copy()
        changed[:, :, others] = 123.0

        np.testing.assert_array_equal(model.probabilities(changed), model.probabilities(problem.rows))


class TestPermutedLabels:
    def test_it_learns_nothing_from_what_can_be_learnt(self) -> None:
        """Where the learner itself is far below ln 3, with permuted targets it is not."""
        problem, fresh = separable(1, seed=31), separable(1, seed=32)
        of = XGBoost(n_estimators=20)

        own = log_loss(of.fit(*problem, seed=0).probabilities(fresh.rows), fresh.target)
        permuted = log_loss(PermutedLabels(of).fit(*problem, seed=0).probabilities(fresh.rows), fresh.target)

        assert own < 0.9 * math.log(3)
        assert permuted > math.log(3) - 0.01

    def test_the_shares_of_the_classes_stay(self) -> None:
        """Targets take their weights along: the majority baseline of permuted targets is the same, up to rounding."""
        problem = separable(1, seed=33)

        own = Majority().fit(*problem, seed=0).probabilities(problem.rows[:1])
        permuted = PermutedLabels(Majority()).fit(*problem, seed=0).probabilities(problem.rows[:1])

        np.testing.assert_allclose(permuted, own, rtol=1e-12)

    def test_the_seed_says_the_order(self) -> None:
        """The same seed permutes the same way; another does not, even for a learner that itself ignores the seed."""
        problem = separable(1, seed=34, count=200)
        learner = PermutedLabels(LaggedLogistic())

        first, again, other = (learner.fit(*problem, seed=seed).dump() for seed in (1, 1, 2))

        assert first == again
        assert first != other
        assert first != LaggedLogistic().fit(*problem, seed=1).dump()

    def test_it_says_whose_labels_were_permuted(self) -> None:
        """Its parameters are the learner's and its kind, so that a record of trials can tell them apart."""
        of = XGBoost(n_estimators=5)

        assert PermutedLabels(of).parameters == {**of.parameters, "permuted": "xgboost"}
        assert PermutedLabels(of).steps == 1

    def test_its_models_are_the_learner_s(self) -> None:
        """It reads what it wrote; watched rows keep their own targets, so their loss is an honest one."""
        problem, fresh = unlearnable(1, seed=35), separable(1, seed=36, count=100)
        learner = PermutedLabels(XGBoost(n_estimators=5))
        reports: list[float] = []

        model = learner.fit(*problem, seed=0, watch=fresh, report=lambda number, loss: reports.append(loss))
        expected = -np.average(
            np.log(model.probabilities(fresh.rows)[np.arange(100), fresh.target]), weights=fresh.weight
        )

        np.testing.assert_array_equal(
            learner.load(model.dump()).probabilities(fresh.rows), model.probabilities(fresh.rows)
        )
        assert reports[-1] == pytest.approx(expected, abs=1e-6)
