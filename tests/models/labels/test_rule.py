"""The rule of labels: what it takes, how it is kept, and what it refuses."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from domain.errors import InvalidValue
from models.classes import BUY, HOLD, SELL
from models.labels import LabelRule, label
from tests.models.labels.markets import jumpy, path


@pytest.mark.parametrize(
    "rule",
    [LabelRule(), LabelRule(kind="triple_barrier", horizon_bars=9, take_profit=1.5, unit="fraction")],
    ids=lambda rule: rule.kind,
)
def test_a_rule_is_kept_as_json(rule: LabelRule) -> None:
    """What a model's description says of the rule is read back as the same rule."""
    assert msgspec.json.decode(msgspec.json.encode(rule), type=LabelRule) == rule
    assert msgspec.convert(msgspec.to_builtins(rule), LabelRule) == rule


def test_the_rule_without_a_kind_is_the_threshold() -> None:
    """Descriptions of models from before there were kinds are read as what they meant."""
    older = b'{"horizon_bars":5,"threshold":0.02,"cost_bps":30}'

    rule = msgspec.json.decode(older, type=LabelRule)

    assert rule == LabelRule(kind="threshold", horizon_bars=5, threshold=0.02, cost_bps=30)
    assert rule.needed == pytest.approx(0.023)


REFUSED: dict[str, dict[str, Any]] = {
    "LABEL_HORIZON": {"horizon_bars": 0},
    "LABEL_COST": {"threshold": -0.01},
    "LABEL_COST ": {"cost_bps": float("nan")},
    "LABEL_BARRIER": {"take_profit": 0.0},
    "LABEL_BARRIER ": {"stop_loss": float("inf")},
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_is_no_rule_is_refused(code: str) -> None:
    """No horizon, negative costs, barriers nowhere: each has its code, and a description that says so is unreadable."""
    with pytest.raises(InvalidValue) as caught:
        LabelRule(**REFUSED[code])

    assert caught.value.code == code.strip()


@pytest.mark.parametrize("text", [b'{"kind":"astrology"}', b'{"horizon_bars":0}', b'{"horizon":5}', b'{"unit":"pips"}'])
def test_a_description_of_no_rule_is_unreadable(text: bytes) -> None:
    """An unknown kind, field or unit, or a value out of bounds, is an error where it is read."""
    with pytest.raises((msgspec.ValidationError, InvalidValue)):
        msgspec.json.decode(text, type=LabelRule)


@pytest.mark.parametrize("kind", ["threshold", "triple_barrier"])
@pytest.mark.parametrize("value", [float("nan"), 0.0, -1.0, float("inf")])
def test_bars_with_a_bad_price_have_no_labels(kind: Any, value: float) -> None:
    """A comparison with NaN is false, so a bad price would be a HOLD: it is refused, and the bar is named."""
    bars = jumpy(1, 200)
    bars.high[150] = value

    with pytest.raises(InvalidValue, match="a high that is finite and above zero; that of bar 150") as caught:
        label(bars, LabelRule(kind=kind))
    assert caught.value.code == "FEATURES_PRICE"


def test_nothing_earned_is_no_opinion() -> None:
    """Where nothing need be earned, a market that stands still is still neither BUY nor SELL."""
    labels = label(path(*[(5.0, 5.0, 5.0, 5.0)] * 9), LabelRule(threshold=0, cost_bps=0))

    assert labels.target.tolist() == [HOLD] * 4


def test_what_is_earned_to_the_last_digit_counts() -> None:
    """A move of exactly threshold and costs, 1.6 %, is enough, though 135.128 / 133 - 1 is a little less in floats."""
    bars = path((100, 100, 100, 100), (133, 136, 133, 135.128), (50, 50, 49, 49.2), (50, 50, 49, 49.201))

    labels = label(bars, LabelRule(horizon_bars=1, threshold=0.015, cost_bps=10))

    assert labels.target.tolist() == [BUY, SELL, HOLD]


def test_a_short_earns_what_a_long_loses() -> None:
    """With a fixed horizon both positions leave at the same close."""
    labels = label(jumpy(2, 100), LabelRule())

    np.testing.assert_array_equal(labels.earned_short, -labels.earned)
