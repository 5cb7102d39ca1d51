"""How an execution changes the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import borrow, events, fees, lots
from domain.folds.closing import close
from domain.orders import Order

if TYPE_CHECKING:
    from domain.account import Account


def filled(account: Account, event: events.OrderFilled) -> None:
    order = account.orders[event.order_id]
    position = account.positions.setdefault(event.symbol, lots.Position())
    position.currency = event.currency or account.currency
    _move_units(account, order, position, event)
    _move_money(account, order, position, event)
    if order.tally is not None:
        fees.take(order.tally, event.quantity, event.price, event.liquidity, event.commission)
    order.cumulative_quantity = event.cumulative_quantity
    order.executions.add(event.execution_id)
    if event.evidence is not None:
        order.resume_after = event.evidence.tick
    order.status = event.status
    if event.status == "FILLED":
        close(account, order, "FILLED", event.timestamp)


def _move_units(account: Account, order: Order, position: lots.Position, event: events.OrderFilled) -> None:
    opened = event.quantity - event.covered_quantity
    lot = lots.Lot(
        lot_id=event.execution_id,
        quantity=opened,
        cost=opened * event.price,
        opened_at_us=event.market_time_us,
    )
    match event.side:
        case "BUY":
            lots.cover(position, event.lots)
            if opened:
                lots.buy(position, account.lot_method, lot)
        case "SELL":
            lots.sell(position, event.lots)
            order.hold_quantity -= event.quantity
        case "SELL_SHORT":
            lots.sell_short(position, account.lot_method, lot)
            borrow.use_up(account.locates, order.locates, event.quantity)


def _move_money(account: Account, order: Order, position: lots.Position, event: events.OrderFilled) -> None:
    funds = account.funds[position.currency]
    value = event.quantity * event.price
    charged = event.fee + event.commission
    order.hold_cash -= event.released_cash
    funds.held -= event.released_cash
    funds.free += event.released_cash + (-value if event.side == "BUY" else value) - charged
    funds.fees += event.fee
    funds.commissions += event.commission
    funds.realized_pnl += event.realized_pnl
    position.realized_pnl += event.realized_pnl
    position.fees += charged
