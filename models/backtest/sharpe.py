"""The Sharpe ratio, how sure it is, and what luck alone would give."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from models.backtest.sample import FLAT, Z95, Sample, Undefined, Value, deviation
from models.features import Array

_EULER = 0.5772156649015329
_NORMAL = NormalDist()


def sharpe_ratio(sample: Sample, closes: float) -> Value:
    """mean(r) / s(r) x sqrt(P), without a risk-free rate. Interval: +- 1.96 standard errors, which for n returns are
    sqrt((1 + SR^2 / 2 - g3 x SR + (g4 - 3) / 4 x SR^2) / n) x sqrt(P), SR per close, g3 skewness, g4 kurtosis of r.

    Source: W. F. Sharpe, The Sharpe Ratio, Journal of Portfolio Management 21 (1994). Standard error: A. W. Lo, The
    Statistics of Sharpe Ratios, Financial Analysts Journal 58 (2002), for returns that need not be normal: E. Mertens,
    Comments on variance of the IID estimator in Lo (2002), 2002. Both take returns for independent.
    """
    returns = sample.returns
    ratio, error = per_close_sharpe(returns), sharpe_error(returns)
    scale = math.sqrt(closes)
    return Value(ratio * scale, (ratio - Z95 * error) * scale, (ratio + Z95 * error) * scale)


def per_close_sharpe(returns: Array) -> float:
    """mean(r) / s(r), not annualised. Raises Undefined when returns do not vary."""
    spread = deviation(returns)
    if spread <= FLAT:
        raise Undefined("the returns do not vary")
    return float(returns.mean()) / spread


def sharpe_error(returns: Array) -> float:
    """Mertens' standard error of `per_close_sharpe`, see sharpe_ratio."""
    ratio = per_close_sharpe(returns)
    skew, kurtosis = _moments(returns)
    variance = 1.0 + ratio**2 / 2.0 - skew * ratio + (kurtosis - 3.0) / 4.0 * ratio**2
    return math.sqrt(max(0.0, variance) / len(returns))


def probabilistic_sharpe(sample: Sample, _: float) -> Value:
    """Probability that the true Sharpe ratio is above zero:
    F(SR x sqrt(n - 1) / sqrt(1 - g3 x SR + (g4 - 1) / 4 x SR^2)), F the normal distribution, SR per close.

    Source: D. H. Bailey, M. Lopez de Prado, The Sharpe Ratio Efficient Frontier, Journal of Risk 15 (2012).
    """
    return Value(probability_above(sample.returns, 0.0))


def deflated_sharpe(sample: Sample, _: float) -> Value:
    """As the probabilistic Sharpe ratio, against the best Sharpe ratio that so many trials give by luck:
    SR0 = sqrt(V) x ((1 - e) x Q(1 - 1 / N) + e x Q(1 - 1 / (N x exp(1)))), N trials, V the variance of their Sharpe
    ratios per close, e = 0.5772 (Euler and Mascheroni), Q the normal quantile.

    Source: D. H. Bailey, M. Lopez de Prado, The Deflated Sharpe Ratio, Journal of Portfolio Management 40 (2014).
    """
    if sample.trials is None or sample.trials_variance is None:
        raise Undefined("nobody counted the models that were tried before this one was chosen")
    return Value(probability_above(sample.returns, luckiest_sharpe(sample.trials, sample.trials_variance)))


def probability_above(returns: Array, benchmark: float) -> float:
    """Probability that the true Sharpe ratio per close is above the benchmark, see probabilistic_sharpe."""
    ratio = per_close_sharpe(returns)
    skew, kurtosis = _moments(returns)
    return sharpe_probability(ratio, benchmark, len(returns), skew, kurtosis)


def sharpe_probability(ratio: float, benchmark: float, count: int, skew: float, kurtosis: float) -> float:
    """See probabilistic_sharpe; kurtosis: 3 for a normal distribution. Raises Undefined where there is no root."""
    spread = 1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio**2
    if spread <= 0:
        raise Undefined("the returns are too skewed for this formula")
    return _NORMAL.cdf((ratio - benchmark) * math.sqrt(count - 1) / math.sqrt(spread))


def luckiest_sharpe(trials: int, variance: float) -> float:
    """SR0 of deflated_sharpe; zero for a single trial."""
    if trials < 2:
        return 0.0
    by_luck = (1.0 - _EULER) * _NORMAL.inv_cdf(1.0 - 1.0 / trials) + _EULER * _NORMAL.inv_cdf(
        1.0 - 1.0 / (trials * math.e)
    )
    return math.sqrt(variance) * by_luck


def _moments(returns: Array) -> tuple[float, float]:
    """Skewness and kurtosis (3 for a normal distribution), of the population's form."""
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    if variance <= FLAT**2:
        raise Undefined("the returns do not vary")
    return float(np.mean(centred**3)) / variance**1.5, float(np.mean(centred**4)) / variance**2
