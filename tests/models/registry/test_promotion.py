"""Champion against challenger: on one fresh window, by log loss, with an interval that knows that days overlap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from sklearn.metrics import log_loss

from domain.errors import InvalidValue
from models import training
from models.engine.predictor import Predictor, predictor
from models.labels import LabelRule
from models.marketdata import MarketBar
from models.registry.fitted import Fitted
from models.registry.promotion import Comparison, compare, fresh_from
from models.samples import build_samples
from tests.models.conftest import SMALL, planted

FRESH = date(2006, 1, 2)
END = date(2007, 6, 29)


@pytest.fixture(scope="module")
def later_bars() -> list[MarketBar]:
    """The planted market goes on: enough before the fresh window for its features, and a year of it."""
    bars = planted("UP", 1, 1_700) + planted("DOWN", 2, 1_700)
    return sorted((bar for bar in bars if bar.date >= date(2005, 1, 3)), key=lambda bar: (bar.date, bar.symbol))


@pytest.fixture(scope="module")
def blind(planted_bars: list[MarketBar]) -> Fitted:
    """A model that says the classes' frequencies, whatever it sees."""
    return training.fit(planted_bars, replace(SMALL, kind="majority", parameters={}))


@pytest.fixture
def of() -> Callable[[Fitted, str], Predictor]:
    return lambda fitted, version: predictor(fitted.meta("signals", version, ""), fitted.model)


def test_a_better_challenger_is_better(
    fitted: Fitted, blind: Fitted, later_bars: list[MarketBar], of: Callable[[Fitted, str], Predictor]
) -> None:
    """A model that sees the edge against one that sees nothing; the other way round it is worse by as much."""
    seeing, nothing = of(fitted, "2"), of(blind, "1")

    found = compare(nothing, seeing, later_bars, FRESH, END)
    reverse = compare(seeing, nothing, later_bars, FRESH, END)

    assert found.better
    assert found.difference_high < 0
    assert not reverse.better
    assert reverse.difference == pytest.approx(-found.difference)
    assert (found.champion, found.challenger, found.samples) == ("1", "2", reverse.samples)


def test_its_log_loss_is_scikit_learns(
    fitted: Fitted, blind: Fitted, later_bars: list[MarketBar], of: Callable[[Fitted, str], Predictor]
) -> None:
    """Both losses are those of another library, over the decisions of the window alone."""
    seeing, nothing = of(fitted, "2"), of(blind, "1")
    samples = build_samples(later_bars, LabelRule()).between(FRESH, END)

    found = compare(nothing, seeing, later_bars, FRESH, END)

    expected = [
        log_loss(samples.target, one.probabilities(samples.rows(1)), labels=[0, 1, 2]) for one in (nothing, seeing)
    ]
    assert found.log_loss == pytest.approx(tuple(expected))
    assert found.samples == len(samples)


def test_the_same_model_is_not_better_than_itself(
    fitted: Fitted, later_bars: list[MarketBar], of: Callable[[Fitted, str], Predictor]
) -> None:
    """Equal is not better: the champion stays."""
    found = compare(of(fitted, "1"), of(fitted, "2"), later_bars, FRESH, END)

    assert not found.better
    assert (found.difference, found.difference_low, found.difference_high) == (0.0, 0.0, 0.0)


def test_a_window_that_one_has_learnt_from_is_refused(
    fitted: Fitted, later_bars: list[MarketBar], of: Callable[[Fitted, str], Predictor]
) -> None:
    """The first fresh day is the one after the later training's end; a window from a day earlier is refused."""
    longer = replace(fitted, trained_to=date(2006, 3, 31))
    champion, challenger = of(fitted, "1"), of(longer, "2")

    assert fresh_from(champion, challenger) == date(2006, 4, 1)
    with pytest.raises(InvalidValue, match="expected a window from 2006-04-01 on") as caught:
        compare(champion, challenger, later_bars, date(2006, 3, 31), END)
    assert caught.value.code == "MODEL_WINDOW_NOT_FRESH"


@pytest.mark.parametrize(
    ("changes", "last", "code"),
    [
        ({"label": LabelRule(horizon_bars=2)}, END, "MODEL_LABELS_DIFFER"),
        ({}, FRESH + timedelta(days=10), "MODEL_WINDOW_SHORT"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    fitted: Fitted,
    later_bars: list[MarketBar],
    of: Callable[[Fitted, str], Predictor],
    changes: dict[str, object],
    last: date,
    code: str,
) -> None:
    """Models that foretell different things, and a window with too few decisions to say anything."""
    with pytest.raises(InvalidValue) as caught:
        compare(of(fitted, "1"), of(replace(fitted, **changes), "2"), later_bars, FRESH, last)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_the_interval_is_wider_than_one_of_independent_rows(
    fitted: Fitted, blind: Fitted, later_bars: list[MarketBar], of: Callable[[Fitted, str], Predictor]
) -> None:
    """Labels of neighbouring days overlap and symbols share days: an interval that ignores it would be too narrow."""
    seeing, nothing = of(fitted, "2"), of(blind, "1")
    found = compare(nothing, seeing, later_bars, FRESH, END)
    samples = build_samples(later_bars, LabelRule()).between(FRESH, END)
    rows = samples.rows(1)
    losses = [-np.log(one.probabilities(rows)[np.arange(len(samples)), samples.target]) for one in (nothing, seeing)]
    naive = 2 * 1.96 * float(np.std(losses[1] - losses[0])) / len(samples) ** 0.5

    assert found.difference_low < found.difference < found.difference_high
    assert found.difference_high - found.difference_low > 1.2 * naive


def test_what_an_auditor_reads_of_it() -> None:
    """Window, samples, both losses and the interval stand on the record."""
    found = Comparison(
        champion="1",
        challenger="2",
        first=FRESH,
        last=END,
        samples=250,
        log_loss=(1.1, 1.0),
        accuracy=(0.3, 0.4),
        difference=-0.1,
        difference_low=-0.15,
        difference_high=-0.05,
    )

    assert found.details() == {
        "window": "2006-01-02 … 2007-06-29",
        "samples": "250",
        "log_loss_before": "1.100000",
        "log_loss_after": "1.000000",
        "difference_95": "-0.150000 … -0.050000",
    }
