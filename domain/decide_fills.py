"""The decision on an execution: the money, the units, the cost, the fees and the P&L that it moves."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from domain import events, fees, holds, journal, lots, reports
from domain.account import Account
from domain.catalog import Catalog
from domain.currencies import minor_unit
from domain.events import LedgerEvent, LotUse
from domain.journal import Charges, Moved, Postings
from domain.lots import Position
from domain.numbers import ZERO
from domain.orders import Order
from domain.terms import OrderStatus

_NOTHING = Moved(ZERO, ZERO, ZERO)


class _Trade(NamedTuple):
    """What a fill does to a position. uses: the lots that it closes. covered: short units that it buys back."""

    postings: Postings
    uses: tuple[LotUse, ...] = ()
    pnl: Decimal = ZERO
    covered: Decimal = ZERO


def filled(account: Account, order: Order, message: reports.ReportFilled, now_us: int, catalog: Catalog) -> LedgerEvent:
    terms, quantity = order.terms, message.quantity
    leaves = order.leaves_quantity - quantity
    commission = ZERO
    if order.tally is not None:
        unit = minor_unit(order.currency)
        commission = fees.due(order.tally, quantity, message.price, message.liquidity, unit)
    charges = Charges(_released(account, order, message, commission, catalog), message.fee, commission)
    trade = _TRADES[terms.side](account.position(terms.symbol), order, message, charges)
    return account.record(
        events.OrderFilled,
        now_us,
        postings=trade.postings,
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
        realized_pnl=trade.pnl,
        released_cash=charges.released,
        lots=trade.uses,
        market_time_us=message.market_time_us,
        evidence=message.evidence,
        currency=order.currency,
        liquidity=message.liquidity,
        commission=commission,
        covered_quantity=trade.covered,
    )


def _purchase(position: Position, order: Order, message: reports.ReportFilled, charges: Charges) -> _Trade:
    """Short units are covered first, by the lot method; what is left opens a long lot."""
    symbol, price = order.terms.symbol, message.price
    quantity = min(message.quantity, position.short_quantity)
    uses: tuple[LotUse, ...] = ()
    covered = _NOTHING
    if quantity:
        uses = lots.plan_uses(position.short_lots, quantity)
        covered = Moved(quantity, quantity * price, _cost(uses))
    bought = message.quantity - quantity
    opened = Moved(bought, bought * price, bought * price)
    postings = journal.purchase(order.currency, symbol, opened, covered, charges)
    return _Trade(postings, uses, covered.basis - covered.value, quantity)


def _sale(position: Position, order: Order, message: reports.ReportFilled, charges: Charges) -> _Trade:
    uses = lots.plan_uses(position.lots, message.quantity)
    closed = Moved(message.quantity, message.quantity * message.price, _cost(uses))
    postings = journal.sale(order.currency, order.terms.symbol, closed, charges)
    return _Trade(postings, uses, closed.value - closed.basis)


def _short_sale(position: Position, order: Order, message: reports.ReportFilled, charges: Charges) -> _Trade:
    del position  # it only grows
    value = message.quantity * message.price
    opened = Moved(message.quantity, value, value)
    return _Trade(journal.short_sale(order.currency, order.terms.symbol, opened, charges))


def _cost(uses: tuple[LotUse, ...]) -> Decimal:
    return sum((use.cost for use in uses), ZERO)


def _released(
    account: Account, order: Order, message: reports.ReportFilled, commission: Decimal, catalog: Catalog
) -> Decimal:
    """What the quantity that is left no longer needs of the hold; all of it when nothing is left."""
    tally = order.tally
    if tally is not None:
        tally = msgspec.structs.replace(tally)
        fees.take(tally, message.quantity, message.price, message.liquidity, commission)
    instrument = catalog.get(order.terms.symbol)
    step = ZERO if instrument is None else instrument.quantity_increment
    leaves = order.leaves_quantity - message.quantity
    return order.hold_cash - holds.after_fill(account, order, tally, leaves, step)


def _status(order: Order, leaves: Decimal) -> OrderStatus:
    if not leaves:
        return "FILLED"
    return "PENDING_CANCEL" if order.status == "PENDING_CANCEL" else "PARTIALLY_FILLED"


_TRADES = {"BUY": _purchase, "SELL": _sale, "SELL_SHORT": _short_sale}
