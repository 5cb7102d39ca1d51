"""What a backtest is asked to do, and the inputs on `backtest.requests` that ask for one or end one."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

import msgspec

from domain.errors import InvalidValue

Strategy = Literal["model-follower", "buy-and-hold"]
BarSource = Literal["installed", "recorded"]
"""installed: the market data of the installed package; recorded: the bars of `market.ticks` that the database has."""


_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_day(text: str) -> bool:
    """Whether a text is a day of the Gregorian calendar as ISO 8601 writes it: years 0001 to 9999."""
    found = _DAY.fullmatch(text)
    if found is None:
        return False
    year, month, day = (int(part) for part in found.groups())
    if not (year and 1 <= month <= 12 and 1 <= day <= _LENGTHS[month - 1]):
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return leap or (month, day) != (2, 29)


class BacktestTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is simulated. first, last: days, ISO 8601, both included. cash: what the account starts with, in USD.

    model: `name@alias` or `name/version`; empty: the settings' own. allocation: cash put into one symbol by one entry;
    protection: how far above the signal's price a purchase may fill, as a fraction. Costs as the paper venue's: fee and
    half spread in basis points, impact in basis points at a participation of 100 % (square-root law), and the share of
    a tick's volume that one order may take.
    """

    symbols: tuple[str, ...]
    first: str
    last: str
    strategy: Strategy = "model-follower"
    model: str = ""
    source: BarSource = "installed"
    cash: Decimal = Decimal("100000.00")
    allocation: Decimal = Decimal("20000")
    protection: Decimal = Decimal("0.10")
    fee_bps: Decimal = Decimal("1")
    half_spread_bps: Decimal = Decimal("1")
    impact_bps: Decimal = Decimal("10")
    participation_max: Decimal = Decimal("0.10")

    def __post_init__(self) -> None:
        if not self.symbols or len(set(self.symbols)) != len(self.symbols):
            raise InvalidValue("BACKTEST_SYMBOLS", f"expected one symbol or more, each once, they were {self.symbols}")
        for day in (self.first, self.last):
            if not is_day(day):
                raise InvalidValue("BACKTEST_DAY_INVALID", f"expected a day as YYYY-MM-DD, it was {day!r}")
        if self.last < self.first:
            raise InvalidValue(
                "BACKTEST_RANGE_EMPTY", f"expected first <= last, they were {self.first} and {self.last}"
            )
        for name in ("cash", "allocation", "participation_max"):
            value: Decimal = getattr(self, name)
            if not (value.is_finite() and value > 0):
                raise InvalidValue("BACKTEST_NOT_POSITIVE", f"expected {name} above zero, it was {value}")
        for name in ("protection", "fee_bps", "half_spread_bps", "impact_bps"):
            value = getattr(self, name)
            if not (value.is_finite() and value >= 0):
                raise InvalidValue("BACKTEST_NEGATIVE", f"expected {name} of zero or more, it was {value}")
        if self.participation_max > 1:
            raise InvalidValue(
                "BACKTEST_PARTICIPATION", f"expected participation_max of at most 1, it was {self.participation_max}"
            )


class BacktestRequested(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input on `backtest.requests`: run a backtest. Key: backtest_id."""

    backtest_id: str
    requested_by: str
    issued_at_us: int
    terms: BacktestTerms


class BacktestCancelled(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input on `backtest.requests`: end a backtest that is waiting or running. Key: backtest_id."""

    backtest_id: str
    requested_by: str
    issued_at_us: int
