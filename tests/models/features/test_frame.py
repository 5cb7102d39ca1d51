"""Histories: in pieces or at once, one symbol or many, one window or all: the same bytes, and clear errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidValue
from models.features import FEATURES, WINDOW, Bars, compute, compute_frame, compute_frames, frame
from tests.models.features.markets import BARS, COLUMN, flat, wandering


@settings(max_examples=25)
@given(seed=st.integers(0, 999), count=st.integers(0, 400), chunk=st.sampled_from([1, 2, 7, 8, 64, 5_000]))
def test_a_row_is_that_of_its_own_window(seed: int, count: int, chunk: int) -> None:
    """However many windows are computed at once, each row has the bytes of its window computed alone."""
    bars = wandering(seed, count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame, "CHUNK", chunk)
        index, matrix = compute_frame(bars)

    alone = [list(compute(bars.slice(last + 1 - WINDOW, last + 1)).values()) for last in range(WINDOW - 1, count)]

    assert index.tolist() == list(range(WINDOW - 1, count))
    assert matrix.shape == (len(index), len(FEATURES))
    assert matrix.tolist() == alone


@pytest.mark.parametrize("count", [0, 1, WINDOW - 1])
def test_too_few_bars_give_no_row(count: int) -> None:
    """A history shorter than a window has features of no bar, and that is no error."""
    index, matrix = compute_frame(BARS.slice(0, count))

    assert (index.shape, matrix.shape) == ((0,), (0, len(FEATURES)))


def test_symbols_end_to_end_do_not_meet() -> None:
    """Several symbols in one set of arrays, some with too few bars, give the rows of each alone, in their places."""
    lengths = [300, 0, 127, 128, 5, 129]
    own = [wandering(seed, length) for seed, length in enumerate(lengths)]
    firsts = np.cumsum([0, *lengths[:-1]])

    index, matrix = compute_frames(Bars(*(np.concatenate(columns) for columns in zip(*own, strict=True))), firsts)

    alone = [compute_frame(bars) for bars in own]
    np.testing.assert_array_equal(
        index, np.concatenate([first + i for first, (i, _) in zip(firsts, alone, strict=True)])
    )
    np.testing.assert_array_equal(matrix, np.concatenate([rows for _, rows in alone]))
    assert len(matrix) == 173 + 1 + 2


@pytest.mark.parametrize("firsts", [[], [1], [0, 300, 200], [0, 700]])
def test_firsts_that_are_no_division_of_the_bars_are_refused(firsts: list[int]) -> None:
    """Symbols must begin at 0, in order, and within the bars."""
    with pytest.raises(InvalidValue) as caught:
        compute_frames(BARS.slice(0, 600), np.array(firsts, dtype=np.int64))

    assert caught.value.code == "FEATURES_FIRSTS"


@pytest.mark.parametrize("name", Bars._fields)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 0.0])
def test_a_bad_number_anywhere_is_refused_and_named(name: str, value: float) -> None:
    """NaN, infinity, negative numbers and prices of zero stop the whole computation; nothing is filled in."""
    bars = Bars(*(column.copy() for column in BARS))
    getattr(bars, name)[417] = value
    if name == "volume" and value == 0.0:
        assert len(compute_frame(bars)[0]) == len(BARS.close) - WINDOW + 1
        return

    with pytest.raises(InvalidValue, match=rf"a {name} .* that of bar 417 was {value}") as caught:
        compute_frame(bars)
    assert caught.value.code == ("FEATURES_VOLUME" if name == "volume" else "FEATURES_PRICE")


def test_columns_of_different_length_are_refused() -> None:
    """Five columns that do not belong together are no bars."""
    with pytest.raises(InvalidValue, match=r"one length, they had \[199, 200\]"):
        compute_frame(Bars(*BARS.slice(0, 200)[:4], BARS.volume[:199]))


def test_what_a_float_cannot_hold_is_refused() -> None:
    """Prices so far apart that a feature overflows are an error that names the features, never an infinity."""
    window = flat(price=1e-200)
    for column in window[:4]:
        column[-1] = 1e200

    with pytest.raises(InvalidValue, match=r"too far apart to compute .*return_1") as caught:
        compute(window)
    assert caught.value.code == "FEATURES_OVERFLOW"


def test_a_gap_in_the_calendar_is_no_gap_in_the_bars() -> None:
    """Missing days are not filled in: windows that hold the seam are those of the bars that are there."""
    gap = Bars(*(np.concatenate([column[:300], column[340:]]) for column in BARS))

    _, matrix = compute_frame(gap)

    _, whole = compute_frame(BARS)
    np.testing.assert_array_equal(matrix[: 300 - WINDOW + 1], whole[: 300 - WINDOW + 1])
    np.testing.assert_array_equal(matrix[300:], whole[340:])
    assert matrix[300 - WINDOW + 1][COLUMN["return_1"]] == BARS.close[340] / BARS.close[299] - 1.0
