"""An account of the past in the form of the tables' rows, so that past and present are shown by the same code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from api.fields import time_of_us
from api.query.database import Row, Rows
from api.query.past import Known, Price
from domain.lots import Lot, Position
from domain.numbers import ZERO, exact


def account(now: Row, known: Known) -> Row:
    """now: its row as it is now, of which what never changes is taken."""
    then = known.account
    return now | {
        "fee_schedule": None if then.fee_schedule is None else msgspec.to_builtins(then.fee_schedule),
        "updated_at": time_of_us(then.updated_at_us),
        "version": then.version,
        "record_offset": known.offset,
    }


def balances(known: Known) -> Rows:
    """Of every book account that ever had a posting, by name and commodity."""
    return [
        {"book_account": name, "commodity": commodity, "amount": known.account.books.get((name, commodity), ZERO)}
        for name, commodity in sorted(known.booked)
    ]


def positions(known: Known) -> Rows:
    """What is long less what is short, by symbol; prices as in api.query.past."""
    with exact():
        return [_position(known, symbol, own) for symbol, own in sorted(known.account.positions.items())]


def _position(known: Known, symbol: str, own: Position) -> Row:
    price = _price(known, symbol)
    quantity, cost = own.net_quantity, own.cost - own.short_proceeds
    value = None if price is None else quantity * price.price
    return {
        "symbol": symbol,
        "quantity": quantity,
        "held_quantity": own.held,
        "cost": cost,
        "last_price": price and price.price,
        "priced_at": None if price is None else time_of_us(price.time_us),
        "market_value": value,
        "unrealized_pnl": None if value is None else value - cost,
        "realized_pnl": own.realized_pnl,
        "fees": own.fees,
    }


def _price(known: Known, symbol: str) -> Price | None:
    mark = known.marks.get(symbol)
    return known.fills.get(symbol) if mark is None else Price(mark.price, mark.market_time_us)


def lots(known: Known) -> Rows:
    """Oldest first within a symbol; short ones below zero."""
    found = [row for symbol, own in known.account.positions.items() for row in _lots(symbol, own)]
    return sorted(found, key=lambda row: (row["symbol"], row["opened_at"], row["lot_id"]))


def _lots(symbol: str, own: Position) -> Iterator[Row]:
    legs: tuple[tuple[int, Any], ...] = ((1, own.lots), (-1, own.short_lots))
    for sign, leg in legs:
        lot: Lot
        for lot in leg:
            yield {
                "symbol": symbol,
                "lot_id": lot.lot_id,
                "quantity": sign * lot.quantity,
                "cost": sign * lot.cost,
                "opened_at": time_of_us(lot.opened_at_us),
            }


def working(known: Known) -> Rows:
    """Orders that were not done, in the order in which they were accepted."""
    with exact():
        return [
            {
                **{
                    name: getattr(order.terms, name)
                    for name in (
                        *("order_id", "client_order_id", "symbol", "side", "order_type", "time_in_force", "quantity"),
                        *("limit_price", "protection_price", "stop_price", "group_id"),
                    )
                },
                "status": order.status,
                "filled_quantity": order.cumulative_quantity,
                "leaves_quantity": order.leaves_quantity,
                "hold_cash": order.hold_cash,
                "hold_quantity": order.hold_quantity,
                "accepted_at": time_of_us(order.accepted_at_us),
            }
            for order in sorted(known.account.orders.values(), key=lambda one: (one.accepted_at_us, one.terms.order_id))
        ]
