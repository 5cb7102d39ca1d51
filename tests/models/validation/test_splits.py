"""Goal: no fold lets training see what it is tested on. Method: a brute force over sets of days, on random markets."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidValue
from models.features import WINDOW
from models.samples import Samples
from models.validation import splits
from models.validation.splits import Fold, combinatorial_purged, horizon_days, inner_folds, purged, walk_forward
from tests.models.validation.cases import Row, pooled, samples_of, weekdays

MANY = settings(max_examples=150, deadline=None)


def looked_at(samples: Samples, i: int) -> set[date]:
    """Every calendar day that a label looks at: those after its decision, to its end."""
    decided, ends = samples.decided[i].astype(object), samples.ends[i].astype(object)
    return {decided + timedelta(days=n) for n in range(1, (ends - decided).days + 1)}


def meets(samples: Samples, i: int, tested: Iterable[int]) -> bool:
    """Whether a training label looks at a day that a test label looks at. Holes of a symbol are looked at too."""
    own = looked_at(samples, i)
    return any(own & looked_at(samples, int(j)) for j in tested)


def days_behind(samples: Samples, i: int, j: int) -> int:
    """Trading days of the pooled calendar from the end of test label j to training decision i; negative when before."""
    calendar = sorted({day for column in (samples.decided, samples.ends) for day in column.tolist()})
    return calendar.index(samples.decided[i].astype(object)) - calendar.index(samples.ends[j].astype(object))


def embargoed(samples: Samples, i: int, tested: Iterable[int], embargo: int) -> bool:
    return embargo > 0 and any(0 <= days_behind(samples, i, int(j)) <= embargo for j in tested)


def offences(samples: Samples, fold: Fold, embargo: int) -> set[int]:
    """The training samples of a fold that should not be there."""
    return {
        int(i)
        for i in fold.train
        if i in fold.test or meets(samples, int(i), fold.test) or embargoed(samples, int(i), fold.test, embargo)
    }


def days(samples: Samples, positions: Iterable[int]) -> set[date]:
    return {samples.decided[i].astype(object) for i in positions}


@MANY
@given(
    samples=pooled(),
    test=st.one_of(st.integers(1, 9), st.sampled_from(["month", "quarter", "year"])),
    window=st.one_of(st.none(), st.integers(1, 20)),
)
def test_walk_forward_learns_from_the_past_alone(samples: Samples, test: int, window: int | None) -> None:
    """No training label meets a test label; all training days lie before the block; each day is tested once; what is
    left out of training meets a test label or lies before the window."""
    try:
        folds = walk_forward(samples, test=test, train_days=window, rows_min=1)
    except InvalidValue as error:
        if error.code != "FOLDS_TOO_SHORT":
            raise
        return
    all_days = sorted(days(samples, range(len(samples))))
    tested = [day for fold in folds for day in sorted(days(samples, fold.test))]

    assert tested == all_days[all_days.index(tested[0]) :]
    assert sum(len(fold.test) for fold in folds) == sum(day in tested for day in samples.decided.tolist())
    for fold in folds:
        first = min(days(samples, fold.test))
        earliest = all_days[max(0, all_days.index(first) - (window or len(all_days)))]
        candidates = {i for i in range(len(samples)) if earliest <= samples.decided[i].astype(object) < first}

        assert offences(samples, fold, embargo=0) == set()
        assert {i for i in candidates if not meets(samples, i, fold.test)} == set(fold.train.tolist())
        assert days(samples, fold.train).isdisjoint(days(samples, fold.test))


@MANY
@given(samples=pooled(days_max=28), groups=st.integers(2, 6), embargo=st.integers(0, 5), data=st.data())
def test_combinatorial_folds_are_purged_on_both_sides(
    samples: Samples, groups: int, embargo: int, data: st.DataObject
) -> None:
    """No training label meets a test label before, between or behind the blocks; the embargo behind each is kept; and
    nothing else is left out."""
    chosen = data.draw(st.integers(1, groups - 1))
    if len(days(samples, range(len(samples)))) < groups:
        with pytest.raises(InvalidValue, match="days"):
            combinatorial_purged(samples, groups=groups, test_groups=chosen)
        return
    folds, _ = combinatorial_purged(samples, groups=groups, test_groups=chosen, embargo_days=embargo, rows_min=0)

    assert len(folds) == comb(groups, chosen)
    for fold in folds:
        others = set(range(len(samples))) - set(fold.test.tolist())
        allowed = {
            i for i in others if not meets(samples, i, fold.test) and not embargoed(samples, i, fold.test, embargo)
        }

        assert offences(samples, fold, embargo) == set()
        assert set(fold.train.tolist()) == allowed
        assert days(samples, others).isdisjoint(days(samples, fold.test))


@MANY
@given(samples=pooled(days_max=24), groups=st.integers(2, 6), data=st.data())
def test_the_paths_are_complete(samples: Samples, groups: int, data: st.DataObject) -> None:
    """Each path predicts each sample once, by a fold that tests it; over all paths every prediction of every fold is
    used once."""
    chosen = data.draw(st.integers(1, groups - 1))
    if len(days(samples, range(len(samples)))) < groups:
        return
    found = combinatorial_purged(samples, groups=groups, test_groups=chosen, embargo_days=0, rows_min=0)

    assert found.paths.shape == (comb(groups - 1, chosen - 1), len(samples))
    used = {(int(number), i) for path in found.paths for i, number in enumerate(path)}
    assert used == {(number, int(i)) for number, fold in enumerate(found.folds) for i in fold.test}
    assert len(used) == found.paths.size

    own = [np.column_stack([fold.test, np.full(len(fold.test), number)]) for number, fold in enumerate(found.folds)]
    for number, path in enumerate(found.paths):
        assembled = found.path(number, [rows.astype(float) for rows in own])
        np.testing.assert_array_equal(assembled[:, 0], np.arange(len(samples)))
        np.testing.assert_array_equal(assembled[:, 1], path)


def test_paths_of_six_groups_two_at_a_time() -> None:
    """The figure of the book (section 12.4): 15 folds, 5 paths; the first path takes group 1 from fold (1, 2), group 2
    from (1, 2), and each later group from the fold with group 1."""
    calendar = weekdays(13)
    samples = samples_of([Row(calendar[n], calendar[n + 1]) for n in range(12)])

    folds, paths = combinatorial_purged(samples, groups=6, test_groups=2, embargo_days=0, rows_min=1)

    assert [fold.name for fold in folds] == [f"groups {a}+{b}" for a, b in combinations(range(1, 7), 2)]
    assert paths.shape == (5, 12)
    assert [folds[number].name[7:] for number in paths[0][::2]] == ["1+2", "1+2", "1+3", "1+4", "1+5", "1+6"]
    assert [folds[number].name[7:] for number in paths[4][::2]] == ["1+6", "2+6", "3+6", "4+6", "5+6", "5+6"]


def wrongly_purged(samples: Samples, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """mlfinlab's PurgedKFold.split: the test block is taken to start where its first label ENDS, so the labels before
    it that reach into it stay (`test_times = Series(index=[info_sets[start]], data=[info_sets[end - 1]])`)."""
    starts, ends = samples.ends[test[0]], samples.ends[test].max()
    decided, looked = samples.decided[train], samples.ends[train]
    within = (decided >= starts) & (decided <= ends)
    reaches = (looked >= starts) & (looked <= ends)
    around = (decided <= starts) & (looked >= ends)
    return train[~(within | reaches | around)]


@pytest.mark.parametrize("number", range(5))
def test_a_purge_from_the_wrong_end_is_caught(number: int) -> None:
    """Planted: mlfinlab's rule on 5 folds of 100 days with labels of 6 days leaves 5 rows in each fold that has rows
    before it; the brute force names exactly those, and finds none in ours."""
    calendar = weekdays(106)
    samples = samples_of([Row(calendar[n], calendar[n + 6]) for n in range(100)])
    test = np.arange(number * 20, number * 20 + 20)
    train = np.setdiff1d(np.arange(100), test)

    wrong = Fold("", wrongly_purged(samples, train, test), test, ())
    right = Fold("", purged(samples, train, test, embargo_days=0), test, ())

    assert offences(samples, wrong, 0) == (set(range(test[0] - 5, test[0])) if number else set())
    assert offences(samples, right, 0) == set()


def test_the_boundary_days_by_hand() -> None:
    """Labels of 2 days, days 4 to 6 tested: they look at days 5 to 8. Training may end on day 4 (decided by day 2) and
    may be decided on day 8 again; an embargo of 1 day takes days 8 and 9 away, for it counts from day 8."""
    calendar = weekdays(16)
    samples = samples_of([Row(calendar[n], calendar[n + 2]) for n in range(14)])
    test, train = np.array([4, 5, 6]), np.array([0, 1, 2, 3, 7, 8, 9, 10, 11, 12, 13])

    assert purged(samples, train, test, embargo_days=0).tolist() == [0, 1, 2, 8, 9, 10, 11, 12, 13]
    assert purged(samples, train, test, embargo_days=1).tolist() == [0, 1, 2, 10, 11, 12, 13]
    assert purged(samples, train, test, embargo_days=3).tolist() == [0, 1, 2, 12, 13]
    assert purged(samples, train, test, embargo_days=WINDOW).tolist() == [0, 1, 2]


def test_the_embargo_counts_trading_days_of_all_symbols() -> None:
    """B trades every other day: its label of 2 bars takes 4 days, and the embargo behind it is in days, not in rows."""
    calendar = weekdays(30)
    rows = [Row(calendar[n], calendar[n + 1], "A") for n in range(25)]
    rows += [Row(calendar[n], calendar[n + 4], "B") for n in range(0, 25, 2)]
    samples = samples_of(rows)
    tested = np.flatnonzero(np.isin(samples.decided, np.array(calendar[10:12], dtype="datetime64[D]")))
    others = np.setdiff1d(np.arange(len(samples)), tested)

    kept = purged(samples, others, tested, embargo_days=2)

    behind = sorted(days(samples, kept) - set(calendar[:10]))
    assert behind[0] == calendar[10 + 4 + 2 + 1]  # B of day 10 looks to day 14, days 14 to 16 are under embargo


def test_the_default_embargo_is_the_horizon() -> None:
    """Labels of 4 bars: without a number the embargo is 4 trading days, though one symbol has holes."""
    calendar = weekdays(64)
    rows = [Row(calendar[n], calendar[n + 4], "A") for n in range(60)]
    sparse = calendar[::3]
    rows += [Row(sparse[n], sparse[n + 4], "B") for n in range(len(sparse) - 4)]
    samples = samples_of(rows)

    assert horizon_days(samples) == 4
    default, _ = combinatorial_purged(samples, groups=3, test_groups=1, rows_min=1)
    stated, _ = combinatorial_purged(samples, groups=3, test_groups=1, embargo_days=4, rows_min=1)
    other, _ = combinatorial_purged(samples, groups=3, test_groups=1, embargo_days=3, rows_min=1)
    assert [fold.train.tolist() for fold in default] == [fold.train.tolist() for fold in stated]
    assert [fold.train.tolist() for fold in default] != [fold.train.tolist() for fold in other]


def test_years_are_tested_one_after_another() -> None:
    """Four years of one symbol, labels of 5 days: the folds are the years that have enough before them, the last as far
    as it goes; the training before each ends with its last whole label."""
    calendar = weekdays(900)  # 2020 to June 2023
    samples = samples_of([Row(calendar[n], calendar[n + 5]) for n in range(895)])

    folds = walk_forward(samples, test="year", rows_min=250)

    assert [fold.name for fold in folds] == ["2021", "2022", "2023"]
    assert [(fold.spans[0].first, fold.spans[0].last) for fold in folds[:2]] == [
        (date(2021, 1, 1), date(2021, 12, 31)),
        (date(2022, 1, 3), date(2022, 12, 30)),
    ]
    assert folds[0].spans[0].looks_to == date(2022, 1, 7)
    assert folds[2].spans[0].last == calendar[894]
    for fold in folds:
        assert samples.ends[fold.train].max().astype(object) == fold.spans[0].first
    assert [fold.name for fold in walk_forward(samples, test="year", folds_max=2)] == ["2022", "2023"]
    assert [fold.name for fold in walk_forward(samples, test="quarter", folds_max=2)] == ["2023Q1", "2023Q2"]
    assert [fold.name for fold in walk_forward(samples, test="month", folds_max=1)] == ["2023-06"]


def test_inner_folds_test_all_but_the_first_part() -> None:
    """100 days in four parts: three folds of 25 days, each trained on all that lies before it."""
    calendar = weekdays(101)
    samples = samples_of([Row(calendar[n], calendar[n + 1]) for n in range(100)])

    folds = inner_folds(samples, blocks=3, rows_min=10)

    assert [(fold.test[0], fold.test[-1]) for fold in folds] == [(25, 49), (50, 74), (75, 99)]
    assert [len(fold.train) for fold in folds] == [25, 50, 75]


def test_what_cannot_be_split_is_refused() -> None:
    """No rows, labels that look at nothing, too little training, and numbers that make no sense are clear errors."""
    calendar = weekdays(40)
    samples = samples_of([Row(calendar[n], calendar[n + 1]) for n in range(30)])

    def code(call: object) -> str:
        with pytest.raises(InvalidValue) as caught:
            call()  # type: ignore[operator]
        return caught.value.code

    assert code(lambda: walk_forward(samples.where(np.zeros(30, dtype=bool)))) == "FOLDS_TOO_SHORT"
    assert code(lambda: walk_forward(samples_of([Row(calendar[0], calendar[0])]))) == "SAMPLES_INTERVAL"
    assert code(lambda: walk_forward(samples, test=5, rows_min=500)) == "FOLDS_TOO_SHORT"
    assert code(lambda: walk_forward(samples, test=31, rows_min=1)) == "FOLDS_TOO_SHORT"
    assert code(lambda: walk_forward(samples, test=0)) == "FOLDS_DAYS"
    assert code(lambda: walk_forward(samples, train_days=0, rows_min=1)) == "FOLDS_DAYS"
    assert code(lambda: walk_forward(samples, test="week")) == "FOLDS_PERIOD"  # type: ignore[arg-type]
    assert code(lambda: combinatorial_purged(samples, groups=3, test_groups=3)) == "FOLDS_GROUPS"
    assert code(lambda: combinatorial_purged(samples, groups=31, test_groups=1)) == "FOLDS_GROUPS"
    assert code(lambda: combinatorial_purged(samples, groups=3, test_groups=2)) == "FOLDS_TOO_SHORT"
    assert code(lambda: purged(samples, np.array([0]), np.array([5]), embargo_days=-1)) == "FOLDS_EMBARGO"
    thinner = [Row(calendar[n], calendar[n + 1], symbol) for symbol in "AB" for n in range(30 if symbol == "A" else 12)]
    assert code(lambda: walk_forward(samples_of(thinner), test=5, train_days=5, rows_min=9)) == "FOLDS_TOO_SHORT"
    assert len(walk_forward(samples_of(thinner), test=5, train_days=5, rows_min=5)) == 5


def test_a_library_that_lets_a_row_through_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: were `purgedcv.purge` to let the row before the test block through, the brute force would name it."""
    calendar = weekdays(40)
    samples = samples_of([Row(calendar[n], calendar[n + 3]) for n in range(30)])
    monkeypatch.setattr(splits.purgedcv, "purge", lambda train, *others: train)

    folds = walk_forward(samples, test=10, rows_min=1)

    assert offences(samples, folds[-1], 0) == {18, 19}
