"""How often chance would have predicted as well: labels shifted along time against the predictions as they are.

The p-value of a permutation test is (1 + how many of `draws` shuffles score at least as well) / (1 + draws)
(M. Ojala, G. Garriga, Permutation tests for studying classifier performance, JMLR 11, 2010). Labels are not shuffled
one by one: neighbours overlap, and a shuffle that tears them apart would make chance look smaller than it is. Instead
each fold's labels are moved along time as a ring, all symbols by the same share of their rows, so that both the labels'
memory and what symbols have in common on a day stay (circular shifts; D. Politis, J. Romano, 1992). Nothing is fitted
anew: this asks whether predictions go with labels, and says nothing of a leak, through which they would.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from domain.errors import InvalidValue
from models.features import Array
from models.samples import Samples
from models.validation.splits import Fold

DRAWS = 999


class ChanceTest(msgspec.Struct, frozen=True, kw_only=True):
    """Whether predictions go with the labels better than chance would have it.

    log_loss: of the predictions over the test rows of all folds, in nats.
    log_loss_by_chance: mean over the shifts.
    draws: number of shifts.
    p_value: share of shifts, the true one included, whose log loss is as low or lower; at least 1 / (1 + draws).
    """

    log_loss: float
    log_loss_by_chance: float
    draws: int
    p_value: float


def chance_test(
    samples: Samples, folds: Sequence[Fold], probabilities: Sequence[Array], *, seed: int, draws: int = DRAWS
) -> ChanceTest:
    """probabilities: of each fold, (test rows, 3). Raises InvalidValue when no symbol has two rows in a fold."""
    random = np.random.default_rng(seed)
    sums = np.zeros(draws)
    true, rows, can_move = 0.0, 0, False
    for fold, predicted in zip(folds, probabilities, strict=True):
        costs = -np.log(np.maximum(predicted, np.finfo(np.float64).eps))
        shares = random.random(draws)
        for symbol in np.unique(samples.symbol[fold.test]):
            own = np.flatnonzero(samples.symbol[fold.test] == symbol)
            target = samples.target[fold.test[own]]
            count = len(own)
            can_move |= count > 1
            shift = 1 + np.floor(shares * max(count - 1, 0)).astype(np.int64)  # 1 to count - 1: never where they were
            moved = target[(np.arange(count)[None, :] + shift[:, None]) % count]
            sums += np.take_along_axis(costs[own], moved.T, axis=1).sum(axis=0)
            true += float(costs[own, target].sum())
            rows += count
    if not can_move:
        raise InvalidValue("CHANCE_TOO_SHORT", "no symbol has two test rows in a fold: there is nothing to shift")
    as_good = int((sums <= true + 1e-12 * abs(true)).sum())  # sums in another order may differ in the last bits
    return ChanceTest(
        log_loss=true / rows,
        log_loss_by_chance=float(sums.mean() / rows),
        draws=draws,
        p_value=(1 + as_good) / (1 + draws),
    )
