"""How each event changes the account. Called by Account.take, inside the exact decimal context, once an event.

These functions trust the event (it was decided, or it is on the chain) and read no clock. Account.take then compares
what they did with the event's postings.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from domain import events, lots
from domain.fingerprints import cancel_content, cash_content, opened_content, order_content
from domain.orders import ClosedOrder, Order

if TYPE_CHECKING:
    from domain.account import Account


def _opened(account: Account, event: events.AccountOpened) -> None:
    account.owner = event.owner
    account.currency = event.currency
    account.lot_method = event.lot_method
    account.fee_bps = event.fee_bps
    content = opened_content(event.owner, event.currency, event.lot_method, event.fee_bps)
    account.remember_command(event.command_id, content, event.timestamp)


def _deposited(account: Account, event: events.CashDeposited) -> None:
    account.cash += event.amount
    content = cash_content("Deposit", event.amount, event.currency)
    account.remember_command(event.command_id, content, event.timestamp)


def _withdrawn(account: Account, event: events.CashWithdrawn) -> None:
    account.cash -= event.amount
    content = cash_content("Withdraw", event.amount, event.currency)
    account.remember_command(event.command_id, content, event.timestamp)


def _accepted(account: Account, event: events.OrderAccepted) -> None:
    terms = event.order
    _move_hold(account, terms.symbol, event.hold_cash, event.hold_quantity)
    account.closed.pop(terms.order_id, None)  # a finished order of this id was forgotten, or is about to be
    account.orders[terms.order_id] = Order(
        terms=terms,
        status="PENDING_NEW",
        hold_cash=event.hold_cash,
        hold_quantity=event.hold_quantity,
        dispatch_epoch=event.dispatch_epoch,
        fingerprint=order_content(terms),
        accepted_at_us=event.timestamp,
    )


def _rejected(account: Account, event: events.OrderRejected) -> None:
    closed = ClosedOrder(
        status="REJECTED",
        fingerprint=order_content(event.order),
        dispatch_epoch=0,
        worker_id=None,
        executions=frozenset(),
        closed_at_us=event.timestamp,
    )
    account.remember_closed(event.order.order_id, closed)


def _acknowledged(account: Account, event: events.OrderAcknowledged) -> None:
    order = account.orders[event.order_id]
    order.worker_id = event.worker_id
    order.acknowledged_after = event.active_after
    if order.status == "PENDING_NEW":
        order.status = "NEW"


def _filled(account: Account, event: events.OrderFilled) -> None:
    order = account.orders[event.order_id]
    position = account.positions.setdefault(event.symbol, lots.Position())
    value = event.quantity * event.price
    if event.side == "BUY":
        lot = lots.Lot(
            lot_id=event.execution_id, quantity=event.quantity, cost=value, opened_at_us=event.market_time_us
        )
        lots.add_purchase(position, account.lot_method, lot)
        order.hold_cash -= event.released_cash
        account.held_cash -= event.released_cash
        account.cash += event.released_cash - value - event.fee
    else:
        lots.consume(position, event.lots)
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
        _close(account, order, "FILLED", event.timestamp)


def _cancel_requested(account: Account, event: events.OrderCancelRequested) -> None:
    account.orders[event.order_id].status = "PENDING_CANCEL"
    account.remember_command(event.command_id, cancel_content(event.order_id), event.timestamp)


def _canceled(account: Account, event: events.OrderCanceled) -> None:
    order = account.orders[event.order_id]
    _move_hold(account, order.terms.symbol, -event.released_cash, -event.released_quantity)
    _close(account, order, "CANCELED", event.timestamp)


def _refused(account: Account, event: events.OrderRefusedByVenue) -> None:
    order = account.orders[event.order_id]
    _move_hold(account, order.terms.symbol, -event.released_cash, -event.released_quantity)
    _close(account, order, "REJECTED", event.timestamp)


def _redispatched(account: Account, event: events.OrderRedispatched) -> None:
    order = account.orders[event.order_id]
    order.dispatch_epoch = event.dispatch_epoch
    order.worker_id = None


def _move_hold(account: Account, symbol: str, cash: Decimal, quantity: Decimal) -> None:
    account.cash -= cash
    account.held_cash += cash
    if quantity:
        position = account.positions[symbol]
        position.free -= quantity
        position.held += quantity


def _close(account: Account, order: Order, status: events.OrderStatus, at_us: int) -> None:
    del account.orders[order.terms.order_id]
    closed = ClosedOrder(
        status=status,
        fingerprint=order.fingerprint,
        dispatch_epoch=order.dispatch_epoch,
        worker_id=order.worker_id,
        executions=frozenset(order.executions),
        closed_at_us=at_us,
    )
    account.remember_closed(order.terms.order_id, closed)


FOLDS: dict[type[events.LedgerEvent], Callable[[Account, Any], None]] = {
    events.AccountOpened: _opened,
    events.CashDeposited: _deposited,
    events.CashWithdrawn: _withdrawn,
    events.OrderAccepted: _accepted,
    events.OrderRejected: _rejected,
    events.OrderAcknowledged: _acknowledged,
    events.OrderFilled: _filled,
    events.OrderCancelRequested: _cancel_requested,
    events.OrderCanceled: _canceled,
    events.OrderRefusedByVenue: _refused,
    events.OrderRedispatched: _redispatched,
}
