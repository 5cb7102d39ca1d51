"""What a source must say about its rows before they are read: nothing that changes a price is guessed.

Boundaries: a declaration is believed. Where the rows themselves speak against it, the report says so
(models.marketdata.series) and the bars stay as declared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

from domain.errors import InvalidValue
from models.marketdata.bars import PRICE_STEP

Prices = Literal["adjusted", "raw", "adj_close", "splits"]
Column = Literal["symbol", "time", "open", "high", "low", "close", "volume", "adjusted_close", "split"]
COLUMNS: tuple[Column, ...] = get_args(Column)

PRICES: Mapping[Prices, str] = MappingProxyType(
    {
        "adjusted": "prices are adjusted already and stay as they are; volume as the file has it",
        "raw": "prices are as traded and stay so: a split looks like a fall; volume as traded",
        "adj_close": "prices as traded, times adjusted close / close of their row; volumes multiplied by the splits "
        "after them, which are the steps of that factor",
        "splits": "prices as traded, those before a split divided by its ratio and volumes multiplied by it",
    }
)
"""How prices can be declared, and what the bars then hold."""

ROWS_MAX = 2_000_000
"""Rows that are read at most, unless declared: each takes about 1.5 kB while it is read.

models.marketdata.synthetic gives arrays for more than that.
"""

_SYMBOL = re.compile(r"[A-Za-z0-9.^][A-Za-z0-9._:/=^+-]{0,31}")
_EPOCHS = ("epoch_s", "epoch_ms", "epoch_us", "epoch_ns")
_INTERVAL = re.compile(r"([1-9]\d{0,4})(s|min|h)")
_READ: Mapping[str, Callable[[str], object]] = {
    "gap_factor": float,
    "price_step": Decimal,
    "fractional_volume": {"yes": True, "no": False}.__getitem__,
    "rows_max": int,
}
_SECONDS = {"s": 1, "min": 60, "h": 3600}


class Declared(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A source's own words about its rows. Raises InvalidValue when they make no sense.

    prices: see PRICES; there is no default. symbol: of all rows, where no column says it. columns: our name -> the
    file's, where the aliases (models.marketdata.columns) do not do. interval_s: seconds of a bar within a day; None: a
    row is a day. stamped: whether the time is that of a bar's start or of its end. zone: IANA name; times without an
    offset are in it, days are its days; empty: times without an offset are UTC, days are as written. time_format: empty
    for ISO 8601, else a pattern of strptime, or one of epoch_s, epoch_ms, epoch_us, epoch_ns. price_step: prices are
    rounded to it, half to even. fractional_volume: False refuses volumes that are not whole. zero_volume: whether bars
    without a trade are kept. mic: the exchange whose sessions say where a bar is missing, as exchange_calendars names
    it (ISO 10383, or 24/5); empty: a gap is one of more than gap_factor median spacings. encoding: of a CSV file.
    """

    prices: Prices
    symbol: str = ""
    columns: dict[Column, str] = {}
    interval_s: int | None = None
    stamped: Literal["start", "end"] = "start"
    zone: str = ""
    time_format: str = ""
    price_step: Decimal = PRICE_STEP
    fractional_volume: bool = False
    zero_volume: Literal["keep", "drop"] = "keep"
    mic: str = ""
    gap_factor: float = 5.0
    encoding: str = "utf-8"
    rows_max: int = ROWS_MAX

    def __post_init__(self) -> None:
        _require(self.prices in PRICES, f"prices are declared as one of {', '.join(PRICES)}, it was {self.prices!r}")
        _require(not self.symbol or usable_symbol(self.symbol), f"{self.symbol!r} is no symbol")
        unknown = sorted(set(self.columns) - set(COLUMNS))
        _require(not unknown, f"columns are {', '.join(COLUMNS)}; there is no {', '.join(unknown)}")
        whole = self.interval_s is None or 1 <= self.interval_s < 86_400
        _require(whole, f"a bar within a day has 1 to 86399 seconds, it was {self.interval_s}")
        _require(self.stamped in {"start", "end"}, f"bars are stamped with their start or end, it was {self.stamped!r}")
        _require(self.zero_volume in {"keep", "drop"}, f"zero volume is keep or drop, it was {self.zero_volume!r}")
        step = self.price_step
        _require(
            step.is_finite() and step > 0 and step.as_tuple().digits == (1,) and -12 <= step.adjusted() <= 6,
            f"a price step is a power of ten from 1E-12 to 1E+6, it was {step}",
        )
        _require(self.gap_factor >= 1, f"a gap is at least one median spacing, the factor was {self.gap_factor}")
        _require(self.rows_max >= 1, f"at least one row is read, it was {self.rows_max}")
        known = not self.time_format or "%" in self.time_format or self.time_format in _EPOCHS
        _require(known, f"a time format is a strptime pattern or one of {_EPOCHS}, it was {self.time_format!r}")
        if self.zone:
            zone_of(self.zone)

    @property
    def interval_us(self) -> int | None:
        return None if self.interval_s is None else self.interval_s * 1_000_000


WORDS: Mapping[str, str] = MappingProxyType(
    {
        "prices": f"{', '.join(PRICES)}: must be declared",
        "symbol": "of all rows, when no column has it",
        "interval": "of bars within a day, like 30s, 5min or 1h; without it rows are days",
        "stamped": "start or end: which of a bar's its time is (start)",
        "zone": "IANA name of the zone of times without an offset (UTC)",
        "time": "a strptime pattern, or epoch_s, epoch_ms, epoch_us, epoch_ns (ISO 8601)",
        "mic": "the exchange whose sessions say where bars are missing, like XNYS",
        "gap_factor": "without mic: a gap is longer than so many usual spacings (5)",
        "price_step": "prices are rounded to it (0.0001)",
        "fractional_volume": "yes or no: take volumes that are not whole (no)",
        "zero_volume": "keep or drop bars without a trade (keep)",
        "encoding": "of a CSV file (utf-8)",
        "rows_max": f"more rows are refused ({ROWS_MAX})",
        **{f"column.{column}": f"the file's name of the column {column}" for column in COLUMNS},
    }
)
"""What can be declared on a command line, as NAME=VALUE."""


def declaration(words: Sequence[str]) -> Declared | None:
    """A declaration out of texts `NAME=VALUE` with names of WORDS; None when there are none. Raises InvalidValue."""
    seen: set[str] = set()
    given: dict[str, Any] = {}
    columns: dict[Column, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        _require(name in WORDS and bool(sign), f"expected NAME=VALUE with {', '.join(WORDS)}; it was {word!r}")
        column = next((column for column in COLUMNS if name == f"column.{column}"), None)
        _require(name not in seen, f"{name} is declared twice")
        seen.add(name)
        if column is not None:
            columns[column] = value
        elif name == "interval":
            given["interval_s"] = seconds(value)
        elif name == "time":
            given["time_format"] = value
        else:
            try:
                given[name] = _READ.get(name, str)(value)
            except (ValueError, ArithmeticError, KeyError) as error:
                raise InvalidValue("BARS_DECLARATION", f"{name}: {WORDS[name]}; it was {value!r}") from error
    if not words:
        return None
    _require("prices" in given, f"prices must be declared: {'; '.join(f'prices={k}: {v}' for k, v in PRICES.items())}")
    return Declared(**given, columns=columns)


def usable_symbol(text: str) -> bool:
    """1 to 32 letters, digits and . _ : / = ^ + -: it can stand in a file, in a URL and in a command."""
    return _SYMBOL.fullmatch(text) is not None


def seconds(text: str) -> int:
    """The seconds of `30s`, `5min` or `1h`. Raises InvalidValue."""
    found = _INTERVAL.fullmatch(text)
    if found is None:
        raise InvalidValue("BARS_DECLARATION", f"an interval is like 30s, 5min or 1h, it was {text!r}")
    return int(found[1]) * _SECONDS[found[2]]


@lru_cache(maxsize=16)
def zone_of(name: str) -> ZoneInfo:
    """Raises InvalidValue for a name that is no IANA zone."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidValue(
            "BARS_DECLARATION", f"expected the IANA name of a time zone like America/New_York, it was {name!r}"
        ) from error


def _require(good: bool, text: str) -> None:
    if not good:
        raise InvalidValue("BARS_DECLARATION", text)
