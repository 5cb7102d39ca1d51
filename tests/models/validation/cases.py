"""Small samples made by hand or from a seed, and learners that tests can look into."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, ClassVar

import numpy as np
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from domain.errors import UnavailableError
from models.classes import BUY, HOLD, SELL
from models.features import FEATURES, Array
from models.learners.base import Classifier, Learner, Parameters, Progress, Targets
from models.samples import Samples

FIRST = date(2020, 1, 1)


def weekdays(count: int, first: date = FIRST) -> list[date]:
    """The next `count` days from Monday to Friday."""
    days = (first + timedelta(days=n) for n in itertools.count())
    return list(itertools.islice((day for day in days if day.weekday() < 5), count))


@dataclass(frozen=True)
class Row:
    """A decision, in the words of its day and the last day that its label looks at."""

    decided: date
    ends: date
    symbol: str = "A"
    target: int = HOLD
    earned: float = 0.0


def samples_of(rows: Sequence[Row], features: Array | None = None) -> Samples:
    """Samples of the rows, sorted by (day, symbol); each feature row is its row's own, zeros when none are given."""
    order = sorted(range(len(rows)), key=lambda i: (rows[i].decided, rows[i].symbol))
    by_symbol = sorted(range(len(rows)), key=lambda i: (rows[i].symbol, rows[i].decided))
    place = {i: n for n, i in enumerate(by_symbol)}
    first: dict[str, int] = {}
    for n, i in enumerate(by_symbol):
        first.setdefault(rows[i].symbol, n)
    frame = np.zeros((len(rows), len(FEATURES))) if features is None else features[by_symbol]
    return Samples(
        decided=np.array([rows[i].decided for i in order], dtype="datetime64[D]"),
        ends=np.array([rows[i].ends for i in order], dtype="datetime64[D]"),
        symbol=np.array([rows[i].symbol for i in order], dtype=np.str_),
        target=np.array([rows[i].target for i in order], dtype=np.int64),
        earned=np.array([rows[i].earned for i in order], dtype=np.float64),
        weight=np.ones(len(rows)),
        row=np.array([place[i] for i in order], dtype=np.int64),
        first_row=np.array([first[rows[i].symbol] for i in order], dtype=np.int64),
        frame=frame,
    )


@st.composite
def pooled(draw: st.DrawFn, days_max: int = 36, symbols_max: int = 3, horizon_max: int = 6) -> Samples:
    """Samples of several symbols with holes of their own and labels of different lengths, as triple barriers give."""
    calendar = weekdays(draw(st.integers(8, days_max)))
    rows: list[Row] = []
    for symbol in "ABC"[: draw(st.integers(1, symbols_max))]:
        held = draw(st.lists(st.booleans(), min_size=len(calendar), max_size=len(calendar)))
        own = [day for day, is_held in zip(calendar, held, strict=True) if is_held]
        lengths = draw(st.lists(st.integers(1, horizon_max), min_size=len(own), max_size=len(own)))
        rows += [
            Row(day, own[n + length], symbol)
            for n, (day, length) in enumerate(zip(own, lengths, strict=True))
            if n + length < len(own)
        ]
    if not rows:
        rows = [Row(calendar[0], calendar[1])]
    return samples_of(rows)


def edge(days: int = 300, symbols: str = "AB", seed: int = 0, strength: float = 1.0, horizon: int = 3) -> Samples:
    """A market with a known edge: feature 0 says, under noise, which class the label will be; the others say nothing.

    Labels look `horizon` days ahead, and are drawn one by one. strength: of feature 0's mean, in its own deviations.
    earned: 2 % for BUY, -2 % for SELL, 0 for HOLD.
    """
    random = np.random.default_rng(seed)
    calendar = weekdays(days + horizon)
    rows: list[Row] = []
    features: list[Array] = []
    for symbol in symbols:
        for n in range(days):
            target = int(random.choice([BUY, SELL, HOLD], p=[0.3, 0.3, 0.4]))
            lean = {BUY: 1.0, SELL: -1.0, HOLD: 0.0}[target]
            rows.append(Row(calendar[n], calendar[n + horizon], symbol, target, 0.02 * lean))
            row = random.normal(size=len(FEATURES))
            row[0] += strength * lean
            features.append(row)
    return samples_of(rows, np.array(features))


class Unkept:
    """The half of the port that nobody asks of the tests' own learners and classifiers: no file keeps them."""

    def dump(self) -> bytes:
        raise AssertionError(f"{type(self).__name__} was to be kept")

    def load(self, data: bytes) -> Classifier:
        raise AssertionError(f"{type(self).__name__} was to be read from {len(data)} bytes")


class Fitted(Unkept):
    """A classifier of scikit-learn's behind the port."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def probabilities(self, rows: Array) -> Array:
        return np.asarray(self._model.predict_proba(rows.reshape(len(rows), -1)), dtype=np.float64)


@dataclass(frozen=True)
class Logistic(Unkept):
    """A logistic regression on all features of the last `steps` bars. Reports a loss after each of 5 rounds."""

    strength: float = 1.0
    steps: int = 1
    kind: ClassVar[str] = "logistic-of-tests"
    pruned: ClassVar[bool] = True
    rounds: ClassVar[int] = 5

    @property
    def parameters(self) -> Parameters:
        return {"strength": self.strength}

    def fit(
        self,
        rows: Array,
        target: Targets,
        weight: Array,
        *,
        seed: int,
        watch: tuple[Array, Targets, Array] | None = None,
        report: Callable[[int, float], None] | None = None,
        progress: Progress = lambda done: None,
    ) -> Classifier:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=self.strength, max_iter=200))
        model.fit(rows.reshape(len(rows), -1), target, logisticregression__sample_weight=weight)
        fitted = Fitted(model)
        if watch is not None and report is not None:
            own = fitted.probabilities(watch[0])[np.arange(len(watch[1])), watch[1]]
            for number in range(self.rounds):
                report(number, float(-np.log(own).mean()) + 0.1 * (self.rounds - 1 - number))
        return fitted

    @classmethod
    def suggest(cls, trial: Any) -> Parameters:
        return {"strength": trial.suggest_float("strength", 1e-4, 10.0, log=True)}


class Constant(Unkept):
    """Gives every row the same probabilities."""

    def __init__(self, probabilities: Array) -> None:
        self._probabilities = probabilities

    def probabilities(self, rows: Array) -> Array:
        return np.tile(self._probabilities, (len(rows), 1))


@dataclass(frozen=True)
class Frequencies(Unkept):
    """The weighted frequencies of the classes in training, whatever the row."""

    kind: ClassVar[str] = "frequencies-of-tests"
    pruned: ClassVar[bool] = False
    steps: ClassVar[int] = 1
    parameters: ClassVar[Parameters] = {}

    def fit(self, rows: Array, target: Targets, weight: Array, *, seed: int, **others: Any) -> Classifier:
        counts = np.bincount(target, weights=weight, minlength=3)
        return Constant(counts / counts.sum())

    @classmethod
    def suggest(cls, trial: Any) -> Parameters:
        return {}


@dataclass
class Seen:
    """What learners under `Recording` were given: the ids in feature 1 of rows fitted, watched and predicted."""

    fitted: list[set[int]] = field(default_factory=list)
    watched: list[set[int]] = field(default_factory=list)
    predicted: list[set[int]] = field(default_factory=list)

    @property
    def all(self) -> set[int]:
        return set().union(*self.fitted, *self.watched, *self.predicted)


@dataclass(frozen=True)
class Recording(Unkept):
    """Another learner, with every row that it is given written down. Rows carry their id in feature 1."""

    inner: Any
    seen: Seen
    kind: ClassVar[str] = "recording"
    pruned: ClassVar[bool] = True

    @property
    def steps(self) -> int:
        return int(self.inner.steps)

    @property
    def parameters(self) -> Parameters:
        parameters: Parameters = self.inner.parameters
        return parameters

    def fit(self, rows: Array, target: Targets, weight: Array, *, seed: int, **others: Any) -> Classifier:
        self.seen.fitted.append(ids(rows))
        if others.get("watch") is not None:
            self.seen.watched.append(ids(others["watch"][0]))
        fitted = self.inner.fit(rows, target, weight, seed=seed, **others)
        return RecordingClassifier(fitted, self.seen)

    def suggest(self, trial: Any) -> Parameters:
        parameters: Parameters = self.inner.suggest(trial)
        return parameters


@dataclass(frozen=True)
class RecordingClassifier(Unkept):
    inner: Classifier
    seen: Seen

    def probabilities(self, rows: Array) -> Array:
        self.seen.predicted.append(ids(rows))
        return self.inner.probabilities(rows)


class Memory:
    """Looks at hold-outs, in memory. `fails` stands for a store that is down."""

    def __init__(self, fails: bool = False) -> None:
        self.looks: list[tuple[str, str]] = []
        self.fails = fails

    def touch(self, key: str, identity: str) -> int:
        if self.fails:
            raise UnavailableError("the counter is down")
        self.looks.append((key, identity))
        return sum(known == key for known, _ in self.looks)


def ids(rows: Array) -> set[int]:
    """Feature 1 of the last bar of each row."""
    return {int(value) for value in rows[:, -1, 1]}


def numbered(samples: Samples) -> Samples:
    """The samples with each one's position as its feature 1, so that whoever sees the row can be told what it saw."""
    frame = samples.frame.copy()
    frame[samples.row, 1] = np.arange(len(samples))
    return Samples(**{**vars(samples), "frame": frame})


_: Learner = Logistic()  # the port is kept: mypy would say so, were tests checked
