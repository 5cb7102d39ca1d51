"""Folds over time for pooled samples: walk-forward, and combinatorial purged cross-validation.

A fold boundary is a day, never a row: all symbols of a day stand on the same side. (Of bars within a day it is a
moment, and what is said of days here holds for the moments at which some bar is complete.) Within a fold, training
samples whose label interval meets a test label's interval are purged, before and behind the test block alike, and
behind it an embargo follows. The folds of one set of samples cover each tested day the same number of times.

Label intervals. A label decided at the close of day t looks at the bars t + 1 … ends: the half-open interval
(decided, ends]. Days are numbered by the pooled calendar (every day on which some sample is decided or ends), which
keeps their order, and bar t + 1 is slot t: (decided, ends] becomes [number(decided), number(ends)), the form that
`purgedcv.purge` takes. Two labels meet when they look at a day in common; a training label that ends with the close at
which the first test decision falls does not meet it, for that close is known by then.

The embargo, in trading days of the pooled calendar, counts from the last day that a test label looks at: with an
embargo of n > 0 days, a training decision falls later than n days after that day (`purgedcv.apply_embargo` takes the
window closed); with 0 it may fall on that day. The default is the horizon. It covers what a training row decided right
behind a test block shares with it: features whose newest bars are the last bars of the test labels, and a market that
is still in the same mood. It does not cover all of the window: features look back WINDOW = 128 bars, so the slow ones
(an average over 50 bars, RSI's memory) of training rows up to 128 bars behind a test block are still computed from bars
that test labels look at. They hold no label, only prices that any later model may know, but a model that remembers them
has seen the test block's prices; `embargo_days=WINDOW` rules that out at the price of half a year of training days a
block. A walk-forward fold trains on nothing behind its test block and needs no embargo.

Sources: M. López de Prado, Advances in Financial Machine Learning (2018), sections 7.4 (purging, embargo) and 12.3-12.4
(combinatorial purged cross-validation and its backtest paths). The purging of mlfinlab and mlfinpy takes the test
block's start from the end of its first label and so leaves the labels before it in.

Boundaries: no shuffling, no rows dropped for any other reason. Verification: tests/models/validation/test_splits.py
holds every fold to a brute force over sets of days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations, pairwise
from math import comb
from typing import Literal, NamedTuple

import numpy as np
import purgedcv
from numpy.typing import NDArray

from domain.errors import InvalidValue
from models.samples import Samples

Positions = NDArray[np.int64]
Period = Literal["year", "quarter", "month"]

TRAINING_ROWS_MIN = 250
"""Fewer training rows than these are no training."""

_MONTHS = {"year": 12, "quarter": 3, "month": 1}


class Span(NamedTuple):
    """One block of consecutive test days. first, last: days decided; looks_to: the last day that a label looks at."""

    first: date
    last: date
    looks_to: date


@dataclass(frozen=True)
class Fold:
    """train, test: positions in the samples, ascending. spans: the test blocks, in the order of time."""

    name: str
    train: Positions
    test: Positions
    spans: tuple[Span, ...]


class Combinatorial(NamedTuple):
    """Folds of combinatorial purged cross-validation, and the backtest paths that they make up.

    paths: (C(groups - 1, test_groups - 1), samples): in each path, the number of the fold that predicts the sample.
    """

    folds: tuple[Fold, ...]
    paths: NDArray[np.int64]

    def path(self, number: int, predictions: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """The predictions of all samples along one path. predictions: of each fold, a row per test position."""
        chosen = self.paths[number]
        out = np.full((len(chosen), *predictions[0].shape[1:]), np.nan)
        for index, (fold, predicted) in enumerate(zip(self.folds, predictions, strict=True)):
            own = chosen[fold.test] == index
            out[fold.test[own]] = predicted[own]
        return out


def walk_forward(
    samples: Samples,
    *,
    test: Period | int = "year",
    train_days: int | None = None,
    rows_min: int = TRAINING_ROWS_MIN,
    folds_max: int | None = None,
) -> tuple[Fold, ...]:
    """Train on what came before, test on the next block of days, again and again; the last `folds_max` blocks.

    test: calendar periods, or a number of trading days (blocks are counted from the end, so that each is full).
    train_days: a window of so many trading days right before the block slides along; None: it expands from the start.
    Testing starts with the first block that has `rows_min` training rows; from there on each day is tested once.
    Raises InvalidValue when there is no such block, or when a later one (a sliding window over a hole) has fewer.
    """
    days = _days(samples)
    starts = _block_starts(days, test)
    folds: list[Fold] = []
    for start, stop in pairwise([*starts, len(days)]):
        first, last = days[start], days[stop - 1]
        before = samples.decided < first
        if train_days is not None:
            before &= samples.decided >= days[max(0, start - _positive("train_days", train_days))]
        tested = np.flatnonzero((samples.decided >= first) & (samples.decided <= last))
        train = purged(samples, np.flatnonzero(before), tested, embargo_days=0)
        if len(train) >= rows_min:
            folds.append(Fold(_name(first, test), train, tested, (_span(samples, tested),)))
        elif folds:
            raise InvalidValue(
                "FOLDS_TOO_SHORT",
                f"the block from {first} has {len(train)} training rows; expected at least {rows_min}, as before it",
            )
    if not folds:
        raise InvalidValue(
            "FOLDS_TOO_SHORT",
            f"no block of {len(starts)} has {rows_min} training rows before it; there are {len(samples)} samples",
        )
    return tuple(folds if folds_max is None else folds[-_positive("folds_max", folds_max) :])


def combinatorial_purged(
    samples: Samples,
    *,
    groups: int = 6,
    test_groups: int = 2,
    embargo_days: int | None = None,
    rows_min: int = TRAINING_ROWS_MIN,
) -> Combinatorial:
    """Every choice of `test_groups` out of `groups` blocks of days (of equal length, the first ones a day longer).

    embargo_days: None takes the horizon. Raises InvalidValue when a fold is left with fewer than `rows_min` rows to
    train on, or when there are fewer days than groups.
    """
    days = _days(samples)
    if not 1 <= test_groups < groups <= len(days):
        raise InvalidValue(
            "FOLDS_GROUPS",
            f"expected 1 <= test_groups < groups <= days, there were {test_groups}, {groups} and {len(days)}",
        )
    embargo = horizon_days(samples) if embargo_days is None else embargo_days
    day = np.searchsorted(days, samples.decided)
    blocks = np.array_split(np.arange(len(days)), groups)
    folds: list[Fold] = []
    tested_days: list[Positions] = []
    for chosen in combinations(range(groups), test_groups):
        tested_days.append(np.concatenate([blocks[group] for group in chosen]))
        in_test = np.isin(day, tested_days[-1])
        tested = np.flatnonzero(in_test)
        train = purged(samples, np.flatnonzero(~in_test), tested, embargo_days=embargo)
        if len(train) < rows_min:
            raise InvalidValue(
                "FOLDS_TOO_SHORT",
                f"with the groups {_numbers(chosen)} as test {len(train)} rows are left to train on; "
                f"expected at least {rows_min}",
            )
        spans = tuple(_span(samples, np.flatnonzero(np.isin(day, blocks[group]))) for group in chosen)
        folds.append(Fold(f"groups {_numbers(chosen)}", train, tested, spans))
    paths = purgedcv.reconstruct_paths(  # on days, with the fold's number as its prediction: its blocks are np's
        [np.full(len(tested), number, dtype=float) for number, tested in enumerate(tested_days)],
        tested_days,
        groups,
        test_groups,
        len(days),
    )
    assert paths.shape == (comb(groups - 1, test_groups - 1), len(days))
    assert np.isfinite(paths).all()
    return Combinatorial(tuple(folds), paths.astype(np.int64)[:, day])


def inner_folds(samples: Samples, blocks: int = 3, rows_min: int = TRAINING_ROWS_MIN) -> tuple[Fold, ...]:
    """Walk-forward folds within a training part: its days in blocks + 1 equal parts, all but the first tested.

    Raises InvalidValue as `walk_forward` does.
    """
    days = len(_days(samples))
    return walk_forward(samples, test=max(1, days // (blocks + 1)), rows_min=rows_min, folds_max=blocks)


def purged(samples: Samples, train: Positions, test: Positions, *, embargo_days: int) -> Positions:
    """Those of `train` whose labels meet no label of `test` and that are decided outside of the embargo behind them.

    By `purgedcv`, over the distinct intervals, of which there are far fewer than rows.
    """
    if embargo_days < 0:
        raise InvalidValue("FOLDS_EMBARGO", f"an embargo is of 0 days or more, it was {embargo_days}")
    calendar = np.unique(np.concatenate([samples.decided, samples.ends]))
    begins, ends = np.searchsorted(calendar, samples.decided), np.searchsorted(calendar, samples.ends)
    _, shown, interval = np.unique(begins * len(calendar) + ends, return_index=True, return_inverse=True)
    times = begins[shown].astype("timedelta64[D]"), ends[shown].astype("timedelta64[D]")
    tested = np.unique(interval[test])
    kept = purgedcv.purge(np.unique(interval[train]), tested, *times)
    if embargo_days:
        kept = purgedcv.apply_embargo(kept, tested, *times, embargo=np.timedelta64(embargo_days, "D"))
    left: Positions = train[np.isin(interval[train], kept)]
    return left


def horizon_days(samples: Samples) -> int:
    """The longest label, in its symbol's own trading days (those on which it has a decision or a label ends)."""
    longest = 0
    for symbol in np.unique(samples.symbol):
        own = samples.symbol == symbol
        decided, ends = samples.decided[own], samples.ends[own]
        days = np.unique(np.concatenate([decided, ends]))
        longest = max(longest, int((np.searchsorted(days, ends) - np.searchsorted(days, decided)).max()))
    return longest


def _days(samples: Samples) -> NDArray[np.datetime64]:
    """The days decided, each once. Raises InvalidValue for samples without rows, or a label that looks at nothing."""
    if not len(samples):
        raise InvalidValue("FOLDS_TOO_SHORT", "there are no samples to split")
    if not (samples.ends > samples.decided).all():
        worst = int(np.argmin(samples.ends > samples.decided))
        raise InvalidValue(
            "SAMPLES_INTERVAL",
            f"a label ends after the day it is decided; {samples.symbol[worst]} of {samples.decided[worst]} ends "
            f"{samples.ends[worst]}",
        )
    return np.unique(samples.decided)


def _block_starts(days: NDArray[np.datetime64], test: Period | int) -> list[int]:
    """Positions in `days` at which a test block starts; days before the first are only learned from."""
    if isinstance(test, int):
        return list(range(len(days), 0, -_positive("test", test)))[:0:-1]
    period = _periods(days, test)
    return np.flatnonzero(np.diff(period, prepend=period[0] - 1)).tolist()


def last_period(samples: Samples, test: Period) -> date:
    """The first day of the last calendar period that has decisions. Raises InvalidValue when none is before it."""
    periods = np.unique(_periods(samples.decided, test))
    if len(periods) < 2:
        found = [_name(day, test) for day in samples.decided[:1]]
        raise InvalidValue("FOLDS_TOO_SHORT", f"the {len(samples)} samples given fall into the {test}s {found}")
    day: date = np.datetime64(int(periods[-1]) * _MONTHS[test], "M").astype("datetime64[D]").astype(object)
    return day


def _periods(days: NDArray[np.datetime64], test: Period) -> Positions:
    """The number of each one's calendar period."""
    if test not in _MONTHS:
        raise InvalidValue("FOLDS_PERIOD", f"test blocks are {', '.join(_MONTHS)} or a number of days, not {test!r}")
    numbers: Positions = days.astype("datetime64[M]").astype(np.int64) // _MONTHS[test]
    return numbers


def name_of(day: date, test: Period) -> str:
    """Of a calendar period, by one of its days."""
    if test == "year":
        return f"{day:%Y}"
    if test == "quarter":
        return f"{day:%Y}Q{(day.month + 2) // 3}"
    return f"{day:%Y-%m}"


def _name(first: np.datetime64, test: Period | int) -> str:
    if not isinstance(test, int):
        return name_of(first.astype("datetime64[D]").astype(object), test)
    return f"from {first if first.dtype == 'datetime64[D]' else np.datetime_as_string(first, unit='s')}"


def _span(samples: Samples, tested: Positions) -> Span:
    ends = (samples.decided[tested].min(), samples.decided[tested].max(), samples.ends[tested].max())
    return Span(*(day.astype("datetime64[D]").astype(object) for day in ends))


def _numbers(groups: Sequence[int]) -> str:
    """From 1 on, as people count."""
    return "+".join(str(group + 1) for group in groups)


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise InvalidValue("FOLDS_DAYS", f"{name} is 1 or more, it was {value}")
    return value
