"""How an execution changes the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import events, lots
from domain.folds.closing import close

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
        lots.buy(position, account.lot_method, lot)
        order.hold_cash -= event.released_cash
        account.held_cash -= event.released_cash
        account.cash += event.released_cash - value - event.fee
    else:
        lots.sell(position, event.lots)
        order.hold_quantity -= event.quantity
        account.cash += value - event.fee
    position.realized_pnl += event.realized_pnl
    position.fees += event.fee
    account.realized_pnl += event.realized_pnl
    account.fees += event.fee
    order.cumulative_quantity = event.cumulative_quantity
    order.executions.add(event.execution_id)
    if event.evidence is not None:
        order.resume_after = event.evidence.tick
    order.status = event.status
    if event.status == "FILLED":
        close(account, order, "FILLED", event.timestamp)
