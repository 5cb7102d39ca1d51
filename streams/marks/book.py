"""Which prices are worth telling: those that moved far enough since they were told last. Pure.

Every mark is an event on every partition's tape for ever, so a price that stands still is not told again.
"""

from __future__ import annotations

from decimal import Decimal

from domain.decide_desk import is_newer
from domain.numbers import exact
from domain.world import Mark, MarkedPrice

_BPS = 10_000


class MarkBook:
    """The newest price of each symbol, and the one that was told last. move_bps: by how much it must have moved."""

    def __init__(self, move_bps: Decimal) -> None:
        self._move_bps = move_bps
        self._told: dict[str, Decimal] = {}
        self._newest: dict[str, Mark] = {}
        self._changed: dict[str, MarkedPrice] = {}

    def take(self, one: MarkedPrice) -> None:
        """A price was seen; an older one than that of its symbol is passed over."""
        if not is_newer(one, self._newest.get(one.symbol)):
            return
        self._newest[one.symbol] = one
        if self._has_moved(one):
            self._changed[one.symbol] = one
        else:
            self._changed.pop(one.symbol, None)  # it moved, and came back before it was told

    def due(self) -> tuple[MarkedPrice, ...]:
        """What is to be told now, by symbol; it counts as told from here on."""
        marks = tuple(self._changed[symbol] for symbol in sorted(self._changed))
        self._told.update((one.symbol, one.price) for one in marks)
        self._changed.clear()
        return marks

    def _has_moved(self, one: MarkedPrice) -> bool:
        told = self._told.get(one.symbol)
        if told is None or one.price == told:
            return told is None
        with exact():
            return abs(one.price - told) * _BPS >= self._move_bps * told
