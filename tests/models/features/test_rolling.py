"""Online: bars that come one at a time give the rows of the whole history, before and after splits and restarts."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidValue
from domain.market import Bar
from models.features import FEATURES, WINDOW, Array, Bars, RollingWindow, compute_frame
from models.marketdata import ticks_of
from tests.models.features.markets import BARS, COLUMN, IBM

_, WHOLE = compute_frame(BARS)


def replayed() -> list[Bar]:
    """The bars as the feed's ticks carry them."""
    found = [tick.bar for bar in IBM for tick in ticks_of(bar) if tick.bar is not None]
    assert len(found) == len(IBM)
    return found


@pytest.fixture(scope="module")
def online() -> Array:
    """The rows of bars off replayed ticks, one push at a time."""
    rolling, rows = RollingWindow(), []
    for number, bar in enumerate(replayed()):
        rolling.push(bar)
        row = rolling.row()
        assert (row is None) == (number < WINDOW - 1)
        if row is not None:
            rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("name", COLUMN)
def test_online_equals_offline(online: Array, name: str) -> None:
    """Parity: bars that arrive one at a time, off the ticks of the feed, give the numbers of the history at once."""
    np.testing.assert_allclose(online[:, COLUMN[name]], WHOLE[:, COLUMN[name]], rtol=0, atol=1e-9)


def test_online_equals_offline_to_the_bit(online: Array) -> None:
    """The same code, so more than close: the same bytes."""
    assert online.tobytes() == WHOLE.tobytes()


@settings(max_examples=40)
@given(
    steps=st.integers(1, 12),
    spare=st.integers(0, 5),
    asked=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 12)), min_size=1, max_size=40),
)
def test_rows_are_the_last_of_the_history(steps: int, spare: int, asked: list[tuple[int, int]]) -> None:
    """Whenever how many rows are asked for, and however many bars came in between, they are the history's last ones."""
    rolling = RollingWindow(WINDOW + steps - 1 + spare)
    seen = 0
    for pushes, wanted in [(WINDOW - 3, 1), *asked]:
        for bar in IBM[seen : seen + pushes]:
            rolling.push(bar)
        seen = min(seen + pushes, len(IBM))
        rows_wanted = min(wanted, steps)

        rows = rolling.rows(rows_wanted)

        if seen < WINDOW + rows_wanted - 1:
            assert rows is None
        else:
            assert rows is not None
            np.testing.assert_array_equal(rows, WHOLE[: seen - WINDOW + 1][-rows_wanted:])
        assert len(rolling) == min(seen, rolling.capacity)


def test_a_row_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every new bar one window is computed, however many rows are asked for."""
    rolling = RollingWindow(WINDOW + 9)
    for bar in IBM[: WINDOW + 9]:
        rolling.push(bar)
    rolling.rows(10)
    windows: list[int] = []
    from models.features import rolling as module

    kernel = module.compute_block
    monkeypatch.setattr(
        module, "compute_block", lambda bars: windows.append(bars.shape[1] - WINDOW + 1) or kernel(bars)
    )
    for bar in IBM[WINDOW + 9 : WINDOW + 30]:
        rolling.push(bar)
        rolling.rows(10)
        rolling.rows(3)

    assert windows == [1] * 21


def test_what_is_given_out_is_the_callers() -> None:
    """A caller that writes into its row changes no later answer."""
    rolling = RollingWindow()
    for bar in IBM[:WINDOW]:
        rolling.push(bar)
    row = rolling.row()
    assert row is not None
    row[:] = 0.0

    np.testing.assert_array_equal(rolling.row(), WHOLE[0])


def test_a_window_has_room_for_what_is_asked() -> None:
    """Too small a window, and more rows than it can have, are mistakes of the program and are said at once."""
    with pytest.raises(InvalidValue) as small:
        RollingWindow(WINDOW - 1)
    with pytest.raises(InvalidValue, match="131 bars has 1 to 4 rows, not 5") as many:
        RollingWindow(WINDOW + 3).rows(5)

    assert (small.value.code, many.value.code) == ("FEATURES_CAPACITY", "FEATURES_STEPS")


def test_a_price_beyond_floats_is_refused_while_it_is_in_the_window() -> None:
    """Pushing it is no error, for the agent has to live on; the rows of windows that hold it are refused."""
    rolling = RollingWindow(WINDOW + 3)
    huge = Decimal("1E+400")
    for bar in IBM[:130]:
        rolling.push(bar)
    rolling.push(Bar(open=huge, high=huge, low=huge, close=huge, volume=Decimal(1)))
    for bar in IBM[131 : 131 + WINDOW - 1]:
        rolling.push(bar)
        with pytest.raises(InvalidValue, match="finite"):
            rolling.row()
    rolling.push(IBM[131 + WINDOW])

    assert rolling.row() is not None
    with pytest.raises(InvalidValue, match="finite"):
        rolling.rows(2)


def adjusted(bar: Bar, ratio: Fraction) -> Bar:
    """The bar in new units, in decimals of 28 digits."""

    def over(price: Decimal) -> Decimal:
        return price * ratio.denominator / ratio.numerator

    volume = bar.volume * ratio.numerator / ratio.denominator
    return Bar(open=over(bar.open), high=over(bar.high), low=over(bar.low), close=over(bar.close), volume=volume)


@settings(max_examples=30)
@given(
    splits=st.dictionaries(st.integers(1, 249), st.sampled_from(["2", "3", "7/5", "1/10", "1/3"]), max_size=4),
    steps=st.integers(1, 5),
    asks_always=st.booleans(),
)
def test_splits_give_the_features_of_adjusted_bars(splits: dict[int, str], steps: int, asks_always: bool) -> None:
    """Bars as traded, with splits between them, give what bars give that were adjusted before by all later splits."""
    rolling = RollingWindow(WINDOW + steps - 1)
    factors = [Fraction(1)] * 250
    for at, ratio in splits.items():
        factors[:at] = [factor * Fraction(ratio) for factor in factors[:at]]
    final = [bar.bar() for bar in IBM[:250]]
    for number, (bar, factor) in enumerate(zip(final, factors, strict=True)):
        if number in splits:
            ratio = Fraction(splits[number])
            rolling.split(Decimal(ratio.numerator) / Decimal(ratio.denominator))
        rolling.push(adjusted(bar, 1 / factor))  # as traded: what the later splits will make the final bar of
        if asks_always:
            rolling.rows(steps)

    _, expected = compute_frame(Bars.of(final))
    np.testing.assert_allclose(rolling.rows(steps), expected[-steps:], rtol=1e-9, atol=1e-9)


@settings(max_examples=30)
@given(
    at=st.one_of(st.integers(1, 219), st.integers(210, 219)),
    ratio=st.sampled_from(["2", "3", "0.1", "1.4"]),
    asks=st.booleans(),
)
def test_a_window_filled_anew_gives_the_same_bytes(at: int, ratio: str, asks: bool) -> None:
    """After a restart only the bars of the window are read again; whatever was asked before, the rows are the same."""
    steps, count = 4, 220
    long, short = RollingWindow(WINDOW + steps - 1), RollingWindow(WINDOW + steps - 1)
    for number, bar in enumerate(IBM[:count]):
        for window in (long, short)[: 1 if number < count - long.capacity else 2]:
            if number == at:
                window.split(Decimal(ratio))
            window.push(bar)
        if asks:
            long.rows(steps)

    first, second = long.rows(steps), short.rows(steps)
    assert first is not None
    assert second is not None
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("ratio", ["0", "-2", "NaN", "Infinity"])
def test_what_is_no_ratio_is_refused(ratio: str) -> None:
    """A split by nothing, less, or no number is an error, and leaves the bars as they were."""
    rolling = RollingWindow()
    for bar in IBM[:WINDOW]:
        rolling.push(bar)

    with pytest.raises(InvalidValue) as caught:
        rolling.split(Decimal(ratio))
    assert caught.value.code == "SPLIT_RATIO"
    np.testing.assert_array_equal(rolling.row(), WHOLE[0])


@pytest.mark.parametrize("ratio", ["1E+400", "1E-400"])
def test_a_ratio_beyond_floats_spoils_the_bars_that_it_meets_alone(ratio: str) -> None:
    """Bars before it are no bars any more and are refused; when they have left, all is well."""
    rolling = RollingWindow()
    for bar in IBM[:WINDOW]:
        rolling.push(bar)
    rolling.split(Decimal(ratio))
    with pytest.raises(InvalidValue):
        rolling.row()
    for bar in IBM[WINDOW : 2 * WINDOW]:
        rolling.push(bar)

    np.testing.assert_array_equal(rolling.row(), WHOLE[WINDOW])


def test_rows_have_the_declared_columns() -> None:
    """One column per feature, in the order of FEATURES."""
    rolling = RollingWindow(WINDOW + 1)
    for bar in IBM[: WINDOW + 1]:
        rolling.push(bar)
    row, rows = rolling.row(), rolling.rows(2)

    assert row is not None
    assert rows is not None
    assert (row.shape, rows.shape) == ((len(FEATURES),), (2, len(FEATURES)))
