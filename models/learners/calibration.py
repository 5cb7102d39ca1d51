"""Makes probabilities mean what they say: one temperature for all classes and one shift for each.

    calibrated = softmax(a log p + b)

a < 1 for a model that is too sure, a > 1 for one that is not sure enough; b for classes that are more or less frequent
than it thinks. Four numbers, so a few hundred rows that the model has not learnt from are enough.

Source: C. Guo et al., On calibration of modern neural networks, ICML 2017 (temperature scaling; with the shift it is
their vector scaling with one common slope); M. Kull et al., Beyond temperature scaling: obtaining well-calibrated
multiclass probabilities with Dirichlet calibration, NeurIPS 2019 (on log probabilities, with a penalty).

Boundaries: the rows to fit on are the caller's to choose. Fitted on a model's own training rows it makes things worse.
"""

from __future__ import annotations

import msgspec
import numpy as np

from domain.errors import InvalidValue
from models.classes import CLASSES
from models.features import Array
from models.learners.base import Targets
from models.learners.probability import FLOOR, log_loss, softmax

SLOPE_MIN, SLOPE_MAX = 0.01, 100.0
PENALTY = 1e-4
"""On (a - 1)^2 + |b|^2, in nats: pins what the data leaves open (b is known up to a constant), and little else."""


class Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """slope: a, positive, so that the order of a row's classes is kept where the shifts are equal. shifts: b."""

    slope: float = 1.0
    shifts: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if not (SLOPE_MIN <= self.slope <= SLOPE_MAX and np.isfinite(self.shifts).all()):
            raise InvalidValue(
                "CALIBRATION_INVALID",
                f"the slope must be from {SLOPE_MIN} to {SLOPE_MAX} and shifts finite; they were {self}",
            )

    def apply(self, probabilities: Array) -> Array:
        """probabilities: (n, 3), in the order of CLASSES. Gives the same shape, rows summing to one.

        The identity gives back the very same numbers.
        """
        if self == IDENTITY:
            return probabilities
        return softmax(self.slope * _logarithms(probabilities) + self.shifts)


IDENTITY = Calibration()


def fit_calibration(probabilities: Array, target: Targets, weight: Array) -> Calibration:
    """The calibration of least weighted log loss, plus PENALTY; the identity where none is better on these rows.

    probabilities: (n, 3) of a model that has not seen the rows; target: indexes into CLASSES; weight: not negative.
    Raises InvalidValue when shapes do not fit, nothing weighs anything, or a probability is not one.
    """
    from scipy.optimize import minimize  # takes most of a second, and who applies a calibration needs none of it

    _check(probabilities, target, weight)
    logarithms, share = _logarithms(probabilities), weight / weight.sum()
    own = np.eye(len(CLASSES))[target]

    def objective(parameters: Array) -> tuple[float, Array]:
        """Penalised loss and its gradient; convex in (a, b), since the loss is in the margins."""
        calibrated = softmax(parameters[0] * logarithms + parameters[1:])
        excess = share[:, None] * (calibrated - own)
        apart = parameters - _START
        loss = log_loss(calibrated, target, weight) + PENALTY * float(apart @ apart)
        return loss, np.array([(excess * logarithms).sum(), *excess.sum(axis=0)]) + 2 * PENALTY * apart

    bounds = [(SLOPE_MIN, SLOPE_MAX)] + [(None, None)] * len(CLASSES)
    exactly = {"ftol": 1e-14, "gtol": 1e-9}
    found = minimize(objective, _START, jac=True, method="L-BFGS-B", bounds=bounds, options=exactly).x.tolist()
    fitted = Calibration(slope=found[0], shifts=tuple(found[1:]))
    before, after = (log_loss(one.apply(probabilities), target, weight) for one in (IDENTITY, fitted))
    return fitted if after < before else IDENTITY


_START = np.array([IDENTITY.slope, *IDENTITY.shifts])


def _logarithms(probabilities: Array) -> Array:
    found: Array = np.log(np.maximum(probabilities, FLOOR))
    return found


def _check(probabilities: Array, target: Targets, weight: Array) -> None:
    shapes = (probabilities.shape, target.shape, weight.shape)
    if shapes != ((len(target), len(CLASSES)), (len(target),), (len(target),)):
        raise InvalidValue("CALIBRATION_ROWS", f"expected (n, {len(CLASSES)}), (n,) and (n,), they were {shapes}")
    if not (((probabilities >= 0) & (probabilities <= 1)).all() and np.isin(target, range(len(CLASSES))).all()):
        raise InvalidValue("CALIBRATION_ROWS", "expected probabilities from 0 to 1 and targets that index the classes")
    if not (np.isfinite(weight).all() and (weight >= 0).all() and weight.sum() > 0):
        raise InvalidValue("CALIBRATION_ROWS", "weights must be finite, not negative, and not all zero")
