"""How an execution changes the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import events, lots
from domain.folds import links
from domain.folds.closing import close, release
from domain.numbers import ZERO

if TYPE_CHECKING:
    from domain.account import Account


def filled(account: Account, event: events.OrderFilled) -> None:
    order = account.orders[event.order_id]
    position = account.positions.setdefault(event.symbol, lots.Position())
    value = event.quantity * event.price
    if event.side == "BUY":
        lot = lots.Lot(
            lot_id=event.execution_id, quantity=event.quantity, cost=value, opened_at_us=event.market_time_us
        )
        lots.add_purchase(position, account.lot_method, lot)
        account.holder(order).hold_cash -= event.released_cash
        account.held_cash -= event.released_cash
        account.cash += event.released_cash - value - event.fee
    else:
        lots.consume(position, event.lots)
        account.holder(order).hold_quantity -= event.quantity
        if event.released_quantity:
            release(account, order, ZERO, event.released_quantity)
        account.cash += value - event.fee
    position.realized_pnl += event.realized_pnl
    position.fees += event.fee
    account.realized_pnl += event.realized_pnl
    account.fees += event.fee
    order.cumulative_quantity = event.cumulative_quantity
    order.executions.add(event.execution_id)
    if event.evidence is not None:
        order.resume_after = event.evidence.tick
    order.move("OrderFilled", event.status)
    if event.linked:
        links.apply(account, event.linked, event.timestamp, order.resume_after)
    if event.status == "FILLED":
        close(account, order, "FILLED", event.timestamp)
