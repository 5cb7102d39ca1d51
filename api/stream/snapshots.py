"""A channel as it stands, for those who begin to follow it."""

from __future__ import annotations

from typing import NamedTuple

from api.stream import alerts, bars, portfolios
from api.stream.source import Read
from api.stream.views import Channel, Fill, Level, Order, Position, Row, Signal, Tick, made, select

ROWS_MAX = 5_000
FILLS_MAX = 500

_MINE = "(%(accounts)s::text[] is null or account_id = any(%(accounts)s))"
_THESE = "(%(symbols)s::text[] is null or symbol = any(%(symbols)s))"
_EACH = "unnest(%(traded)s::text[]) as given (symbol) cross join lateral"
_TICKS = f"""
select {select(Tick, **{name: f"last.{name}" for name in Tick.__struct_fields__})} from {_EACH} (
    select * from ticks where symbol = given.symbol order by market_time desc, tick_offset desc limit 1) as last
"""
_SIGNALS = f"""
select {select(Signal, **{name: f"last.{name}" for name in Signal.__struct_fields__})} from {_EACH} (
    select * from signals where symbol = given.symbol
    order by market_time desc, partition desc, record_offset desc limit 1) as last
"""
_ORDERS = f"""
select {select(Order)} from orders
where status not in ('FILLED', 'CANCELED', 'EXPIRED', 'REJECTED') and {_MINE} and {_THESE}
order by submitted_at desc, order_id limit %(rows)s
"""
_FILLS = f"""
select {select(Fill)} from fills_now where {_MINE} and {_THESE} order by fills_now.recorded_at desc, execution_id
limit %(rows)s
"""
_FILLS_OF = f"""
select {select(Fill, **{name: f"last.{name}" for name in Fill.__struct_fields__})}
from unnest(%(accounts)s::text[]) as given (account_id) cross join lateral (
    select * from fills_now where account_id = given.account_id and {_THESE}
    order by market_time desc, execution_id limit %(rows)s) as last
order by last.recorded_at desc, last.execution_id limit %(rows)s
"""
_POSITIONS = f"""
select {select(Position)} from positions where {_MINE} and {_THESE} order by account_id, symbol limit %(rows)s
"""
_LEVELS = f"""
select {select(Level, price="trim_scale(price)")} from order_book_levels where {_THESE}
order by symbol, side, order_book_levels.price limit %(rows)s
"""
_ACCOUNTS = "select account_id from accounts order by account_id limit %(rows)s"


class Filter(NamedTuple):
    """Which rows of a channel. None: without that limit. intervals: of bars."""

    symbols: frozenset[str] | None
    accounts: frozenset[str] | None
    intervals: frozenset[str]


class Stand(NamedTuple):
    """The rows of a channel; truncated: the newest of more."""

    rows: list[Row]
    truncated: bool


async def take(read: Read, channel: Channel, filter_: Filter, traded: tuple[str, ...]) -> Stand:
    """traded: the symbols of the ledger, of which market channels show those that the filter lets through."""
    symbols = None if filter_.symbols is None else sorted(filter_.symbols)
    accounts = None if filter_.accounts is None else sorted(filter_.accounts)
    of_market = symbols if symbols is not None else list(traded)
    most = FILLS_MAX if channel == "fills" else ROWS_MAX
    parameters = {"symbols": symbols, "accounts": accounts, "traded": of_market, "rows": most + 1}
    rows: list[Row]
    match channel:
        case "bars":
            rows = list(await bars.newest(read, of_market, filter_.intervals))
        case "portfolio":
            if accounts is None:
                accounts = [row[0] for row in await read.all(_ACCOUNTS, parameters)]
            rows = list(await portfolios.values(read, accounts))
        case "alerts":
            rows = list(await alerts.in_force(read, symbols, accounts, most + 1))
        case _:
            statement, struct = _STATEMENTS[channel]
            if channel == "fills" and accounts is not None:
                statement = _FILLS_OF
            make = made(struct)
            rows = [make(row) for row in await read.all(statement, parameters)]
    return Stand(rows[:most], len(rows) > most)


_STATEMENTS: dict[Channel, tuple[str, type[Row]]] = {
    "ticks": (_TICKS, Tick),
    "signals": (_SIGNALS, Signal),
    "orders": (_ORDERS, Order),
    "fills": (_FILLS, Fill),
    "positions": (_POSITIONS, Position),
    "order_book": (_LEVELS, Level),
}
