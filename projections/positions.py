"""positions and lots.

A position's units and cost are the long leg's less the short leg's: a short position has units and cost below zero, so
that units x price is what it is worth, and that less its cost what it has gained, whichever side it is on. Lots of the
short leg are below zero likewise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from domain.events import FillRestated, InstrumentDelisted, OrderFilled, SharesSplit, SymbolChanged
from domain.lots import POOLED_LOT, POOLED_SHORT_LOT, units_of
from domain.numbers import ZERO, exact
from projections.rows import Cursor, Event, Row, clean, execute, given, insert

POSITIONS = {
    "account_id": "text",
    "symbol": "text",
    "quantity": "numeric",
    "held_quantity": "numeric",
    "cost": "numeric",
    "realized_pnl": "numeric",
    "fees": "numeric",
}
LOTS = {
    "account_id": "text",
    "symbol": "text",
    "lot_id": "text",
    "quantity": "numeric",
    "cost": "numeric",
    "opened_at": "timestamptz",
}
BOOK_ACCOUNTS = frozenset({"position", "position_hold", "position_short", "inventory", "short_proceeds"})
"""Kinds of book accounts whose postings change a position."""

_COSTS = frozenset({"inventory", "short_proceeds"})
_ADD_POSITIONS = f"""
{insert("positions", POSITIONS)}
on conflict (account_id, symbol) do update set
    quantity = positions.quantity + excluded.quantity,
    held_quantity = positions.held_quantity + excluded.held_quantity,
    cost = positions.cost + excluded.cost,
    realized_pnl = positions.realized_pnl + excluded.realized_pnl,
    fees = positions.fees + excluded.fees
"""

# A pooled lot that is sold out and bought again opens anew, within a batch as well as between two: `emptied` is the
# last row of the batch after which nothing was left in the lot, and it opens with the first row after that.
_CHANGE_LOTS = f"""
with change as (
    select given.account_id, given.symbol, given.quantity, given.cost, given.opened_at, given.number,
        case when given.opened_at is null or accounts.lot_method is distinct from 'AVERAGE' then given.lot_id
            when given.quantity > 0 then '{POOLED_LOT}' else '{POOLED_SHORT_LOT}' end as lot_id
    from {given(LOTS)} left join accounts on accounts.account_id = given.account_id
), running as (
    select change.*, lots.opened_at as opened_before,
        coalesce(lots.quantity, 0) + sum(change.quantity)
            over (partition by account_id, symbol, lot_id order by number) as quantity_after
    from change left join lots using (account_id, symbol, lot_id)
), marked as (
    select running.*, coalesce(max(number) filter (where quantity_after = 0)
        over (partition by account_id, symbol, lot_id), 0) as emptied
    from running
)
insert into lots (account_id, symbol, lot_id, quantity, cost, opened_at)
select account_id, symbol, lot_id, sum(quantity), sum(cost),
    coalesce(
        case when max(emptied) = 0 then max(opened_before) end,
        (array_agg(opened_at order by number) filter (where number > emptied))[1],
        max(opened_at), max(opened_before))
from marked group by account_id, symbol, lot_id
on conflict (account_id, symbol, lot_id) do update set
    quantity = lots.quantity + excluded.quantity, cost = lots.cost + excluded.cost, opened_at = excluded.opened_at
"""
_REPLACE_LOTS = "delete from lots where account_id = %s and symbol = %s"
_PUT_LOTS = insert("lots", LOTS)
_RENAME_LOTS = "update lots set symbol = %s where account_id = %s and symbol = %s"
_DROP_EMPTY = "delete from lots where account_id = any(%s) and quantity = 0"


def positions(events: Sequence[Event]) -> list[Row]:
    """Rows of POSITIONS: what the batch adds to each."""
    sums: dict[tuple[str, str], list[Decimal]] = {}
    with exact():
        for event in events:
            account = event.message.originator_id
            for leg in event.message.postings:
                kind, _, symbol = leg.account.partition(":")
                if kind not in BOOK_ACCOUNTS:
                    continue
                row = sums.setdefault((account, symbol), [ZERO] * 5)
                if kind in _COSTS:
                    row[2] += leg.amount
                    continue
                row[0] += leg.amount
                if kind == "position_hold":
                    row[1] += leg.amount
            for symbol, pnl, fees in _earned(event.message):
                row = sums.setdefault((account, symbol), [ZERO] * 5)
                row[3] += pnl
                row[4] += fees
    return [(*key, *row) for key, row in sums.items()]


def _earned(message: Any) -> Iterator[tuple[str, Decimal, Decimal]]:
    """By symbol: realised P&L, and fees and commissions paid. Of a symbol that has changed they go with the units."""
    match message:
        case OrderFilled():
            yield message.symbol, message.realized_pnl, message.fee + message.commission
        case FillRestated():
            yield message.symbol, message.realized_pnl_change, message.fees_change + message.commission_change
        case SharesSplit() | InstrumentDelisted():
            yield message.symbol, message.realized_pnl, ZERO
        case SymbolChanged():
            yield message.symbol, -message.realized_pnl, -message.fees
            yield message.new_symbol, message.realized_pnl, message.fees


def lots(events: Sequence[Event]) -> list[Row]:
    """Rows of LOTS in the order of the events: what each fill adds to a lot, with the other sign for what it closes.

    Those of a short leg are below zero. What a fill opens names its execution; where the account pools its lots, SQL
    puts the pool's name instead. opened_at is None for what it closes.
    """
    found: list[Row] = []
    for event in events:
        fill = event.message
        if type(fill) is not OrderFilled:
            continue
        sign = 1 if fill.side == "BUY" else -1  # a purchase closes short lots, whose units are below zero
        found.extend(
            (fill.originator_id, fill.symbol, use.lot_id, sign * use.quantity, sign * use.cost, None)
            for use in fill.lots
        )
        with exact():
            opened = sign * (fill.quantity - units_of(fill.lots))
            if opened:
                key = (fill.originator_id, fill.symbol, fill.execution_id)
                found.append((*key, opened, opened * fill.price, fill.market_time_us))
    return found


def apply(cursor: Cursor, events: Sequence[Event]) -> None:
    """After accounts, whose lot methods decide which lots are pooled.

    Fills change lots by differences, many in one statement; an event that re-states lots comes in between.
    """
    execute(cursor, _ADD_POSITIONS, positions(events))
    fills: list[Event] = []
    for event in events:
        if isinstance(event.message, SharesSplit | FillRestated | InstrumentDelisted | SymbolChanged):
            _change(cursor, fills)
            fills = []
            _restate(cursor, event.message)
        else:
            fills.append(event)
    _change(cursor, fills)


def _change(cursor: Cursor, fills: Sequence[Event]) -> None:
    changes = lots(fills)
    if changes:
        execute(cursor, _CHANGE_LOTS, changes)
        cursor.execute(_DROP_EMPTY, (sorted({change[0] for change in changes}),))


def _restate(cursor: Cursor, message: SharesSplit | FillRestated | InstrumentDelisted | SymbolChanged) -> None:
    if isinstance(message, SymbolChanged):
        cursor.execute(_RENAME_LOTS, (message.new_symbol, clean(message.originator_id), message.symbol))
        return
    cursor.execute(_REPLACE_LOTS, (clean(message.originator_id), message.symbol))
    if not isinstance(message, InstrumentDelisted):
        key = (message.originator_id, message.symbol)
        execute(
            cursor, _PUT_LOTS, [(*key, lot.lot_id, lot.quantity, lot.cost, lot.opened_at_us) for lot in message.lots]
        )
