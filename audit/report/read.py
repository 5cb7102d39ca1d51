"""The report's questions to the read models, in plain SQL, as the role that can only select."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import class_row

from audit.report.model import Bar, Fill, Order, Point, Position, Signal
from domain.errors import UnavailableError
from runtime.settings import Settings

Connection = psycopg.Connection[tuple[Any, ...]]


class Period(NamedTuple):
    """Whole UTC days, both included, as dates."""

    first: date
    last: date

    def bounds(self) -> dict[str, Any]:
        """start (included) and stop (not included) for SQL."""
        return {"start": self.first, "stop": self.last + timedelta(days=1)}


@contextmanager
def snapshot(settings: Settings) -> Iterator[Connection]:
    """One read-only view of the database as it is now. Raises UnavailableError when it cannot be reached."""
    if not settings.database_reader_url:
        raise UnavailableError(
            "no database: DATABASE_READER_URL is empty and no embedded server is running (`tape up`)"
        )
    try:
        connection = psycopg.connect(settings.database_reader_url, connect_timeout=5)
    except psycopg.OperationalError as error:
        raise UnavailableError(f"the database does not answer: {str(error).strip()}") from error
    with connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.execute("set local time zone 'UTC'")
        yield connection


_BARS = """
select symbol, day::text, (array_agg(price order by market_time, tick_offset))[1], max(price), min(price),
       (array_agg(price order by market_time desc, tick_offset desc))[1], sum(volume), max(market_time)
from (select *, (market_time at time zone 'UTC')::date as day from ticks
      where market_time >= %(start)s and market_time < %(stop)s) as traded
group by symbol, day order by symbol, day"""


def bars(connection: Connection, period: Period) -> dict[str, list[Bar]]:
    """The days of each symbol, made from the ticks themselves, in order of days."""
    days: dict[str, list[Bar]] = {}
    for symbol, *fields in connection.execute(_BARS, period.bounds()):
        days.setdefault(symbol, []).append(Bar(*fields))
    return days


def signals(connection: Connection, period: Period) -> list[Signal]:
    """The signals of the period that a tick caused; those that somebody asked for by hand are left out."""
    with connection.cursor(row_factory=class_row(Signal)) as cursor:
        return cursor.execute(
            """select signal_id, symbol, market_time, direction, p_buy, p_sell, p_hold,
                      model_name, model_version, price, abstained
               from signals where market_time >= %(start)s and market_time < %(stop)s and requested_by_id is null
               order by market_time, symbol, signal_id""",
            period.bounds(),
        ).fetchall()


def orders(connection: Connection, account_id: str) -> list[Order]:
    with connection.cursor(row_factory=class_row(Order)) as cursor:
        return cursor.execute(
            """select order_id, client_order_id, symbol, side, order_type, quantity, limit_price, protection_price,
                      signal_id, strategy_id, status, filled_quantity, reject_code, cancel_reason
               from orders where account_id = %s order by partition, record_offset, order_id""",
            (account_id,),
        ).fetchall()


def fills(connection: Connection, account_id: str) -> list[Fill]:
    with connection.cursor(row_factory=class_row(Fill)) as cursor:
        return cursor.execute(
            """select execution_id, order_id, symbol, side, quantity, price, fee, realized_pnl, market_time
               from fills where account_id = %s order by market_time, symbol, execution_id""",
            (account_id,),
        ).fetchall()


def positions(connection: Connection, account_id: str, prices: dict[str, Decimal]) -> list[Position]:
    """Positions, and what they are worth at `prices`. Raises KeyError for units of a symbol that has no price."""
    rows = connection.execute(
        "select symbol, quantity, cost, realized_pnl, fees from positions where account_id = %s order by symbol",
        (account_id,),
    ).fetchall()
    found = []
    for symbol, quantity, cost, realized_pnl, fees in rows:
        worth = quantity * prices[symbol] if quantity else Decimal(0)
        found.append(
            Position(
                symbol=symbol,
                quantity=quantity,
                cost=cost,
                last_price=prices.get(symbol),
                market_value=worth,
                unrealized_pnl=worth - cost,
                realized_pnl=realized_pnl,
                fees=fees,
            )
        )
    return found


def last_prices(connection: Connection, period: Period) -> dict[str, Decimal]:
    """The price of each symbol's last tick up to the end of the period."""
    return dict(
        connection.execute(
            """select distinct on (symbol) symbol, price from ticks where market_time < %(stop)s
               order by symbol, market_time desc, tick_offset desc""",
            period.bounds(),
        ).fetchall()
    )


def equity(connection: Connection, account_id: str, period: Period) -> list[Point]:
    """The account's value at each closing tick of the period."""
    rows = connection.execute(
        """select market_time, equity from portfolio_values
           where account_id = %(account)s and market_time >= %(start)s and market_time < %(stop)s
           order by market_time""",
        {"account": account_id, **period.bounds()},
    )
    return [Point(*row) for row in rows]


class Cash(NamedTuple):
    currency: str
    cash: Decimal
    hold: Decimal
    capital: Decimal


def cash(connection: Connection, account_id: str) -> Cash:
    """Cash, held cash and deposits less withdrawals. Raises UnavailableError when there is no such account yet."""
    row = connection.execute("select currency from accounts where account_id = %s", (account_id,)).fetchone()
    if row is None:
        raise UnavailableError(f"account {account_id} is not in the read models; nothing to report on")
    held: dict[str, Decimal] = dict(
        connection.execute(
            "select book_account, amount from balances where account_id = %s and commodity = %s", (account_id, row[0])
        ).fetchall()
    )
    none = Decimal(0)
    return Cash(row[0], held.get("cash", none), held.get("hold", none), -held.get("external", none))


class Pace(NamedTuple):
    """first_tick: market.ticks partition and offset of the period's first tick."""

    ticks: int
    first_tick: tuple[int, int] | None
    signals: int
    events: int
    last_recorded_at: datetime | None


def pace(connection: Connection, account_id: str, period: Period) -> Pace:
    """What was done in the period, and when the last of it was recorded."""
    bounds = {"account": account_id, **period.bounds()}
    tick = connection.execute(
        """select count(*) over (), partition, tick_offset from ticks
           where market_time >= %(start)s and market_time < %(stop)s order by market_time, symbol limit 1""",
        bounds,
    ).fetchone()
    row = connection.execute(
        """select count(*), max(recorded_at) from signals
           where market_time >= %(start)s and market_time < %(stop)s and requested_by_id is null""",
        bounds,
    ).fetchone()
    events = connection.execute(
        """select count(*), max(recorded_at) from tape_records
           where live and key = convert_to(%(account)s, 'UTF8')""",
        bounds,
    ).fetchone()
    assert row is not None
    assert events is not None
    times = [time for time in (row[1], events[1]) if time is not None]
    return Pace(
        ticks=tick[0] if tick else 0,
        first_tick=(tick[1], tick[2]) if tick else None,
        signals=row[0],
        events=events[0],
        last_recorded_at=max(times, default=None),
    )
