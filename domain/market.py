"""Market data: instruments, ticks and bars, and the positions that name them."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from domain.errors import InvalidValue

SPLIT_RATIO_MAX = Decimal(1_000_000)
"""Of units after to units before, either way round."""


class Instrument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be traded, and in which steps. Prices are in `currency` per unit.

    shortable: whether it may be sold short at all. easy_to_borrow: whether a short sale needs no locate.
    mic: the exchange whose trading sessions it has, an ISO 10383 code.
    """

    symbol: str
    currency: str = "USD"
    price_increment: Decimal = Decimal("0.01")
    quantity_increment: Decimal = Decimal("1")
    shortable: bool = True
    easy_to_borrow: bool = False
    mic: str = "XNAS"


def _require_finite(code: str, *values: Decimal) -> None:
    """NaN cannot be compared and infinity is no price: both are refused before any other check."""
    if not all(value.is_finite() for value in values):
        raise InvalidValue(code, f"expected finite numbers, they were {', '.join(map(str, values))}")


class Bar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One completed bar. Prices in the instrument's currency, volume in units."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    def __post_init__(self) -> None:
        _require_finite("BAR_NOT_FINITE", self.open, self.high, self.low, self.close, self.volume)
        top, bottom = max(self.open, self.close), min(self.open, self.close)
        if self.high < self.low:
            raise InvalidValue("BAR_HIGH_BELOW_LOW", f"high {self.high} is below low {self.low}; expected high >= low")
        if self.high < top or self.low > bottom:
            raise InvalidValue(
                "BAR_OUT_OF_RANGE",
                f"open {self.open} and close {self.close} must lie between low {self.low} and high {self.high}",
            )
        if self.low <= 0 or self.volume < 0:
            raise InvalidValue(
                "BAR_NOT_POSITIVE", f"low {self.low} must be above zero and volume {self.volume} not below it"
            )


class Tick(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One trade print on `market.ticks`; the last tick of a bar carries the whole bar.

    market_time_us: microseconds since 1970 UTC, the market's own clock. volume: units traded since the last tick.
    halted: trading in the symbol is halted at this time; the price is the last one, and nobody can trade on it. The
        first tick without it is the resumption.
    split: new units for one old, 2 for a two-for-one. From this tick on prices and volumes are in new units; a bar that
        is completed by this tick or a later one is wholly in new units.
    """

    symbol: str
    market_time_us: int
    price: Decimal
    volume: Decimal
    bar: Bar | None = None
    halted: bool = False
    split: Decimal | None = None

    def __post_init__(self) -> None:
        if not self.symbol:
            raise InvalidValue("TICK_SYMBOL_MISSING", "a tick needs a symbol, it was empty")
        _require_finite("TICK_NOT_FINITE", self.price, self.volume)
        if self.price <= 0 or self.volume < 0:
            raise InvalidValue(
                "TICK_NOT_POSITIVE",
                f"tick price {self.price} must be above zero and volume {self.volume} not below it",
            )
        if self.split is not None and not (
            self.split.is_finite() and 1 / SPLIT_RATIO_MAX <= self.split <= SPLIT_RATIO_MAX
        ):
            raise InvalidValue(
                "TICK_SPLIT",
                f"a split's ratio must be from {1 / SPLIT_RATIO_MAX:f} to {SPLIT_RATIO_MAX:f}, new units for one old; "
                f"it was {self.split}",
            )
        if self.bar is not None and self.bar.close != self.price:
            raise InvalidValue(
                "TICK_NOT_CLOSE", f"a tick that completes a bar has its close {self.bar.close}, it was {self.price}"
            )


class TickRef(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The position of a tick on `market.ticks`, and its market time (microseconds UTC)."""

    partition: int
    offset: int
    market_time_us: int


class TickAt(NamedTuple):
    """A tick and its position on `market.ticks`."""

    ref: TickRef
    tick: Tick
