"""No label that training learns from looks at a day that a predicted label looks at: in any fold, nor the hold-out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from models import training
from models.features import Array
from models.labels import LabelRule
from models.learners.majority import Frequencies, Majority
from models.marketdata import MarketBar
from models.samples import Samples, build_samples
from models.training import Plan, artifacts, pipeline
from tests.models.conftest import market

Place = tuple[int, int]
"""A sample: its day's ordinal, and its symbol's number."""


class Recorder(Majority):
    """Writes down which samples each fit learns from, and which are predicted with it."""

    pairs: ClassVar[list[tuple[set[Place], set[Place]]]] = []

    def fit(self, rows: Array, *others: Any, **named: Any) -> Frequencies:
        model = super().fit(rows, *others, **named)
        learnt, said = places(rows), model.probabilities

        def probabilities(asked: Array) -> Array:
            self.pairs.append((learnt, places(asked)))
            return said(asked)

        model.probabilities = probabilities  # type: ignore[method-assign]
        return model


def places(rows: Array) -> set[Place]:
    return {(int(day), int(symbol)) for day, symbol in rows[:, -1, :2]}


def marked(bars: Sequence[MarketBar], rule: LabelRule) -> Samples:
    """The real samples, with each row's own day and symbol in place of two of its features."""
    samples = build_samples(bars, rule)
    frame = samples.frame.copy()
    frame[samples.row, 0] = samples.decided.astype(np.int64)
    frame[samples.row, 1] = samples.symbol == "TWO"
    return replace(samples, frame=frame)


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # an example takes a second: shrinking one would take minutes
)
@given(horizon=st.integers(1, 20), seed=st.integers(0, 10_000), late=st.integers(0, 40), gap=st.integers(0, 30))
def test_no_training_label_meets_what_is_predicted(
    monkeypatch: pytest.MonkeyPatch, horizon: int, seed: int, late: int, gap: int
) -> None:
    """Whatever is fitted, outer and inner, on real labels or permuted ones, learns only from days before any day that
    the labels it is asked for look at.

    Two symbols with calendars of their own: one starts late and skips days. The days are counted here from the bars.
    """
    random = np.random.default_rng(seed)
    one = market("ONE", random.normal(0, 0.02, 900), date(2001, 1, 1))
    two = market("TWO", random.normal(0, 0.02, 900), date(2001, 1, 1))[late:]
    two = [bar for n, bar in enumerate(two) if not 500 <= n < 500 + gap]
    history = [[np.datetime64(bar.date).astype(np.int64).item() for bar in bars] for bars in (one, two)]
    Recorder.pairs.clear()
    monkeypatch.setattr(pipeline, "build_samples", marked)
    monkeypatch.setattr(pipeline, "learner", lambda kind, parameters: Recorder())
    monkeypatch.setattr(artifacts, "files", lambda *arguments: {})

    training.fit(one + two, Plan(kind="majority", label=LabelRule(horizon_bars=horizon), folds=2))

    assert len(Recorder.pairs) >= 2 * 4  # of a fold and of the hold-out: inner folds, the model itself, permuted labels
    for learnt, asked in Recorder.pairs:
        behind = max(looked_at(learnt, history, horizon) | {day for day, _ in learnt})
        ahead = min(looked_at(asked, history, horizon))
        assert behind < ahead
        assert max(day for day, _ in learnt) < min(day for day, _ in asked)


def looked_at(samples: set[Place], history: Sequence[Sequence[int]], horizon: int) -> set[int]:
    """The days that the labels of these samples look at."""
    found: set[int] = set()
    for day, symbol in samples:
        at = history[symbol].index(day)
        found.update(history[symbol][at + 1 : at + 1 + horizon])
    return found
