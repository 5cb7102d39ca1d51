"""From probabilities to a decision: thresholds, ties, and many rows as one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.classes import CLASSES
from models.decisions import decide, decide_one
from models.registry import Thresholds


@pytest.mark.parametrize(
    ("buy", "sell", "expected"),
    [
        (0.50, 0.20, "BUY"),
        (0.40, 0.20, "BUY"),
        (0.39, 0.20, "HOLD"),
        (0.30, 0.50, "SELL"),
        (0.39, 0.25, "SELL"),  # SELL is the rarer class: its own threshold is what counts
        (0.30, 0.24, "HOLD"),
        (0.48, 0.26, "BUY"),  # both reach theirs: 1.20 against 1.04
        (0.44, 0.30, "SELL"),  # 1.10 against 1.20
        (0.00, 0.00, "HOLD"),
    ],
)
def test_a_class_is_said_when_it_is_likely_for_its_kind(buy: float, sell: float, expected: str) -> None:
    """The class that exceeds its own threshold by more, as a ratio; HOLD when neither reaches one."""
    said = decide_one({"BUY": buy, "SELL": sell, "HOLD": 1 - buy - sell}, Thresholds(buy=0.40, sell=0.25))

    assert said == expected


def test_equal_claims_are_a_hold() -> None:
    """Both at twice their thresholds: there is nothing to choose by."""
    assert decide_one({"BUY": 0.5, "SELL": 0.25, "HOLD": 0.25}, Thresholds(buy=0.25, sell=0.125)) == "HOLD"


@given(
    rows=st.lists(st.tuples(*[st.integers(1, 20)] * 3), min_size=1, max_size=20),
    buy=st.integers(1, 20),
    sell=st.integers(1, 20),
)
def test_many_rows_are_decided_as_one(rows: list[tuple[int, int, int]], buy: int, sell: int) -> None:
    """What training measures with is what the agent decides, ties and edges included."""
    probabilities = np.array(rows, dtype=np.float64) / np.sum(rows, axis=1, keepdims=True)
    thresholds = Thresholds(buy=buy / 20, sell=sell / 20)

    many = [CLASSES[k] for k in decide(probabilities, thresholds)]

    assert many == [decide_one(dict(zip(CLASSES, row, strict=True)), thresholds) for row in probabilities.tolist()]


def test_without_thresholds_the_likeliest_class_is_said() -> None:
    """The first of equals, in the order BUY, SELL, HOLD."""
    assert decide(np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]]), None).tolist() == [1, 0]
