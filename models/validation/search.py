"""What a search's own trials say of the one that it chose: their returns, Sharpe ratios, and what deflation leaves.

The trials' predictions on the inner folds are out of fold, so their returns are what the search could see when it
chose; the chosen one's are the best of many by construction, which is what deflation takes back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import numpy as np

from domain.errors import InvalidValue
from models.decisions import decide
from models.features import Array
from models.samples import Samples, Times
from models.validation.overfitting import (
    BLOCKS,
    DeflatedSharpe,
    Overfitting,
    deflated_sharpe,
    overfitting,
    sharpe_ratio,
)
from models.validation.returns import strategy_returns
from models.validation.tuning import Tuning


class TrialReturns(NamedTuple):
    """numbers: of the complete trials; decided: days of the observations; values: (trials, observations), net."""

    numbers: tuple[int, ...]
    decided: Times
    values: Array


class SearchReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a search's own trials say of its best. `undefined` says why a part is None.

    sharpes: of each complete trial by its number, per observation; None for one that never took a position.
    best: the trial with the lowest loss, the one that is used.
    deflated: its Sharpe ratio, deflated by all trials.
    overfitting: over the complete trials.
    undefined: why a part is None, by its name.
    """

    sharpes: dict[int, float | None]
    best: int
    deflated: DeflatedSharpe | None
    overfitting: Overfitting | None
    undefined: dict[str, str]


def trial_returns(samples: Samples, tuning: Tuning, *, cost_bps: float) -> TrialReturns:
    """What each complete trial of a study would have earned on the inner folds' test rows, deciding for the likeliest
    class. samples: the training part that was tuned on. Raises InvalidValue as `strategy_returns` does."""
    tested = np.concatenate([fold.test for fold in tuning.folds])
    order = np.argsort(tested)
    own = samples.where(tested[order])
    series = {
        number: strategy_returns(own, decide(np.concatenate(predicted), None)[order], cost_bps=cost_bps)
        for number, predicted in sorted(tuning.predictions.items())
    }
    days = next(iter(series.values())).decided
    return TrialReturns(tuple(series), days, np.array([one.values for one in series.values()]))


def search_report(samples: Samples, tuning: Tuning, *, cost_bps: float, blocks: int = BLOCKS) -> SearchReport:
    """The Sharpe ratio of each trial, and what is left of the best one's; None, with the reason, where it cannot be."""
    found = trial_returns(samples, tuning, cost_bps=cost_bps)
    undefined: dict[str, str] = {}

    def tried(name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except InvalidValue as error:
            undefined[name] = error.text
            return None

    sharpes: dict[int, float | None] = {}
    for number, values in zip(found.numbers, found.values, strict=True):
        ratio = tried(f"sharpe_{number}", sharpe_ratio, values)
        sharpes[number] = None if ratio is None else ratio.sharpe
    best = found.values[found.numbers.index(tuning.best.number)]
    return SearchReport(
        sharpes=sharpes,
        best=tuning.best.number,
        deflated=tried("deflated", deflated_sharpe, best, list(sharpes.values()), len(tuning.trials)),
        overfitting=tried("overfitting", overfitting, found.values, blocks),
        undefined=undefined,
    )
