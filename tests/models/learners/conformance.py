"""What every kind of model must do. A test module makes a class of it for its kind; test_kinds.py counts them.

The small hyper-parameters keep it fast: a few trees, a few units.
"""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import Any, ClassVar

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidValue, UnreadableInput
from models.classes import BUY, CLASSES, SELL
from models.learners import Classifier, Learner, learner, seal
from tests.models.learners.problems import TELLING, WIDTH, Problem, in_another_thread, log_loss, separable, unlearnable


class Stop(Exception):
    """What a tuner raises to end a trial."""


class Conformance:
    """kind: of KINDS; small: hyper-parameters to test with; rounds: reports of a fit; seeded: whether seeds matter."""

    kind: ClassVar[str]
    small: ClassVar[dict[str, Any]] = {}
    rounds: ClassVar[int] = 1
    seeded: ClassVar[bool] = False

    @pytest.fixture(scope="class")
    @classmethod
    def kind_of_model(cls) -> Learner:
        return learner(cls.kind, cls.small)

    @pytest.fixture(scope="class")
    @classmethod
    def problem(cls, kind_of_model: Learner) -> Problem:
        return separable(kind_of_model.steps, seed=1)

    @pytest.fixture(scope="class")
    @classmethod
    def fresh(cls, kind_of_model: Learner) -> Problem:
        return separable(kind_of_model.steps, seed=2, count=200)

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, kind_of_model: Learner, problem: Problem) -> Classifier:
        return kind_of_model.fit(*problem, seed=7)

    def test_probabilities_are_a_row_of_three_for_each_sample(self, model: Classifier, fresh: Problem) -> None:
        """One row a sample, none negative, each summing to one in float64."""
        found = model.probabilities(fresh.rows)

        assert found.shape == (200, 3)
        assert found.dtype == np.float64
        assert (found > 0).all()
        np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=0, atol=1e-15)

    def test_no_rows_give_no_probabilities(self, model: Classifier, fresh: Problem) -> None:
        """An empty batch is answered, with an empty table of three columns."""
        assert model.probabilities(fresh.rows[:0]).shape == (0, 3)

    def test_columns_are_in_the_order_of_the_classes(self, model: Classifier, fresh: Problem) -> None:
        """Where the answer is BUY, the BUY column is higher than elsewhere; the same for SELL."""
        found = model.probabilities(fresh.rows)

        for k in (BUY, SELL):
            assert found[fresh.target == k, k].mean() > found[fresh.target != k, k].mean() + 0.05, CLASSES[k]

    def test_the_same_seed_gives_the_same_bytes(
        self, kind_of_model: Learner, problem: Problem, model: Classifier
    ) -> None:
        """A model can be made again, byte for byte, from the same rows and seed; another seed is another model."""
        again, other = kind_of_model.fit(*problem, seed=7), kind_of_model.fit(*problem, seed=8)

        assert again.dump() == model.dump()
        assert (other.dump() != model.dump()) == self.seeded

    def test_bytes_give_the_same_model(self, model: Classifier, fresh: Problem) -> None:
        """A model that is read again says the same to the last bit, and its bytes stay the same.

        Whoever reads it knows its kind, and may have other hyper-parameters.
        """
        read = learner(self.kind).load(model.dump())

        np.testing.assert_array_equal(read.probabilities(fresh.rows), model.probabilities(fresh.rows))
        assert read.dump() == model.dump()

    def test_no_damaged_bytes_are_a_model(self, kind_of_model: Learner, model: Classifier) -> None:
        """Cut short anywhere, lengthened, or with one bit wrong anywhere: an error that says so, and never a crash."""
        whole = model.dump()
        random = np.random.default_rng(3)
        damaged = [whole[:cut] for cut in (1, len(whole) // 2, len(whole) - 1, len(whole) - 40)]
        damaged += [b"", b"\0", b"garbage", whole + b"\n", b" " + whole, whole[1:]]
        for place in [0, len(whole) - 1, *random.integers(0, len(whole), 50)]:
            one_bit = bytearray(whole)
            one_bit[place] ^= 1 << int(random.integers(8))
            damaged.append(bytes(one_bit))

        for data in damaged:
            with pytest.raises(UnreadableInput):
                kind_of_model.load(data)

    @pytest.mark.parametrize("body", [b"garbage", b"{}", b"[]", b"\xff\xfe\xfd" * 5])
    def test_a_seal_around_something_else_is_no_model(self, kind_of_model: Learner, body: bytes) -> None:
        """Bytes that are whole but hold no model of the kind are refused too."""
        with pytest.raises(UnreadableInput):
            kind_of_model.load(seal.sealed(self.kind, body))

    def test_a_missing_class_is_refused(self, kind_of_model: Learner, problem: Problem) -> None:
        """A model that has never seen SELL cannot say how likely it is. A SELL that weighs nothing is not seen."""
        for lacking in (
            problem.where(problem.target != SELL),
            problem._replace(weight=np.where(problem.target == SELL, 0.0, problem.weight)),
        ):
            with pytest.raises(InvalidValue, match="no sample is SELL") as raised:
                kind_of_model.fit(*lacking, seed=0)
            assert raised.value.code == "TRAINING_CLASS_MISSING"

    def test_shapes_that_do_not_fit_are_refused(
        self, kind_of_model: Learner, problem: Problem, model: Classifier
    ) -> None:
        """The error says which shape was expected and which it was."""
        rows, target, weight = problem
        for wrong in (rows[:, 0], np.concatenate([rows, rows], axis=1), rows[:, :, :0]):
            with pytest.raises(InvalidValue, match=r"rows must have the shape \(n, \d+, features\), it was"):
                kind_of_model.fit(wrong, target, weight, seed=0)
        for wrong in (rows[0], np.concatenate([rows, rows], axis=1), rows[:, :, 1:]):
            with pytest.raises(InvalidValue, match=rf"rows must have the shape \(n, \d+, {WIDTH}\), it was"):
                model.probabilities(wrong)
        for lacking in ((target[1:], weight), (target, weight[1:])):
            with pytest.raises(InvalidValue, match="one target and one weight for each of 600 rows"):
                kind_of_model.fit(rows, *lacking, seed=0)

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e39])
    def test_rows_that_are_not_finite_are_refused(
        self, kind_of_model: Learner, problem: Problem, model: Classifier, value: float
    ) -> None:
        """One wrong number, also one that only float64 can hold, is refused in a fit and in a prediction."""
        rows = problem.rows[:50].copy()
        rows[3, -1, 2] = value

        with pytest.raises(InvalidValue, match="finite"):
            kind_of_model.fit(rows, problem.target[:50], problem.weight[:50], seed=0)
        with pytest.raises(InvalidValue, match="finite"):
            model.probabilities(rows[3:4])

    def test_wrong_targets_weights_and_seeds_are_refused(self, kind_of_model: Learner, problem: Problem) -> None:
        """A class that does not exist, half a class, a weight below nothing or without a value, a seed below 0."""
        rows, target, weight = problem.where(slice(50))
        for wrong in (np.where(target == SELL, 3, target), np.where(target == SELL, -1, target), target * 1.0):
            with pytest.raises(InvalidValue, match="targets must be whole numbers from 0 to 2"):
                kind_of_model.fit(rows, wrong, weight, seed=0)
        for value in (-1.0, math.nan, math.inf):
            with pytest.raises(InvalidValue, match="weights must be finite and not negative"):
                kind_of_model.fit(rows, target, np.where(target == SELL, value, weight), seed=0)
        with pytest.raises(InvalidValue, match="seed"):
            kind_of_model.fit(rows, target, weight, seed=-1)

    def test_a_row_of_weight_zero_changes_nothing(
        self, kind_of_model: Learner, problem: Problem, model: Classifier
    ) -> None:
        """The same bytes with and without rows that weigh nothing, however strange they are."""
        more = unlearnable(kind_of_model.steps, seed=5, count=100)
        rows = np.concatenate([problem.rows, 1e6 * more.rows])
        target = np.concatenate([problem.target, more.target])
        weight = np.concatenate([problem.weight, np.zeros(100)])

        assert kind_of_model.fit(rows, target, weight, seed=7).dump() == model.dump()

    def test_weight_counts(self, kind_of_model: Learner) -> None:
        """Where rows say nothing, three times the weight on BUY makes BUY more likely: 3/5 and not 1/3."""
        rows, target, _ = unlearnable(kind_of_model.steps, seed=6)

        heavy = kind_of_model.fit(rows, target, np.where(target == BUY, 3.0, 1.0), seed=7).probabilities(rows)
        even = kind_of_model.fit(rows, target, np.ones(len(target)), seed=7).probabilities(rows)

        assert heavy[:, BUY].mean() > even[:, BUY].mean() + 0.1

    def test_a_row_gets_the_same_alone_and_among_others(self, model: Classifier, fresh: Problem) -> None:
        """Online, one row at a time, and offline, in batches of any size: equal to the last bit."""
        together = model.probabilities(fresh.rows)

        for size in (1, 7):
            parts = [model.probabilities(fresh.rows[start : start + size]) for start in range(0, 200, size)]
            np.testing.assert_array_equal(np.concatenate(parts), together)

    def test_it_learns_what_is_there(self, model: Classifier, fresh: Problem) -> None:
        """On rows that it has not seen it is clearly better than ln 3, where one column tells the answer."""
        found = log_loss(model.probabilities(fresh.rows), fresh.target)

        assert found < 0.9 * math.log(3)

    def test_it_finds_nothing_where_nothing_is(self, kind_of_model: Learner) -> None:
        """On targets that have nothing to do with the rows, nobody beats ln 3 on rows that were not learnt from."""
        model = kind_of_model.fit(*unlearnable(kind_of_model.steps, seed=11), seed=7)
        fresh = unlearnable(kind_of_model.steps, seed=12, count=2_000)

        assert log_loss(model.probabilities(fresh.rows), fresh.target) > math.log(3) - 0.01

    def test_another_thread_may_use_it(self, model: Classifier, fresh: Problem) -> None:
        """A model that one thread made gives the same in another."""
        np.testing.assert_array_equal(
            in_another_thread(lambda: model.probabilities(fresh.rows)), model.probabilities(fresh.rows)
        )

    def test_the_loss_of_watched_rows_is_reported(
        self, kind_of_model: Learner, problem: Problem, fresh: Problem, model: Classifier
    ) -> None:
        """After each round; the last report is the finished model's loss. Watching changes nothing in the model."""
        reports: list[tuple[int, float]] = []
        done: list[float] = []

        watched = kind_of_model.fit(
            *problem, seed=7, watch=fresh, report=lambda *one: reports.append(one), progress=done.append
        )

        expected = -np.average(
            np.log(watched.probabilities(fresh.rows)[np.arange(200), fresh.target]), weights=fresh.weight
        )
        assert [number for number, _ in reports] == list(range(self.rounds))
        assert reports[-1][1] == pytest.approx(expected, abs=1e-6)
        assert watched.dump() == model.dump()
        assert done == sorted(done)
        assert done[-1] == 1.0

    def test_a_report_may_end_the_fit(self, kind_of_model: Learner, problem: Problem, fresh: Problem) -> None:
        """What a tuner raises comes out of the fit as it is, at once."""
        calls: list[int] = []

        def report(number: int, loss: float) -> None:
            calls.append(number)
            raise Stop

        with pytest.raises(Stop):
            kind_of_model.fit(*problem, seed=7, watch=fresh, report=report)
        assert calls == [0]

    def test_a_report_needs_rows_to_watch(self, kind_of_model: Learner, problem: Problem, fresh: Problem) -> None:
        """A tuner that forgets them is told, and so is one whose rows do not fit or weigh nothing."""
        for watch in (None, fresh.where(slice(0)), fresh._replace(weight=0 * fresh.weight)):
            with pytest.raises(InvalidValue, match="a report needs rows to watch"):
                kind_of_model.fit(*problem, seed=7, watch=watch, report=lambda number, loss: None)
        narrow = fresh._replace(rows=fresh.rows[:, :, 1:])
        with pytest.raises(InvalidValue, match="rows must have the shape"):
            kind_of_model.fit(*problem, seed=7, watch=narrow, report=lambda number, loss: None)

    def test_any_finite_row_gets_probabilities(self, model: Classifier, fresh: Problem) -> None:
        """However far a row is from all that was learnt from, the answer is three probabilities."""

        @settings(max_examples=30, deadline=None)
        @given(st.lists(st.floats(-3e38, 3e38), min_size=WIDTH, max_size=WIDTH))
        def holds(values: list[float]) -> None:
            found = model.probabilities(np.broadcast_to(values, (1, *fresh.rows.shape[1:])))

            assert found.sum() == pytest.approx(1.0, abs=1e-15)
            assert (found >= 0).all()

        holds()

    def test_its_parameters_make_it_again(self, kind_of_model: Learner) -> None:
        """What meta.json keeps of a learner makes it again: numbers and words. A learner cannot be changed."""
        assert learner(self.kind, kind_of_model.parameters) == kind_of_model
        assert kind_of_model.kind == self.kind
        assert {**kind_of_model.parameters, **self.small} == kind_of_model.parameters
        assert {type(value) for value in kind_of_model.parameters.values()} <= {int, float, str, bool}
        with pytest.raises(FrozenInstanceError):
            kind_of_model.kind = "other"  # type: ignore[misc]

    def test_unknown_and_wrong_parameters_are_refused(self) -> None:
        """A name that it does not know, and for each that it knows: text, nothing, and numbers that make no sense."""
        with pytest.raises(InvalidValue, match=f"{self.kind}.*unknown_name") as raised:
            learner(self.kind, {"unknown_name": 1})
        assert raised.value.code == "MODEL_PARAMETER_UNKNOWN"
        for name in learner(self.kind).parameters:
            for value in ("3", None, True, math.nan, math.inf, -1, 1e300):
                with pytest.raises(InvalidValue, match=f"{self.kind}: {name} must be"):
                    learner(self.kind, {name: value})

    def test_what_it_suggests_can_be_tried(self) -> None:
        """Thirty trials of a tuner's: each is a learner; what is not suggested keeps its default."""
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
        found = [type(learner(self.kind)).suggest(study.ask()) for _ in range(30)]

        for suggested in found:
            assert dict(learner(self.kind, suggested).parameters) == {**learner(self.kind).parameters, **suggested}
        assert len({str(suggested) for suggested in found}) == (30 if found[0] else 1)

    def test_it_looks_at_the_column_that_tells(self, model: Classifier, fresh: Problem) -> None:
        """Without that column's numbers it is no better than chance: what it knows, it knows from there."""
        blind = fresh.rows.copy()
        blind[:, :, TELLING] = 0.0

        assert log_loss(model.probabilities(blind), fresh.target) > 0.99 * math.log(3)
