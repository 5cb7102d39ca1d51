"""Which column of a file is which: by its usual names, or by what is declared."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from domain.errors import InvalidValue
from models.marketdata.declared import COLUMNS, Column, Declared

ALIASES: Mapping[Column, tuple[str, ...]] = MappingProxyType(
    {
        "symbol": ("symbol", "ticker", "sym", "instrument"),
        "time": ("date", "time", "datetime", "date time", "timestamp", "day", "gmt time", "open time"),
        "open": ("open", "o", "open price"),
        "high": ("high", "h", "high price"),
        "low": ("low", "l", "low price"),
        "close": ("close", "c", "close price"),
        "volume": ("volume", "vol", "v"),
        "adjusted_close": ("adj close", "adjusted close", "adjclose", "close adjusted", "adj close price"),
        "split": ("stock splits", "split", "splits", "split ratio", "split coefficient", "split factor"),
    }
)
"""Names after lower case, with blanks for underscores, hyphens, dots and runs of blanks, and without < and >."""

_BLANKS = re.compile(r"[\s_.\-]+")
_OF_ADJUSTMENT: Mapping[str, Column] = {"adj_close": "adjusted_close", "splits": "split"}


class Places(NamedTuple):
    """Where each column stands in a row, -1 for one that is not there. width: fields of a row.

    ignored: the file's names of the columns that are not read.
    """

    symbol: int
    time: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    adjusted_close: int
    split: int
    width: int
    ignored: tuple[str, ...]

    def used(self) -> list[int]:
        """The positions that are read, in order."""
        return sorted(place for place in self[: len(COLUMNS)] if isinstance(place, int) and place >= 0)


def places(heading: Sequence[str], declared: Declared) -> Places:
    """Find the columns. Raises InvalidValue naming what was expected and what there is.

    An adjusted close is looked at where prices are said to be adjusted too: the report tells if it says otherwise.
    """
    needed: list[Column] = ["time", "open", "high", "low", "close", "volume"]
    needed += [_OF_ADJUSTMENT[declared.prices]] if declared.prices in _OF_ADJUSTMENT else []
    needed += [] if declared.symbol else ["symbol"]
    looked_for = {*needed, "symbol", *(["adjusted_close"] if declared.prices == "adjusted" else [])}
    idle = sorted(set(declared.columns) - looked_for)
    if idle:
        raise InvalidValue(
            "BARS_COLUMNS", f"{', '.join(idle)} was declared, which prices={declared.prices} does not look at"
        )
    found: dict[Column, int] = {}
    for column in COLUMNS:
        where = _where(column, heading, declared.columns.get(column)) if column in looked_for else None
        if where is not None:
            found[column] = where
    if declared.symbol and "symbol" in found:
        raise InvalidValue(
            "BARS_COLUMNS",
            f"the symbol was declared as {declared.symbol}, and the column {heading[found['symbol']]!r} says it too; "
            "expected one of both",
        )
    missing = [column for column in needed if column not in found]
    if missing:
        raise InvalidValue("BARS_COLUMNS", _missing(missing, heading, declared))
    taken = set(found.values())
    if len(taken) < len(found):
        raise InvalidValue("BARS_COLUMNS", f"one column was declared to be two: {declared.columns}")
    at = {column: found.get(column, -1) for column in COLUMNS}
    return Places(
        symbol=at["symbol"],
        time=at["time"],
        open=at["open"],
        high=at["high"],
        low=at["low"],
        close=at["close"],
        volume=at["volume"],
        adjusted_close=at["adjusted_close"],
        split=at["split"],
        width=len(heading),
        ignored=tuple(name for place, name in enumerate(heading) if place not in taken),
    )


def normal(name: str) -> str:
    """A column's name as ALIASES has it."""
    return _BLANKS.sub(" ", name.strip("\ufeff \t<>").casefold()).strip()


def _where(column: Column, heading: Sequence[str], declared: str | None) -> int | None:
    if declared is not None:
        here = [place for place, name in enumerate(heading) if name.strip() == declared]
        if not here:
            raise InvalidValue(
                "BARS_COLUMNS", f"{column} was declared to be the column {declared!r}; found {_listed(heading)}"
            )
    else:
        here = [place for place, name in enumerate(heading) if normal(name) in ALIASES[column]]
    if len(here) > 1:
        names = ", ".join(repr(heading[place]) for place in here)
        raise InvalidValue(
            "BARS_COLUMNS", f"{column} may be any of the columns {names}; declare which: column.{column}=NAME"
        )
    return here[0] if here else None


def _missing(missing: Sequence[Column], heading: Sequence[str], declared: Declared) -> str:
    expected = "; ".join(f"{column} (such as {', '.join(ALIASES[column][:3])})" for column in missing)
    text = f"expected columns for {expected}, which are not there; found {_listed(heading)}"
    if "symbol" in missing:
        text += "; in a file of one symbol declare it: symbol=NAME"
    if set(missing) & set(_OF_ADJUSTMENT.values()):
        text += f"; prices were declared as {declared.prices}"
    return text


def _listed(heading: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in heading[:20])
    return f"{shown}, and {len(heading) - 20} more" if len(heading) > 20 else shown or "none"
