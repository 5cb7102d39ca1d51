"""The Wilson interval against published figures, and against what it is by definition."""

from __future__ import annotations

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.query.proportion import wilson_interval
from domain.errors import InvalidValue

PUBLISHED = {
    (81, 263): (0.2553, 0.3662),
    (15, 148): (0.0624, 0.1605),
    (0, 20): (0.0000, 0.1611),
    (1, 29): (0.0061, 0.1718),
}
"""R. G. Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3: 95 %, four decimals."""


@pytest.mark.parametrize("counts", PUBLISHED, ids=str)
def test_published_intervals(counts: tuple[int, int]) -> None:
    """The four examples of the paper that compared seven intervals, to its last digit."""
    low, high = wilson_interval(*counts)

    assert (round(low, 4), round(high, 4)) == PUBLISHED[counts]


@given(data=st.data(), trials=st.integers(1, 10**9))
def test_its_ends_are_the_shares_that_are_just_not_rejected(data: st.DataObject, trials: int) -> None:
    """At either end the observed share is z standard errors away, the error taken at that end; 95 %: z = 1.959964."""
    successes = data.draw(st.integers(0, trials))
    share = successes / trials

    low, high = wilson_interval(successes, trials)

    assert 0 <= low <= share <= high <= 1
    for end in (low, high):
        if 0 < end < 1:
            distance, allowed = (share - end) ** 2, 1.959964**2 * end * (1 - end) / trials
            assert isclose(distance, allowed, rel_tol=1e-5, abs_tol=1e-15)
    assert (low == 0, high == 1) == (successes == 0, successes == trials)


@pytest.mark.parametrize("counts", [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(counts: tuple[int, int]) -> None:
    """Of nothing there is no share; and nobody succeeds more often than they try."""
    with pytest.raises(InvalidValue, match="expected at least one trial"):
        wilson_interval(*counts)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_an_impossible_confidence_is_refused(confidence: float) -> None:
    """A confidence is a probability, and not a certainty."""
    with pytest.raises(InvalidValue, match="expected a confidence between 0 and 1"):
        wilson_interval(1, 2, confidence)
