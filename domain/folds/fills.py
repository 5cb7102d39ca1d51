"""How an execution changes the account."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from domain import events, lots, trades
from domain.folds import links
from domain.folds.closing import close, release
from domain.history import Execution
from domain.numbers import ZERO

if TYPE_CHECKING:
    from domain.account import Account


def _trade(account: Account, position: lots.Position, event: events.OrderFilled, change: Decimal) -> None:
    """A fill of a position that is owed, or that comes to be owed."""
    step = trades.Plan(event.lots, event.realized_pnl, change + trades.units_of(event.lots))
    trades.take(position.lots, account.lot_method, step, event.price, event.execution_id, event.market_time_us)
    position.cost += change * event.price + event.realized_pnl


def filled(account: Account, event: events.OrderFilled) -> None:
    order = account.orders[event.order_id]
    position = account.positions.setdefault(event.symbol, lots.Position())
    value = event.quantity * event.price
    own = position.free + position.held
    if event.side == "BUY":
        if own < 0:
            _trade(account, position, event, event.quantity)
            position.free += event.quantity
        else:
            lot = lots.Lot(
                lot_id=event.execution_id, quantity=event.quantity, cost=value, opened_at_us=event.market_time_us
            )
            lots.add_purchase(position, account.lot_method, lot)
        account.holder(order).hold_cash -= event.released_cash
        account.held_cash -= event.released_cash
        account.cash += event.released_cash - value - event.fee
    else:
        if own < event.quantity:
            _trade(account, position, event, -event.quantity)
            position.held -= event.quantity
        else:
            lots.consume(position, event.lots)
        account.holder(order).hold_quantity -= event.quantity
        if event.released_quantity:
            release(account, order, ZERO, event.released_quantity)
        account.cash += value - event.fee
    account.history.append(
        Execution(
            event.timestamp,
            event.symbol,
            event.execution_id,
            event.order_id,
            event.side,
            event.quantity,
            event.price,
            event.fee,
            event.market_time_us,
        )
    )
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
