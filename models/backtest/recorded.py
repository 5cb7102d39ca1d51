"""What a run has left in the database: its ticks, and what the ledger made of its signals. Plain SQL, as the reader.

Boundaries: the table of ticks does not tell halts; a halted tick counts here by its volume, which a feed sets to zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg

from domain.errors import UnavailableError
from domain.market import Tick, TickAt, TickRef
from models.backtest.market import Market, of_ticks
from models.features import warm_up
from runtime.clients import postgres_reader
from runtime.settings import Settings

Connection = psycopg.Connection[tuple[Any, ...]]

_TICKS = """
select symbol, (extract(epoch from market_time) * 1000000)::bigint, price, volume, closes_bar, partition, tick_offset
from ticks
where symbol = %(symbol)s and market_time < %(stop)s and market_time > coalesce((
    select market_time from ticks where symbol = %(symbol)s and closes_bar and market_time < %(start)s
    order by market_time desc offset %(before)s limit 1), '-infinity')
order by partition, tick_offset"""


@contextmanager
def snapshot(settings: Settings) -> Iterator[Connection]:
    """One read-only view of the database as it is now. Raises UnavailableError when it cannot be reached."""
    try:
        connection = postgres_reader(settings, connect_timeout=5)
    except psycopg.OperationalError as error:
        raise UnavailableError(
            f"the database does not answer ({str(error).strip()}): `tape up` starts the embedded one, "
            "DATABASE_READER_URL names another"
        ) from error
    with connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.execute("set local time zone 'UTC'")
        yield connection


def load(settings: Settings, symbols: Sequence[str], first: date, last: date, steps: int = 1) -> Market:
    """The recorded ticks of the period, and as many bars before as opinions of `steps` rows need.

    Raises UnavailableError when the database cannot be reached, InvalidValue when no bar is in the period.
    """
    with snapshot(settings) as connection:
        return market(connection, symbols, first, last, steps)


def market(connection: Connection, symbols: Sequence[str], first: date, last: date, steps: int = 1) -> Market:
    """As `load`, in a snapshot."""
    return of_ticks(_ticks(connection, symbols, first, last, warm_up(steps)), first, last, "recorded ticks")


def _ticks(
    connection: Connection, symbols: Sequence[str], first: date, last: date, before: int
) -> Iterator[tuple[TickAt, bool]]:
    bounds = {"start": first, "stop": last + timedelta(days=1), "before": before}
    for symbol in sorted(symbols):
        for name, time_us, price, volume, closes, partition, offset in connection.execute(
            _TICKS, {"symbol": symbol, **bounds}
        ):
            ref = TickRef(partition=partition, offset=offset, market_time_us=time_us)
            yield TickAt(ref, Tick(symbol=name, market_time_us=time_us, price=price, volume=volume)), closes


class Account(NamedTuple):
    """An account as the read models have it. fee_bps: what its holds set aside for fees. margin, fee_schedule: whether
    it has terms that a backtest does not know.
    """

    fee_bps: Decimal
    margin: bool
    fee_schedule: bool


def account(connection: Connection, account_id: str) -> Account:
    """Raises UnavailableError when there is no such account."""
    row = connection.execute(
        "select fee_bps, margin is not null, fee_schedule is not null from accounts where account_id = %s",
        (account_id,),
    ).fetchone()
    if row is None:
        raise UnavailableError(f"account {account_id} is not in the read models; nothing to compare with")
    return Account(*row)


class Movement(NamedTuple):
    """Cash that came into an account from outside, below zero: that left it. recorded: its offset."""

    amount: Decimal
    recorded: int


def movements(connection: Connection, account_id: str) -> list[Movement]:
    """In the order of the tape."""
    rows = connection.execute(
        """select -amount, record_offset from journal_postings
           where account_id = %s and book_account = 'external' order by record_offset, leg""",
        (account_id,),
    )
    return [Movement(*row) for row in rows]


class LedgerOrder(NamedTuple):
    """An order as the ledger has it. filled_quantity, leaves_quantity: now. submitted: the offset of its verdict."""

    order_id: str
    symbol: str
    side: str
    order_type: str
    quantity: Decimal
    status: str
    filled_quantity: Decimal
    leaves_quantity: Decimal
    reject_code: str | None
    reject_text: str | None
    cancel_reason: str | None
    signal_id: str | None
    strategy_id: str | None
    submitted: int


def orders(connection: Connection, account_id: str) -> list[LedgerOrder]:
    """All orders of an account, in the order of the ledger's verdicts."""
    rows = connection.execute(
        """select order_id, symbol, side, order_type, quantity, status, filled_quantity, leaves_quantity, reject_code,
                  reject_text, cancel_reason, signal_id, strategy_id,
                  (select min(record_offset) from order_events where order_events.order_id = orders.order_id)
           from orders where account_id = %s order by 14, order_id""",
        (account_id,),
    )
    return [LedgerOrder(*row) for row in rows]


class LedgerFill(NamedTuple):
    """A fill as it was first reported. time_us: market time. recorded: its offset. evidence: of paper fills."""

    execution_id: str
    order_id: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    time_us: int
    venue: str
    recorded: int
    evidence: dict[str, Any] | None


def fills(connection: Connection, account_id: str) -> list[LedgerFill]:
    rows = connection.execute(
        """select execution_id, order_id, symbol, side, quantity, price, fee,
                  (extract(epoch from market_time) * 1000000)::bigint, venue, record_offset, evidence
           from fills where account_id = %s order by record_offset""",
        (account_id,),
    )
    return [LedgerFill(*row) for row in rows]


class RecordedSignal(NamedTuple):
    """A signal that a tick caused. last_tick: partition and offset; None where the agent had no tick."""

    signal_id: str
    symbol: str
    direction: str
    p_buy: float
    p_sell: float
    p_hold: float
    model_name: str
    model_version: str
    price: Decimal | None
    abstained: str | None
    first_tick: dict[str, int] | None
    last_tick: dict[str, int] | None
    time_us: int


def signals(connection: Connection, symbols: Sequence[str], last: date) -> list[RecordedSignal]:
    """Those up to a day, which is included, by market time and symbol; signals asked for by hand are left out."""
    rows = connection.execute(
        """select signal_id, symbol, direction, p_buy, p_sell, p_hold, model_name, model_version, price, abstained,
                  first_tick, last_tick, (extract(epoch from market_time) * 1000000)::bigint
           from signals where symbol = any(%(symbols)s) and market_time < %(stop)s and requested_by_id is null
           order by market_time, symbol, partition, record_offset""",
        {"symbols": list(symbols), "stop": last + timedelta(days=1)},
    )
    return [RecordedSignal(*row) for row in rows]


def period(connection: Connection) -> tuple[date, date] | None:
    """The days of the first signal that is no abstention and of the newest tick; None where there is none."""
    row = connection.execute(
        """select (select min(market_time)::date from signals where abstained is null and requested_by_id is null),
                  (select max(market_time)::date from ticks)"""
    ).fetchone()
    return None if row is None or row[0] is None or row[1] is None else (row[0], row[1])
