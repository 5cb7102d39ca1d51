"""The features of windows: of one, of a symbol's whole history, of many symbols. One kernel for all.

Histories are taken CHUNK windows at a time, so what is needed besides the result does not grow with their length.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain.errors import InvalidValue
from models.features.bars import WINDOW, Array, Bars, block, count
from models.features.declared import FEATURE_NAMES, FEATURES
from models.features.windows import Windows

Index = NDArray[np.int64]

CHUNK = 4_096
"""Windows computed at once: their arrays fit into a core's cache."""


def compute(window: Bars) -> dict[str, float]:
    """The features of the last bar of exactly WINDOW bars, by name, each finite.

    Raises InvalidValue when the window has another length, a price that is not positive and finite, a volume that is
    negative or not finite, or when a feature is beyond what a float can hold.
    """
    bars = count(window)
    if bars != WINDOW:
        raise InvalidValue("FEATURES_WINDOW", f"features need {WINDOW} bars, there were {bars}")
    (row,) = compute_block(block(window, 0, WINDOW)).tolist()
    return dict(zip(FEATURE_NAMES, row, strict=True))


def compute_frame(bars: Bars) -> tuple[Index, Array]:
    """`compute` over every window of a symbol's history.

    Gives (index, matrix): index[i] is the position in `bars` of the bar that row i stands for (WINDOW - 1 and on);
    matrix has one row per window and one column per feature, in the order of FEATURES. Both empty when there are fewer
    than WINDOW bars. Raises InvalidValue as `compute` does, naming the bar.
    """
    return compute_frames(bars, np.zeros(1, dtype=np.int64))


def compute_frames(bars: Bars, firsts: Index) -> tuple[Index, Array]:
    """`compute_frame` of many symbols whose bars lie end to end; no window reaches over from one to the next.

    firsts: the position in `bars` of each symbol's first bar, the first of them 0, ascending.
    """
    total = count(bars)
    stops = np.append(firsts[1:], total)
    if len(firsts) == 0 or firsts[0] != 0 or (stops < firsts).any():
        raise InvalidValue("FEATURES_FIRSTS", f"firsts must begin with 0 and ascend to at most {total} bars")
    spans = [(int(first), int(stop)) for first, stop in zip(firsts, stops, strict=True) if stop - first >= WINDOW]
    index = np.concatenate([np.empty(0, dtype=np.int64), *(np.arange(a + WINDOW - 1, b) for a, b in spans)])
    matrix = np.empty((len(index), len(FEATURES)), dtype=np.float64)
    row = 0
    for first, stop in spans:
        for start in range(first, stop - WINDOW + 1, CHUNK):
            rows = min(CHUNK, stop - WINDOW + 1 - start)
            compute_block(block(bars, start, start + rows + WINDOW - 1), matrix[row : row + rows])
            row += rows
    return index, matrix


def compute_block(bars: Array, out: Array | None = None) -> Array:
    """The rows (n, features) of the n windows in a block: (5, n + WINDOW - 1), a Bars as rows, checked.

    A row's bytes depend on its own window alone, not on n nor on its place. Raises InvalidValue when one is not finite.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what comes of it is refused below
        windows = Windows(bars)
        rows = np.empty((windows.count, len(FEATURES)), dtype=np.float64) if out is None else out
        for column, feature in enumerate(FEATURES):
            rows[:, column] = feature.compute(windows)
    if not np.isfinite(rows).all():
        names = [name for name, column in zip(FEATURE_NAMES, rows.T, strict=True) if not np.isfinite(column).all()]
        raise InvalidValue("FEATURES_OVERFLOW", f"prices or volumes are too far apart to compute {', '.join(names)}")
    return rows
