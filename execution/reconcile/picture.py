"""The ledger's side of a comparison, from the read side's tables, as the role that can only select."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from domain.breaks import BreakKind
from domain.terms import TERMINAL
from execution import readside
from execution.readside import connection_of
from execution.reconcile.compare import LedgerFill, LedgerOrder, LedgerSide
from runtime.clients import postgres_reader
from runtime.settings import Settings

Clock = Literal["market_time", "recorded_at"]
"""By which time a venue is asked for executions: the market's, or that of the ledger's record (paper: see there)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CONNECTION = connection_of("reconciler", "default_transaction_isolation=repeatable\\ read", "timezone=UTC", "jit=off")

# Two selects, each with its index: orders_open, and the primary key.
_ORDERS = """
select order_id, account_id, symbol, side, status, quantity, worker_id, venue, replace_revision
from orders where status not in ('FILLED', 'CANCELED', 'EXPIRED', 'REJECTED')
union
select order_id, account_id, symbol, side, status, quantity, worker_id, venue, replace_revision
from orders where order_id = any(%(order_ids)s)
"""
_FILL = """
select execution_id, order_id, account_id, symbol, side, quantity, price, {clock},
    {clock} >= %(since)s and venue = %(venue)s
from fills
"""
_FILLS = f"""
{_FILL} where venue = %(venue)s and {{clock}} >= %(since)s
union
{_FILL} where execution_id = any(%(execution_ids)s)
"""
_BREAKS = """
select break_id, kind, account_id, order_id, execution_id, times, symbol, venue
from reconciliation_breaks_all where status = 'OPEN' and venue = %(venue)s
"""
_TIMES = "select break_id, times from reconciliation_breaks_all where break_id = any(%s)"


class OnRecord(NamedTuple):
    """A break that is open on record. account_id: None for one that belongs to no account. times: it was found."""

    break_id: str
    kind: BreakKind
    account_id: str | None
    order_id: str
    execution_id: str | None
    times: int
    symbol: str
    venue: str


class Picture(NamedTuple):
    """One moment of the read side. progress: of ledger.events. open: the venue's open breaks by id."""

    ledger: LedgerSide
    progress: dict[int, int]
    open: dict[str, OnRecord]


def read(
    settings: Settings,
    venue: str,
    clock: Clock,
    since_us: int,
    order_ids: Collection[str],
    execution_ids: Collection[str],
) -> Picture:
    """order_ids, execution_ids: those that the venue names. Raises psycopg.Error. Blocks."""
    with postgres_reader(settings, **_CONNECTION) as connection:
        offsets = readside.progress(connection)
        found = connection.execute(_BREAKS, {"venue": venue}).fetchall()
        is_open = {row[0]: OnRecord(*row) for row in found}
        named = {*execution_ids, *(one.execution_id for one in is_open.values() if one.execution_id is not None)}
        fills = connection.execute(
            _FILLS.format(clock=clock).encode(),
            {"venue": venue, "since": time_of(since_us), "execution_ids": sorted(named)},
        ).fetchall()
        orders = connection.execute(_ORDERS, {"order_ids": sorted(set(order_ids))}).fetchall()
    return Picture(
        LedgerSide({row[0]: _order(row, venue) for row in orders}, {row[0]: _fill(row) for row in fills}),
        offsets,
        is_open,
    )


def times_found(settings: Settings, break_ids: Collection[str]) -> dict[str, int]:
    """How often breaks were found before; those that never were are left out. Raises psycopg.Error. Blocks."""
    if not break_ids:
        return {}
    with postgres_reader(settings, **_CONNECTION) as connection:
        return dict(connection.execute(_TIMES, (sorted(break_ids),)).fetchall())


def time_of(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)


def us_of(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _order(row: tuple[Any, ...], venue: str) -> LedgerOrder:
    order_id, account_id, symbol, side, status, quantity, worker_id, at, replace_revision = row
    return LedgerOrder(
        order_id,
        account_id,
        symbol,
        side,
        status,
        quantity,
        is_open=status not in TERMINAL,
        is_held=worker_id is not None and at == venue,
        is_changing=replace_revision is not None,
    )


def _fill(row: tuple[Any, ...]) -> LedgerFill:
    execution_id, order_id, account_id, symbol, side, quantity, price, at, is_due = row
    return LedgerFill(execution_id, order_id, account_id, symbol, side, quantity, price, us_of(at), is_due)
