"""Whether a symbol's features still look as they did in training: the population stability index, bar by bar.

    PSI of a feature = sum over bins of (a - e) * ln(a / e)

with a the share of the last WINDOW_ROWS rows in a bin and e its share in training; bins are the deciles of the training
rows. Source: N. Siddiqi, Credit Risk Scorecards (2006), chapter 8; B. Yurdakul, Statistical Properties of Population
Stability Index (2018). The usual alarm at 0.25 supposes independent rows. Bars are not: a calm year differs from all
years by more than that. So the limit comes from training itself: MARGIN times the furthest that any stretch of
WINDOW_ROWS rows there was from the whole.
Boundaries: pure; it says how far, `models.engine.doubt` says what follows. Verification: tests/models/engine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.features import Array

BINS = 10
WINDOW_ROWS = 250
MARGIN = 1.5
_SHARE_MIN = 1e-4
"""Of a bin that holds nothing, so that the logarithm is finite."""

POOLED = ""
"""Stands for a symbol that was not trained on: all symbols together."""


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one symbol's features were spread in training.

    shares: features x BINS. limit: of the mean PSI over the features; above it the features have drifted.
    """

    shares: tuple[tuple[float, ...], ...]
    limit: float


class Reference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What drift is measured against. edges: features x (BINS - 1) inner edges; baselines: by symbol, and POOLED."""

    edges: tuple[tuple[float, ...], ...]
    baselines: dict[str, Baseline]

    def of(self, symbol: str) -> Baseline:
        return self.baselines.get(symbol) or self.baselines[POOLED]


def reference(features: Array, symbols: NDArray[np.str_]) -> Reference:
    """The reference of a training set. features: (rows, features), each symbol's rows in the order of time."""
    edges = np.quantile(features, np.linspace(0, 1, BINS + 1)[1:-1], axis=0).T
    bins = _binned(features, edges)
    pooled = _shares(bins, edges.shape[0])
    baselines: dict[str, Baseline] = {}
    furthest = 0.0
    for symbol in sorted(set(symbols.tolist())):
        own = bins[symbols == symbol]
        if len(own) < 2 * WINDOW_ROWS:
            continue
        expected = _shares(own, edges.shape[0])
        baselines[symbol] = _baseline(expected, _furthest(own, expected))
        furthest = max(furthest, _furthest(own, pooled))
    # A training set without one long history has nothing to say of a stretch: the usual alarm has to do.
    baselines[POOLED] = _baseline(pooled, furthest or 0.25 / MARGIN)
    return Reference(edges=_tuples(edges), baselines=baselines)


def stability(actual: Array, expected: Array) -> Array:
    """PSI of each feature, zero or more. actual, expected: (..., features, BINS) shares; gives (..., features)."""
    a, e = np.maximum(actual, _SHARE_MIN), np.maximum(expected, _SHARE_MIN)
    psi: Array = ((a - e) * np.log(a / e)).sum(axis=-1)
    return psi


class DriftMonitor:
    """The last WINDOW_ROWS feature rows of one symbol against a reference. The same rows give the same numbers."""

    def __init__(self, against: Reference, symbol: str) -> None:
        baseline = against.of(symbol)
        self._edges = [np.array(edges) for edges in against.edges]
        self._expected = np.array(baseline.shares)
        self._limit = baseline.limit
        self._counts = np.zeros(self._expected.shape)
        self._places = np.arange(len(self._edges))
        self._rows: deque[NDArray[np.int64]] = deque()

    def push(self, row: Sequence[float] | Array) -> None:
        """Take in the next row. Raises ValueError when it has another number of features."""
        bins = np.array(
            [np.searchsorted(edges, value, side="right") for edges, value in zip(self._edges, row, strict=True)]
        )
        self._rows.append(bins)
        self._counts[self._places, bins] += 1
        if len(self._rows) > WINDOW_ROWS:
            self._counts[self._places, self._rows.popleft()] -= 1

    def psi(self) -> Array | None:
        """PSI of each feature; None before there are WINDOW_ROWS rows."""
        if len(self._rows) < WINDOW_ROWS:
            return None
        return stability(self._counts / WINDOW_ROWS, self._expected)

    def drift(self) -> float | None:
        """Mean PSI in units of the limit: above 1 the features have drifted. None before there are WINDOW_ROWS rows."""
        psi = self.psi()
        return None if psi is None else float(psi.mean()) / self._limit


def _binned(features: Array, edges: Array) -> NDArray[np.int64]:
    columns = [np.searchsorted(own, column, side="right") for own, column in zip(edges, features.T, strict=True)]
    return np.array(columns, dtype=np.int64).T


def _shares(bins: NDArray[np.int64], features: int) -> Array:
    return np.array([np.bincount(bins[:, k], minlength=BINS) for k in range(features)]) / max(len(bins), 1)


def _furthest(bins: NDArray[np.int64], expected: Array) -> float:
    """The largest mean PSI of any WINDOW_ROWS rows in a row, against the expected shares."""
    rows, features = bins.shape
    mean = np.zeros(rows - WINDOW_ROWS + 1)
    for k in range(features):
        counts = np.zeros((rows + 1, BINS), dtype=np.int32)
        counts[1:] = np.cumsum(bins[:, k, None] == np.arange(BINS), axis=0, dtype=np.int32)
        mean += stability((counts[WINDOW_ROWS:] - counts[:-WINDOW_ROWS]) / WINDOW_ROWS, expected[k]) / features
    return float(mean.max())


def _baseline(shares: Array, furthest: float) -> Baseline:
    return Baseline(shares=_tuples(shares), limit=MARGIN * max(furthest, 1e-9))


def _tuples(matrix: Array) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in matrix)
