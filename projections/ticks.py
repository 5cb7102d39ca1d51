"""ticks, from which the bars are made. `market.ticks` is an input, not a tape: what is no tick is skipped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from domain.errors import UnreadableInput
from domain.market import Tick
from domain.numbers import is_sound
from projections.rows import Cursor, Row, execute, insert
from streams.codec import Headers, decode

COLUMNS = {
    "symbol": "text",
    "market_time": "timestamptz",
    "price": "numeric",
    "volume": "numeric",
    "closes_bar": "boolean",
    "partition": "integer",
    "tick_offset": "bigint",
}
_INSERT = insert("ticks", COLUMNS)
_YEAR_10000_US = 253_402_300_800_000_000


class Print(NamedTuple):
    """A tick and where it stands."""

    partition: int
    offset: int
    tick: Tick


def read(value: bytes | None, headers: Headers | None) -> Tick:
    """The tick of a record. Raises UnreadableInput: no tick, a market time outside of 1970 to 9999, a number that is
    not sound."""
    tick = decode(value, headers)
    if not isinstance(tick, Tick):
        raise UnreadableInput(f"expected a Tick, it was a {type(tick).__name__}")
    if not 0 <= tick.market_time_us < _YEAR_10000_US:
        raise UnreadableInput(f"market time {tick.market_time_us} us is not within the years 1970 to 9999")
    if not (is_sound(tick.price) and is_sound(tick.volume)):
        raise UnreadableInput(f"price {tick.price}, volume {tick.volume}: expected below 10^15, at most 18 decimals")
    return tick


def rows(prints: Sequence[Print]) -> list[Row]:
    """Rows of COLUMNS."""
    return [
        (tick.symbol, tick.market_time_us, tick.price, tick.volume, tick.bar is not None, partition, offset)
        for partition, offset, tick in prints
    ]


def apply(cursor: Cursor, prints: Sequence[Print]) -> None:
    execute(cursor, _INSERT, rows(prints))
