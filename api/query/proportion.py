"""How sure a share of successes is that was counted in few trials.

Verification: tests/domain/test_proportion.py, against published intervals.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from domain.errors import InvalidValue


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Low and high end of the Wilson score interval of a proportion: those shares that a two-sided test at
    1 - `confidence` does not reject.

    E. B. Wilson (1927), Journal of the American Statistical Association 22, 209-212; unlike p ± z √(p(1-p)/n) it stays
    within 0 and 1, and keeps its level with few trials (L. D. Brown, T. T. Cai, A. DasGupta (2001), Statistical Science
    16, 101-133, who recommend it). Trials are taken as independent. Raises InvalidValue PROPORTION_INVALID.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise InvalidValue(
            "PROPORTION_INVALID",
            f"expected at least one trial, and between none and all successes; it was {successes} of {trials}",
            successes=str(successes),
            trials=str(trials),
        )
    if not 0 < confidence < 1:
        raise InvalidValue("PROPORTION_INVALID", f"expected a confidence between 0 and 1, it was {confidence}")
    share, weight = successes / trials, NormalDist().inv_cdf((1 + confidence) / 2) ** 2 / trials  # z²/n
    middle, reach = share + weight / 2, sqrt(weight * (share * (1 - share) + weight / 4))
    low = 0.0 if successes == 0 else (middle - reach) / (1 + weight)  # exactly, which rounding would miss
    high = 1.0 if successes == trials else (middle + reach) / (1 + weight)
    return low, high
