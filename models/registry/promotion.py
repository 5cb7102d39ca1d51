"""Whether a challenger is better than the champion: on one fresh window that neither has learnt from.

Both say probabilities for the same decisions, all after the last day that either was trained on. Better is the lower
log loss, a proper score: it cannot be had by saying anything but what one believes (T. Gneiting, A. Raftery, Strictly
proper scoring rules, 2007). The interval of the difference comes from a bootstrap over blocks of days, for labels of
neighbouring days overlap (H. Künsch, 1989).

A challenger has one window. Trying windows until one agrees would be choosing by luck, so the first is kept on the
version, and another one is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import msgspec
import numpy as np

from domain.errors import InvalidValue
from models.engine.predictor import Predictor
from models.features import Array
from models.marketdata import MarketBar
from models.samples import Samples, build_samples

SAMPLES_MIN = 60
RESAMPLES = 1_000
_SEED = 20_110_103


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two versions on one window. first, last: days of decisions, both included.

    log_loss, accuracy: champion's and challenger's. difference: challenger's log loss minus champion's, with its 95 %
    interval; below zero the challenger is better.
    """

    champion: str
    challenger: str
    first: date
    last: date
    samples: int
    log_loss: tuple[float, float]
    accuracy: tuple[float, float]
    difference: float
    difference_low: float
    difference_high: float

    @property
    def better(self) -> bool:
        return self.difference < 0.0

    def details(self) -> dict[str, str]:
        """For `audit.logs`."""
        return {
            "window": f"{self.first} … {self.last}",
            "samples": str(self.samples),
            "log_loss_before": f"{self.log_loss[0]:.6f}",
            "log_loss_after": f"{self.log_loss[1]:.6f}",
            "difference_95": f"{self.difference_low:.6f} … {self.difference_high:.6f}",
        }


def fresh_from(champion: Predictor, challenger: Predictor) -> date:
    """The first day that neither has learnt from."""
    return max(champion.meta.trained_until, challenger.meta.trained_until) + timedelta(days=1)


def compare(
    champion: Predictor, challenger: Predictor, bars: Sequence[MarketBar], first: date, last: date
) -> Comparison:
    """Both on the decisions from `first` to `last`. bars: with a window's length of history before `first`.

    Raises InvalidValue when the window is not fresh, holds too few decisions, or the two foretell different things.
    """
    if first < fresh_from(champion, challenger):
        raise InvalidValue(
            "MODEL_WINDOW_NOT_FRESH",
            f"expected a window from {fresh_from(champion, challenger)} on, the day after the last that "
            f"{champion.id} and {challenger.id} have learnt from; it was from {first}",
        )
    if champion.label != challenger.label:
        raise InvalidValue(
            "MODEL_LABELS_DIFFER",
            f"{champion.id} foretells {champion.label}, {challenger.id} {challenger.label}: they cannot be compared",
        )
    steps = max(champion.steps, challenger.steps)
    samples = build_samples(bars, challenger.label).between(first, last).with_steps(steps)
    if len(samples) < SAMPLES_MIN:
        raise InvalidValue(
            "MODEL_WINDOW_SHORT",
            f"expected {SAMPLES_MIN} decisions or more from {first} to {last}, there are {len(samples)}",
        )
    said = [one.probabilities(samples.rows(one.steps)) for one in (champion, challenger)]
    losses = [_losses(probabilities, samples) for probabilities in said]
    difference = losses[1] - losses[0]
    low, high = _interval(difference, samples, challenger.label.horizon_bars)
    return Comparison(
        champion=champion.version,
        challenger=challenger.version,
        first=first,
        last=last,
        samples=len(samples),
        log_loss=(float(losses[0].mean()), float(losses[1].mean())),
        accuracy=_accuracies(said, samples),
        difference=float(difference.mean()),
        difference_low=low,
        difference_high=high,
    )


def _losses(probabilities: Array, samples: Samples) -> Array:
    own = probabilities[np.arange(len(samples)), samples.target]
    losses: Array = -np.log(np.maximum(own, 1e-15))
    return losses


def _accuracies(said: Sequence[Array], samples: Samples) -> tuple[float, float]:
    before, after = (float((one.argmax(axis=1) == samples.target).mean()) for one in said)
    return before, after


def _interval(difference: Array, samples: Samples, horizon: int) -> tuple[float, float]:
    """95 % of the means of resampled blocks of days. A block is two horizons long, so that overlaps stay together."""
    days, place = np.unique(samples.decided, return_inverse=True)
    sums, counts = np.bincount(place, weights=difference), np.bincount(place)
    length = min(2 * horizon, len(days))
    starts = np.random.default_rng(_SEED).integers(0, len(days), (RESAMPLES, -(-len(days) // length)))
    chosen = ((starts[:, :, None] + np.arange(length)) % len(days)).reshape(RESAMPLES, -1)[:, : len(days)]
    means = sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
