"""The newest bars of one symbol, online: bars are pushed one at a time, feature rows come out.

A row is computed when it is asked for, once, by the kernel that computes histories; what comes out is a function of the
bars held and of nothing else, so a window that is filled anew after a restart gives the same bytes.
Verification: tests/models/features/test_rolling.py.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from domain.errors import InvalidValue
from models.features.bars import WINDOW, Array, Priced, check, numbers
from models.features.declared import FEATURES
from models.features.frame import compute_block


class RollingWindow:
    """The last `capacity` bars. A model that looks at `steps` rows needs WINDOW + steps - 1 of them."""

    def __init__(self, capacity: int = WINDOW) -> None:
        if capacity < WINDOW:
            raise InvalidValue(
                "FEATURES_CAPACITY", f"a window must hold {WINDOW} bars at least, it was to hold {capacity}"
            )
        self.capacity = capacity
        self._bars = np.zeros((5, 2 * capacity))  # bars held end at _end; at the end of the room they move to its start
        self._end = 0
        self._held = 0
        self._rows = np.empty((0, len(FEATURES)))  # rows computed, oldest first, with none missing between them
        self._behind = 0  # bars pushed since the newest of them

    def __len__(self) -> int:
        return self._held

    def push(self, bar: Priced) -> None:
        """Take in the next bar; the oldest leaves when there are more than `capacity`."""
        if self._end == self._bars.shape[1]:
            kept = self.capacity - 1
            self._bars[:, :kept] = self._bars[:, self._end - kept :]
            self._end = kept
        self._bars[:, self._end] = numbers(bar)
        self._end += 1
        self._held = min(self._held + 1, self.capacity)
        self._behind += 1

    def row(self) -> Array | None:
        """The features of the newest bar, in the order of FEATURES; None while there are fewer than WINDOW bars.

        Raises InvalidValue as `models.features.compute` does, as long as what is no price or volume is in the window.
        """
        rows = self.rows(1)
        return None if rows is None else rows[0]

    def rows(self, steps: int) -> Array | None:
        """(steps, features): the rows of the last `steps` bars, oldest first; None while there are too few bars.

        Raises InvalidValue as `row` does, and for more steps than `capacity` has room for.
        """
        room = self.capacity - WINDOW + 1
        if not 1 <= steps <= room:
            raise InvalidValue("FEATURES_STEPS", f"a window of {self.capacity} bars has 1 to {room} rows, not {steps}")
        if self._held < WINDOW + steps - 1:
            return None
        adjoins = self._behind <= steps <= self._behind + len(self._rows)
        missing = self._behind if adjoins else steps
        if missing:
            bars = self._bars[:, self._end - missing - WINDOW + 1 : self._end]
            check(bars)
            fresh = compute_block(bars)
            self._rows = np.concatenate([self._rows, fresh])[-room:] if adjoins else fresh
            self._behind = 0
        return self._rows[-steps:].copy()

    def split(self, ratio: Decimal) -> None:
        """The bars held, in new units: prices over `ratio`, volumes times it. ratio: new units for one old.

        Raises InvalidValue unless the ratio is finite and above zero. One beyond what a float can hold leaves bars that
        are no bars, which `row` refuses until they have left.
        """
        if not (ratio.is_finite() and ratio > 0):
            raise InvalidValue("SPLIT_RATIO", f"a split's ratio must be finite and above zero, it was {ratio}")
        held = self._bars[:, self._end - self._held : self._end]
        with np.errstate(all="ignore"):
            held[:4] /= float(ratio)
            held[4] *= float(ratio)
        self._rows = self._rows[:0]  # the rows of bars that were otherwise rounded are not those of a restarted window
        self._behind = 0
