"""The decision on an execution: the money, the units, the cost, the fees and the P&L that it moves."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain import events, fees, groups, journal, kills, reports, surplus, throttle, trades
from domain.account import Account
from domain.currencies import minor_unit
from domain.events import LedgerEvent
from domain.fees import Tally
from domain.holds import Hold
from domain.journal import Charges, Moved, Postings
from domain.numbers import ZERO
from domain.orders import Order
from domain.terms import OrderStatus
from domain.trades import Plan
from domain.world import World

_NOTHING = Moved(ZERO, ZERO, ZERO)


def filled(account: Account, order: Order, message: reports.ReportFilled, now_us: int, world: World) -> LedgerEvent:
    terms, quantity = order.terms, message.quantity
    leaves = order.leaves_quantity - quantity
    tally, commission = _charged(order, message)
    over = surplus.after(account, order, leaves, world.catalog, filled=quantity, tally=tally)
    step = trades.plan(account.position(terms.symbol), terms.side, quantity, message.price)
    released_quantity = _released(account, order, over, quantity)
    charges = Charges(over.cash, message.fee, commission)
    postings = _postings(order, step, message.price, charges)
    if released_quantity:
        postings += journal.hold(order.currency, ZERO, terms.symbol, -released_quantity)
    stopped = throttle.stops(account, terms.strategy_id, message.market_time_us, world.desk)
    if stopped is not None:
        follow = groups.Consequences(kills.after_stop(account, stopped, order, leaves), ())
    else:
        follow = groups.after_fill(account, order, quantity, postings, world) if terms.group_id else groups.NONE
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
        fee=message.fee,
        cumulative_quantity=order.cumulative_quantity + quantity,
        leaves_quantity=leaves,
        status=_status(order, leaves),
        realized_pnl=step.realized_pnl,
        released_cash=over.cash,
        lots=step.uses,
        market_time_us=message.market_time_us,
        evidence=message.evidence,
        linked=follow.linked,
        released_quantity=released_quantity,
        disabled_strategy=stopped,
        desk_version=world.desk.version,
        currency=order.currency,
        liquidity=message.liquidity,
        commission=commission,
        covered_quantity=step.closed if terms.side == "BUY" else ZERO,
    )


def _charged(order: Order, message: reports.ReportFilled) -> tuple[Tally | None, Decimal]:
    """The order's tally with the fill, and the commission of the fill."""
    if order.tally is None:
        return None, ZERO
    figures = (message.quantity, message.price, message.liquidity)
    commission = fees.due(order.tally, *figures, minor_unit(order.currency))
    tally = msgspec.structs.replace(order.tally)
    fees.take(tally, *figures, commission)
    return tally, commission


def _released(account: Account, order: Order, over: Hold, quantity: Decimal) -> Decimal:
    """Units that are held no more besides those sold; below zero: units sold that were not held.

    Of two legs that exclude each other both may fill; what the hold lacks comes from the free units.
    """
    if order.terms.side != "SELL":
        return ZERO
    held = account.holder(order).hold_quantity
    return max(ZERO, over.quantity - quantity) if quantity <= held else held - quantity


def _postings(order: Order, step: Plan, price: Decimal, charges: Charges) -> Postings:
    symbol, currency, value = order.terms.symbol, order.currency, step.opened * price
    closed = Moved(step.closed, step.closed * price, step.basis) if step.closed else _NOTHING
    opened = Moved(step.opened, value, value)
    if order.terms.side == "BUY":
        return journal.purchase(currency, symbol, opened, closed, charges)
    if order.terms.side == "SELL":
        return journal.sale(currency, symbol, closed, opened, charges)
    return journal.short_sale(currency, symbol, opened, charges)


def _status(order: Order, leaves: Decimal) -> OrderStatus:
    if not leaves:
        return "FILLED"
    return order.status if order.status in ("PENDING_CANCEL", "PENDING_REPLACE") else "PARTIALLY_FILLED"
