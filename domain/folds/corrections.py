"""How a re-stated fill changes the account: everything is as if it had been like this from the beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from domain import events, trades
from domain.errors import BooksError
from domain.fingerprints import operator_content
from domain.folds import links
from domain.folds.closing import close, set_aside
from domain.history import Execution
from domain.orders import Order

if TYPE_CHECKING:
    from domain.account import Account


def corrected(account: Account, event: events.FillCorrected) -> None:
    fill = _fill(account, event)
    fill.quantity, fill.price, fill.fee = event.quantity, event.price, event.fee
    _restate(account, event)
    if event.command_id:
        account.remember_command(event.command_id, operator_content("CorrectFill", event), event.timestamp)


def busted(account: Account, event: events.FillBusted) -> None:
    _fill(account, event).is_busted = True
    _restate(account, event)
    if event.command_id:
        account.remember_command(event.command_id, operator_content("BustFill", event), event.timestamp)


def _fill(account: Account, event: events.FillRestated) -> Execution:
    fill = account.execution(event.execution_id)
    if fill is None:
        raise BooksError(f"account {account.id}: {type(event).__name__} of {event.execution_id!r}, which is unknown")
    if event.report_id:
        fill.restated_by = (*fill.restated_by, event.report_id)
    return fill


def _restate(account: Account, event: events.FillRestated) -> None:
    position = account.positions[event.symbol]
    position.free += event.quantity_change
    position.cost = event.position_cost
    position.lots = trades.of_states(event.lots)
    position.realized_pnl += event.realized_pnl_change
    position.fees += event.fees_change
    account.cash += event.cash_change
    account.realized_pnl += event.realized_pnl_change
    account.fees += event.fees_change
    _restate_order(account, event)


def _restate_order(account: Account, event: events.FillRestated) -> None:
    order = account.order(event.order_id)
    if isinstance(order, Order):
        set_aside(account, order, event.hold_cash, event.hold_quantity)
        order.cumulative_quantity = event.cumulative_quantity
        order.move(type(event).__name__, event.status)
        if event.linked:
            links.apply(account, event.linked, event.timestamp, order.resume_after)
        if event.status == "FILLED":
            close(account, order, "FILLED", event.timestamp)
    elif order is not None:
        restated = msgspec.structs.replace(order, cumulative_quantity=event.cumulative_quantity)
        account.closed[event.order_id] = restated
