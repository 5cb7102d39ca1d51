"""XGBoost and LightGBM: they are what their own libraries make, explained exactly."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import lightgbm
import numpy as np
import xgboost

from models.learners import Explaining, Learner, learner
from models.learners.lgbm import LightGBM
from models.learners.xgb import XGBoost
from tests.models.learners.conformance import Conformance
from tests.models.learners.problems import TELLING, WIDTH, Problem, in_another_thread, separable


class Explained(Conformance):
    """What both libraries must do beside the rest: say what each feature did."""

    @abstractmethod
    def margins(self, file: Path, rows: np.ndarray) -> np.ndarray:
        """The softmax's arguments, by the library itself out of the model's file."""

    def test_contributions_sum_to_the_margin(self, model: Explaining, fresh: Problem, tmp_path: Path) -> None:
        """SHAP values add up to what the library itself computes from the model's file, for each row and class.

        That the library opens the file shows too that its seal is in nobody's way.
        """
        file = tmp_path / "model.ubj"
        file.write_bytes(model.dump())

        found = model.contributions(fresh.rows)

        assert found.shape == (200, 3, WIDTH + 1)
        np.testing.assert_allclose(found.sum(axis=2), self.margins(file, fresh.rows[:, 0]), rtol=0, atol=1e-5)

    def test_margins_make_the_probabilities(self, model: Explaining, fresh: Problem) -> None:
        """exp of a row's margins over their sum is the row's probabilities: the contributions are of this model."""
        margins = np.exp(model.contributions(fresh.rows).sum(axis=2))

        np.testing.assert_allclose(
            margins / margins.sum(axis=1, keepdims=True), model.probabilities(fresh.rows), rtol=0, atol=1e-6
        )

    def test_the_column_that_tells_contributes_most(self, model: Explaining, fresh: Problem) -> None:
        """Of all columns, the one that decides has by far the largest mean contribution."""
        size = np.abs(model.contributions(fresh.rows))[:, :, :-1].mean(axis=(0, 1))

        assert size.argmax() == TELLING
        assert size[TELLING] > 5 * np.delete(size, TELLING).max()

    def test_no_rows_have_no_contributions(self, model: Explaining, fresh: Problem) -> None:
        """An empty batch is answered, with an empty table of the right shape."""
        assert model.contributions(fresh.rows[:0]).shape == (0, 3, WIDTH + 1)

    def test_another_thread_may_explain(self, model: Explaining, fresh: Problem) -> None:
        """Contributions are the same in another thread, and of a row alone."""
        together = model.contributions(fresh.rows)

        np.testing.assert_array_equal(in_another_thread(lambda: model.contributions(fresh.rows)), together)
        np.testing.assert_array_equal(model.contributions(fresh.rows[5:6]), together[5:6])

    def test_few_rows_give_a_model(self, kind_of_model: Learner) -> None:
        """Three rows cannot be split: no tree, and the three classes are equally likely."""
        problem = separable(1, seed=41).where([0, 1, 2])._replace(target=np.arange(3), weight=np.ones(3))

        np.testing.assert_allclose(
            kind_of_model.fit(*problem, seed=0).probabilities(problem.rows), np.full((3, 3), 1 / 3), atol=1e-6
        )


class TestXGBoost(Explained):
    kind = "xgboost"
    small = {"n_estimators": 20, "learning_rate": 0.1}  # noqa: RUF012
    rounds = 20
    seeded = True

    def margins(self, file: Path, rows: np.ndarray) -> np.ndarray:
        return xgboost.Booster(model_file=file).predict(xgboost.DMatrix(rows), output_margin=True)

    def test_its_size_by_default(self) -> None:
        """200 trees of depth 6, and what else was chosen; one round is one tree for each of the three classes."""
        assert learner("xgboost").parameters == {
            "n_estimators": 200,
            "max_depth": 6,
            "learning_rate": 0.03,
            "subsample": 0.7,
            "colsample_bytree": 0.7,
            "min_child_weight": 10.0,
            "reg_lambda": 1.0,
        }

    def test_it_is_what_the_library_makes(self, tmp_path: Path) -> None:
        """With its defaults: the probabilities of XGBClassifier with the same numbers; 600 trees in the file."""
        problem, fresh = separable(1, seed=42), separable(1, seed=43)
        peer = xgboost.XGBClassifier(
            objective="multi:softprob",
            n_estimators=200,
            max_depth=6,
            learning_rate=0.03,
            subsample=0.7,
            colsample_bytree=0.7,
            min_child_weight=10,
            tree_method="hist",
            random_state=5,
            n_jobs=1,
        ).fit(problem.rows[:, 0], problem.target, sample_weight=problem.weight)

        model = XGBoost().fit(*problem, seed=5)
        (tmp_path / "model.ubj").write_bytes(model.dump())

        np.testing.assert_allclose(
            model.probabilities(fresh.rows), peer.predict_proba(fresh.rows[:, 0]), rtol=0, atol=1e-6
        )
        assert len(xgboost.Booster(model_file=tmp_path / "model.ubj").get_dump()) == 600


class TestLightGBM(Explained):
    kind = "lightgbm"
    small = {"n_estimators": 20, "learning_rate": 0.1}  # noqa: RUF012
    rounds = 20
    seeded = True

    def margins(self, file: Path, rows: np.ndarray) -> np.ndarray:
        return lightgbm.Booster(model_file=file).predict(rows, raw_score=True)

    def test_its_size_by_default(self) -> None:
        """200 rounds, depth 6 and 31 leaves, and what else was chosen."""
        assert learner("lightgbm").parameters == {
            "n_estimators": 200,
            "max_depth": 6,
            "num_leaves": 31,
            "learning_rate": 0.03,
            "bagging_fraction": 0.7,
            "feature_fraction": 0.7,
            "min_data_in_leaf": 20,
            "lambda_l2": 1.0,
        }

    def test_it_is_what_the_library_makes(self) -> None:
        """With its defaults: the probabilities of LGBMClassifier with the same numbers."""
        problem, fresh = separable(1, seed=42), separable(1, seed=43)
        peer = lightgbm.LGBMClassifier(
            n_estimators=200,
            max_depth=6,
            num_leaves=31,
            learning_rate=0.03,
            subsample=0.7,
            subsample_freq=1,
            colsample_bytree=0.7,
            min_child_samples=20,
            reg_lambda=1.0,
            random_state=5,
            n_jobs=1,
            deterministic=True,
            force_row_wise=True,
            verbose=-1,
        ).fit(problem.rows[:, 0], problem.target, sample_weight=problem.weight)

        model = LightGBM().fit(*problem, seed=5)

        np.testing.assert_allclose(
            model.probabilities(fresh.rows), peer.predict_proba(fresh.rows[:, 0]), rtol=0, atol=1e-12
        )

    def test_threads_are_not_part_of_the_model(self, problem: Problem, model: Explaining) -> None:
        """With two threads as with one, the same bytes; they do not say so, and nor do its parameters."""
        parallel = LightGBM(**self.small, threads=2)

        assert "threads" not in parallel.parameters
        assert parallel.fit(*problem, seed=7).dump() == model.dump()
