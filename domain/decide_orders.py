"""Decisions on orders: submit and cancel. Each gives one event, or None for a repeat."""

from __future__ import annotations

from collections.abc import Sequence

from domain import checks, holds, journal, order_checks, risk
from domain.account import Account
from domain.checks import Refusal
from domain.commands import CancelOrder, SubmitOrder
from domain.decide_cash import rejected
from domain.events import CommandRejected, LinkedOrder, OrderAccepted, OrderCancelRequested, OrderRejected
from domain.fingerprints import order_content
from domain.holds import Hold
from domain.orders import ClosedOrder, Order
from domain.terms import OrderTerms
from domain.world import World

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
        time_in_force=command.time_in_force,
        expire_at_us=command.expire_at_us,
        stop_price=command.stop_price,
        trail_amount=command.trail_amount,
        trail_bps=command.trail_bps,
        post_only=command.post_only,
        reduce_only=command.reduce_only,
        trader_id=command.trader_id,
    )


def command_of(terms: OrderTerms, *, command_id: str, account_id: str, issued_at_us: int) -> SubmitOrder:
    """The command that asks for an order of these terms, the way back of `terms_of`."""
    return SubmitOrder(
        command_id=command_id,
        account_id=account_id,
        issued_at_us=issued_at_us,
        **{name: getattr(terms, name) for name in _OWN},
    )


_OWN = tuple(name for name in OrderTerms.__struct_fields__ if name in SubmitOrder.__struct_fields__)


def repeat(account: Account, command: SubmitOrder, forgotten_before_us: int) -> Refusal | bool:
    """True when this very order was decided before; a Refusal when its client order id was used with other content.

    An open order is known however old it is, a finished one for the published time.
    """
    known = account.order(command.order_id)
    if not is_known(known, forgotten_before_us):
        return False
    assert known is not None
    if known.fingerprint == order_content(terms_of(command)):
        return True
    return checks.refuse(
        "CLIENT_ORDER_ID_CONFLICT",
        f"expected the content of the first order {command.client_order_id!r}, it was other content",
        client_order_id=command.client_order_id,
        order_id=command.order_id,
    )


def assess(
    account: Account,
    terms: OrderTerms,
    now_us: int,
    world: World,
    *,
    holds_now: bool = True,
    beside: Sequence[OrderTerms] = (),
) -> Refusal | Hold:
    """Every pre-trade check of an order, in order: what it must be refused for, or what is to be set aside for it.

    holds_now: false for an order that waits for its parent; it is held for when it goes to the venue. beside: the
    orders of its group before it.
    """
    passed = permit(account, terms, now_us, world, beside=beside)
    if isinstance(passed, Refusal):
        return passed
    if not holds_now:
        hold: Refusal | Hold = holds.NO_HOLD._replace(currency=world.catalog[terms.symbol].currency)
    else:
        hold = holds.needed(account, terms, terms.quantity, world)
    if isinstance(hold, Refusal):
        return hold
    return holds.check(account, terms, hold, world) or (hold._replace(overrides=passed) if passed else hold)


def permit(
    account: Account,
    terms: OrderTerms,
    now_us: int,
    world: World,
    *,
    replacing: Order | None = None,
    beside: Sequence[OrderTerms] = (),
) -> Refusal | tuple[str, ...]:
    """Every pre-trade check but that of cash and units; the ids of the overrides by which it passes.

    now_us: record time. replacing: the open order whose terms these would become.
    """
    refusal = risk.halts(account, terms, world.desk) or order_checks.order(account, terms, world, now_us)
    return refusal or risk.limits(account, terms, world, now_us, replacing, beside)


def is_known(order: Order | ClosedOrder | None, forgotten_before_us: int) -> bool:
    """Whether an order is still remembered: an open one however old it is, a finished one for the published time."""
    return order is not None and not (isinstance(order, ClosedOrder) and order.closed_at_us < forgotten_before_us)


def submit(account: Account, command: SubmitOrder, now_us: int, world: World) -> OrderAccepted | OrderRejected:
    """Accept and hold, or reject. The command's form, age and novelty have been checked."""
    terms = terms_of(command)
    verdict = assess(account, terms, now_us, world)
    limits_version, desk_version = account.risk.limits_version, world.desk.version
    if isinstance(verdict, Refusal):
        return account.record(
            OrderRejected,
            now_us,
            command_id=command.command_id,
            order=terms,
            code=verdict.code,
            text=verdict.text,
            details=verdict.details,
            limits_version=limits_version,
            desk_version=desk_version,
        )
    return account.record(
        OrderAccepted,
        now_us,
        postings=journal.hold(verdict.currency, verdict.cash, terms.symbol, verdict.quantity),
        command_id=command.command_id,
        order=terms,
        hold_cash=verdict.cash,
        hold_quantity=verdict.quantity,
        dispatch_epoch=FIRST_EPOCH,
        limits_version=limits_version,
        desk_version=desk_version,
        overrides=verdict.overrides,
        currency=verdict.currency,
        locates=verdict.locates,
    )


def cancel(
    account: Account, command: CancelOrder, now_us: int, world: World
) -> OrderCancelRequested | CommandRejected | None:
    """Ask the venue to cancel what is left. None when somebody has asked before and the venue has not answered.

    An order that waits for its parent is void at once: no venue has it.
    """
    order = account.order(command.order_id)
    if not isinstance(order, Order):
        return rejected(command, not_open(command.order_id, order), now_us)
    if order.status == "PENDING_CANCEL":
        return None
    void = LinkedOrder(order_id=command.order_id, effect="CANCELED", quantity=order.terms.quantity)
    return account.record(
        OrderCancelRequested,
        now_us,
        command_id=command.command_id,
        order_id=command.order_id,
        dispatch_epoch=order.dispatch_epoch,
        linked=(void,) if order.is_suspended else (),
        limits_version=account.risk.limits_version,
        desk_version=world.desk.version,
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
