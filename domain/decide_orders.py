"""Decisions on orders: submit and cancel. Each gives one event, or None for a repeat."""

from __future__ import annotations

from domain import checks, journal
from domain.account import Account
from domain.catalog import Catalog
from domain.checks import Refusal
from domain.commands import CancelOrder, SubmitOrder
from domain.decide_cash import rejected
from domain.events import CommandRejected, OrderAccepted, OrderCancelRequested, OrderRejected, OrderTerms
from domain.fingerprints import order_content
from domain.numbers import ZERO
from domain.orders import ClosedOrder, Order

FIRST_EPOCH = 1


def terms_of(command: SubmitOrder) -> OrderTerms:
    return OrderTerms(
        order_id=command.order_id,
        client_order_id=command.client_order_id,
        symbol=command.symbol,
        side=command.side,
        order_type=command.order_type,
        quantity=command.quantity,
        limit_price=command.limit_price,
        protection_price=command.protection_price,
        active_after=command.active_after,
        active_from_us=command.active_from_us,
        signal_id=command.signal_id,
        strategy_id=command.strategy_id,
    )


def repeat(account: Account, command: SubmitOrder, forgotten_before_us: int) -> Refusal | bool:
    """True when this very order was decided before; a Refusal when its client order id was used with other content.

    An open order is known however old it is, a finished one for the published time.
    """
    known = account.order(command.order_id)
    if known is None or (isinstance(known, ClosedOrder) and known.closed_at_us < forgotten_before_us):
        return False
    if known.fingerprint == order_content(terms_of(command)):
        return True
    return checks.refuse(
        "CLIENT_ORDER_ID_CONFLICT",
        f"expected the content of the first order {command.client_order_id!r}, it was other content",
        client_order_id=command.client_order_id,
        order_id=command.order_id,
    )


def submit(account: Account, command: SubmitOrder, now_us: int, catalog: Catalog) -> OrderAccepted | OrderRejected:
    """Accept and hold, or reject. The command's form, age and novelty have been checked."""
    terms = terms_of(command)
    refusal = checks.order(account, terms, catalog)
    hold_cash, hold_quantity = ZERO, ZERO
    if refusal is None and terms.side == "BUY":
        price = terms.limit_price if terms.order_type == "LIMIT" else terms.protection_price
        assert price is not None
        hold_cash = account.hold_for(terms.quantity, price)
        refusal = checks.cash(account, hold_cash)
    elif refusal is None:
        hold_quantity = terms.quantity
    if refusal is not None:
        return account.record(
            OrderRejected,
            now_us,
            command_id=command.command_id,
            order=terms,
            code=refusal.code,
            text=refusal.text,
            details=refusal.details,
        )
    return account.record(
        OrderAccepted,
        now_us,
        postings=journal.hold(account.currency, hold_cash, terms.symbol, hold_quantity),
        command_id=command.command_id,
        order=terms,
        hold_cash=hold_cash,
        hold_quantity=hold_quantity,
        dispatch_epoch=FIRST_EPOCH,
    )


def cancel(account: Account, command: CancelOrder, now_us: int) -> OrderCancelRequested | CommandRejected | None:
    """Ask the venue to cancel what is left. None when somebody has asked before and the venue has not answered."""
    order = account.order(command.order_id)
    if not isinstance(order, Order):
        return rejected(command, not_open(command.order_id, order), now_us)
    if order.status == "PENDING_CANCEL":
        return None
    return account.record(
        OrderCancelRequested,
        now_us,
        command_id=command.command_id,
        order_id=command.order_id,
        dispatch_epoch=order.dispatch_epoch,
    )


def not_open(order_id: str, order: ClosedOrder | None) -> Refusal:
    if order is None:
        return checks.refuse(
            "ORDER_UNKNOWN",
            f"expected an order of this account, {checks.clean(order_id)} is unknown",
            order_id=order_id,
        )
    return checks.refuse(
        "ORDER_NOT_OPEN", f"expected an open order, it was {order.status}", order_id=order_id, status=order.status
    )
