"""The decision on an execution: the money, the units, the cost, the fee and the P&L that it moves."""

from __future__ import annotations

from decimal import Decimal

from domain import events, groups, holds, journal, kills, lots, reports, throttle, trades
from domain.account import Account
from domain.events import LedgerEvent
from domain.numbers import ZERO
from domain.orders import Order
from domain.terms import OrderStatus
from domain.world import DeskView


def filled(account: Account, order: Order, message: reports.ReportFilled, now_us: int, desk: DeskView) -> LedgerEvent:
    terms, quantity, fee = order.terms, message.quantity, message.fee
    leaves = order.leaves_quantity - quantity
    value = quantity * message.price
    released, released_quantity, pnl = ZERO, ZERO, ZERO
    uses: tuple[events.LotUse, ...] = ()
    over = holds.surplus(account, order, leaves, filled=quantity)
    position = account.position(terms.symbol)
    own = position.free + position.held
    if terms.side == "BUY":
        if own < 0:
            uses, pnl, _ = trades.plan(position.lots, own, quantity, message.price)
        released = over.cash
        postings = journal.purchase(account.currency, terms.symbol, quantity, value, fee, released, pnl)
    else:
        if own < quantity:
            uses, pnl, _ = trades.plan(position.lots, own, -quantity, message.price)
        else:
            uses = lots.plan_sale(position.lots, quantity)
            pnl = value - trades.cost_of(uses)
        held = account.holder(order).hold_quantity
        # Of two legs that exclude each other both may fill; what the hold lacks comes from the free units.
        released_quantity = max(ZERO, over.quantity - quantity) if quantity <= held else held - quantity
        postings = journal.sale(account.currency, terms.symbol, quantity, value, fee, value - pnl)
        postings += journal.hold(account.currency, ZERO, terms.symbol, -released_quantity)
    stopped = throttle.stops(account, terms.strategy_id, message.market_time_us, desk)
    if stopped is not None:
        follow = groups.Consequences(kills.after_stop(account, stopped, order, leaves), ())
    else:
        follow = groups.after_fill(account, order, quantity, postings) if terms.group_id else groups.NONE
    return account.record(
        events.OrderFilled,
        now_us,
        postings=postings + follow.postings,
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
        linked=follow.linked,
        released_quantity=released_quantity,
        disabled_strategy=stopped,
        desk_version=desk.version,
    )


def _status(order: Order, leaves: Decimal) -> OrderStatus:
    if not leaves:
        return "FILLED"
    return order.status if order.status in ("PENDING_CANCEL", "PENDING_REPLACE") else "PARTIALLY_FILLED"
