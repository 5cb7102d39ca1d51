"""Goal: the hold-out is looked at once, and every look is on record. Method: a counter in memory behind the port."""

from __future__ import annotations

import numpy as np
import pytest

from domain.errors import InvalidValue, UnavailableError
from models.samples import Samples
from models.validation.holdout import HoldOut
from tests.models.validation.cases import Memory, Row, samples_of, weekdays

CALENDAR = weekdays(40)


def market(symbols: str = "AB", days: int = 30, horizon: int = 3) -> Samples:
    return samples_of([Row(CALENDAR[n], CALENDAR[n + horizon], symbol) for n in range(days) for symbol in symbols])


def split(samples: Samples, touches: Memory, first: int = 20, data: str = "bars") -> tuple[Samples, HoldOut]:
    return HoldOut.split(samples, CALENDAR[first], data=data, touches=touches)


def test_development_ends_before_the_hold_out_begins() -> None:
    """Labels of 3 days, held out from day 20 on: development has days 0 to 16, whose labels end by day 19; days 17 to
    19 belong to neither; the hold-out has all from day 20 on."""
    samples = market()
    development, held = split(samples, Memory())

    opened = held.open("model 1")

    assert sorted(set(development.decided.tolist())) == CALENDAR[:17]
    assert sorted(set(opened.decided.tolist())) == CALENDAR[20:30]
    assert (held.first, held.last) == (CALENDAR[20], CALENDAR[32])
    assert max(development.ends.tolist()) < min(opened.decided.tolist())


def test_a_look_is_written_down_before_samples_are_given_out() -> None:
    """The counter has the key and the reason; the object knows the count; a second look at it is refused."""
    touches = Memory()
    _, held = split(market(), touches)
    assert held.looks == 0

    held.open("champion abc, first measurement")

    assert touches.looks == [(held.key, "champion abc, first measurement")]
    assert held.looks == 1
    with pytest.raises(InvalidValue, match="opened before") as caught:
        held.open("again")
    assert caught.value.code == "HOLD_OUT_OPENED"
    assert len(touches.looks) == 1


def test_the_same_market_again_is_a_further_look() -> None:
    """Another object, another horizon, other labels: the same symbols, days and bars are the same hold-out, whose
    second look is counted as the second."""
    touches = Memory()
    _, first = split(market(), touches)
    _, again = split(market(), touches)
    first.open("model 1")
    again.open("model 2")

    other_labels = samples_of(
        [Row(CALENDAR[n], CALENDAR[32] if n == 29 else CALENDAR[n + 1], s, target=0) for n in range(30) for s in "AB"]
    )
    _, relabelled = split(other_labels, touches)
    relabelled.open("model 3, other labels")

    assert first.key == again.key == relabelled.key
    assert (first.looks, again.looks, relabelled.looks) == (1, 2, 3)


def test_another_market_is_another_hold_out() -> None:
    """Other bars, symbols, first or last day: another key, counted on its own."""
    touches = Memory()
    held = [
        split(market(), touches)[1],
        split(market(), touches, data="other bars")[1],
        split(market("A"), touches)[1],
        split(market(), touches, first=21)[1],
        split(market(days=29), touches)[1],
    ]
    for one in held:
        one.open("model")

    assert len({one.key for one in held}) == 5
    assert [one.looks for one in held] == [1] * 5
    assert all(len(one.key) == 64 for one in held)


def test_nothing_is_released_when_the_look_cannot_be_counted() -> None:
    """With the counter down, or counting nonsense, the samples stay where they are, and can be asked for again."""
    touches = Memory(fails=True)
    _, held = split(market(), touches)

    with pytest.raises(UnavailableError):
        held.open("model")
    touches.fails = False
    assert len(held.open("model")) == 20

    class Nonsense(Memory):
        def touch(self, key: str, identity: str) -> int:
            return 0

    _, other = split(market(), Nonsense())
    with pytest.raises(InvalidValue, match="counted from 1 on"):
        other.open("model")


def test_a_hold_out_of_nothing_and_a_look_for_nothing_are_refused() -> None:
    """No samples from the first day on, none before it, and no reason to look."""
    samples = market()
    with pytest.raises(InvalidValue, match="no samples to hold out"):
        split(samples, Memory(), first=35)
    with pytest.raises(InvalidValue, match="nothing would be left"):
        split(samples, Memory(), first=2)
    _, held = split(samples, Memory())
    with pytest.raises(InvalidValue, match="for a reason"):
        held.open("  ")
    assert held.looks == 0
    assert np.array_equal(held.open("why not").target, samples.target[40:])
