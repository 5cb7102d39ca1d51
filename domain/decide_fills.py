"""The decision on an execution: the money, the units, the cost, the fee and the P&L that it moves."""

from __future__ import annotations

from decimal import Decimal

from domain import events, journal, lots, reports
from domain.account import Account
from domain.events import LedgerEvent
from domain.numbers import ZERO
from domain.orders import Order
from domain.terms import OrderStatus


def filled(account: Account, order: Order, message: reports.ReportFilled, now_us: int) -> LedgerEvent:
    terms, quantity, fee = order.terms, message.quantity, message.fee
    leaves = order.leaves_quantity - quantity
    value = quantity * message.price
    released, pnl = ZERO, ZERO
    uses: tuple[events.LotUse, ...] = ()
    if terms.side == "BUY":
        released = _released(account, order, leaves)
        postings = journal.purchase(account.currency, terms.symbol, quantity, value, fee, released)
    else:
        uses = lots.plan_uses(account.position(terms.symbol).lots, quantity)
        cost = sum((use.cost for use in uses), ZERO)
        pnl = value - cost
        postings = journal.sale(account.currency, terms.symbol, quantity, value, fee, cost)
    return account.record(
        events.OrderFilled,
        now_us,
        postings=postings,
        report_id=message.report_id,
        order_id=message.order_id,
        execution_id=message.execution_id,
        dispatch_epoch=message.dispatch_epoch,
        symbol=terms.symbol,
        side=terms.side,
        venue=message.venue,
        quantity=quantity,
        price=message.price,
        fee=fee,
        cumulative_quantity=order.cumulative_quantity + quantity,
        leaves_quantity=leaves,
        status=_status(order, leaves),
        realized_pnl=pnl,
        released_cash=released,
        lots=uses,
        market_time_us=message.market_time_us,
        evidence=message.evidence,
    )


def _released(account: Account, order: Order, leaves: Decimal) -> Decimal:
    """What the quantity that is left no longer needs of the hold; all of it when nothing is left."""
    if not leaves:
        return order.hold_cash
    assert order.price is not None
    return order.hold_cash - min(order.hold_cash, account.hold_for(leaves, order.price))


def _status(order: Order, leaves: Decimal) -> OrderStatus:
    if not leaves:
        return "FILLED"
    return "PENDING_CANCEL" if order.status == "PENDING_CANCEL" else "PARTIALLY_FILLED"
