"""What no skill at all would have scored: the figures that a model's own are read beside.

    majority          the most frequent class of the training part       } learners, given by name
    lagged logistic   a logistic regression on the last few returns      }
    permuted labels   the model itself, its training labels shuffled: what it scores without anything to learn
    buy and hold      BUY on every row: decisions alone, no probabilities

Each is fitted on the same training rows and scored on the same test rows, by the same figures. A model that does not
beat the first two has found nothing; one that scores above chance with permuted labels is being told the answers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.classes import BUY
from models.features import Array
from models.learners.base import Classifier, Learner, Targets
from models.samples import Samples
from models.validation.scores import ModelScores, score
from models.validation.splits import Fold

PERMUTED = "permuted"
BUY_AND_HOLD = "buy_and_hold"
_STREAM = 0x7065726D  # the shuffle draws from numbers of its own, apart from a learner's with the same seed


def baseline_scores(
    samples: Samples, fold: Fold, learner: Learner, others: Mapping[str, Learner], *, seed: int
) -> dict[str, ModelScores]:
    """The scores of every baseline on one fold, by name: `others` as they are named, then permuted and buy_and_hold.

    Raises InvalidValue as the learners do.
    """
    train, test = samples.where(fold.train), samples.where(fold.test)
    found = {name: _scored(fit(other, train, seed=seed), other, test) for name, other in others.items()}
    shuffled = fit(learner, train, seed=seed, target=permuted(train.target, seed))
    found[PERMUTED] = _scored(shuffled, learner, test)
    always = np.full(len(test), BUY, dtype=np.int64)
    found[BUY_AND_HOLD] = score(test.target, None, decisions=always, weight=test.weight)
    return found


def fit(learner: Learner, train: Samples, *, seed: int, target: Targets | None = None) -> Classifier:
    """Fit a learner on samples; `target` in place of their own."""
    return learner.fit(train.rows(learner.steps), train.target if target is None else target, train.weight, seed=seed)


def predict(classifier: Classifier, learner: Learner, test: Samples) -> Array:
    """(n, 3): the probabilities of samples."""
    return classifier.probabilities(test.rows(learner.steps))


def permuted(target: Targets, seed: int) -> Targets:
    """The same labels in an order drawn from the seed: nothing but their frequencies is left to learn."""
    return np.random.default_rng([seed, _STREAM]).permutation(target)


def _scored(classifier: Classifier, learner: Learner, test: Samples) -> ModelScores:
    return score(test.target, predict(classifier, learner, test), weight=test.weight)
