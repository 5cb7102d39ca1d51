"""How an execution changes the account."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from domain import borrow, events, fees, lots
from domain.folds import links
from domain.folds.closing import close, release
from domain.history import Execution
from domain.numbers import ZERO
from domain.orders import Order

if TYPE_CHECKING:
    from domain.account import Account


def filled(account: Account, event: events.OrderFilled) -> None:
    order = account.orders[event.order_id]
    position = account.positions.setdefault(event.symbol, lots.Position())
    position.currency = event.currency or account.currency
    _move_units(account, order, position, event)
    _move_money(account, order, position, event)
    _remember(account, event, position.currency)
    if order.tally is not None:
        fees.take(order.tally, event.quantity, event.price, event.liquidity, event.commission)
    order.cumulative_quantity = event.cumulative_quantity
    order.executions.add(event.execution_id)
    if event.evidence is not None:
        order.resume_after = event.evidence.tick
    order.move("OrderFilled", event.status)
    if event.linked:
        links.apply(account, event.linked, event.timestamp, order.resume_after)
    if event.status == "FILLED":
        close(account, order, "FILLED", event.timestamp)


def _move_units(account: Account, order: Order, position: lots.Position, event: events.OrderFilled) -> None:
    method = account.lot_method
    match event.side:
        case "BUY":
            lots.cover(position, event.lots)
            opened = event.quantity - event.covered_quantity
            if opened:
                lots.buy(position, method, _lot(event, opened))
        case "SELL":
            owed = event.quantity - lots.units_of(event.lots)
            lots.sell(position, event.lots)
            if owed:  # it was held, and is not there: it is short
                position.held -= owed
                position.free += owed
                lots.sell_short(position, method, _lot(event, owed))
            account.holder(order).hold_quantity -= event.quantity
        case "SELL_SHORT":
            lots.sell_short(position, method, _lot(event, event.quantity))
            borrow.use_up(account.locates, account.holder(order).locates, event.quantity)
    if event.released_quantity:
        release(account, order, ZERO, event.released_quantity)


def _lot(event: events.OrderFilled, quantity: Decimal) -> lots.Lot:
    return lots.Lot(
        lot_id=event.execution_id, quantity=quantity, cost=quantity * event.price, opened_at_us=event.market_time_us
    )


def _move_money(account: Account, order: Order, position: lots.Position, event: events.OrderFilled) -> None:
    funds = account.funds[position.currency]
    value = event.quantity * event.price
    charged = event.fee + event.commission
    account.holder(order).hold_cash -= event.released_cash
    funds.held -= event.released_cash
    funds.free += event.released_cash + (-value if event.side == "BUY" else value) - charged
    funds.fees += event.fee
    funds.commissions += event.commission
    funds.realized_pnl += event.realized_pnl
    position.realized_pnl += event.realized_pnl
    position.fees += charged


def _remember(account: Account, event: events.OrderFilled, currency: str) -> None:
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
            currency,
            event.liquidity,
        )
    )
