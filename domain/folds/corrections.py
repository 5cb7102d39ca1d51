"""How a re-stated fill changes the account: everything is as if it had been like this from the beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from domain import events, fees, trades
from domain.currencies import minor_unit
from domain.errors import BooksError
from domain.fees import Part
from domain.fingerprints import operator_content
from domain.folds import links
from domain.folds.closing import close, set_aside
from domain.history import Execution
from domain.lots import restate
from domain.orders import Order

if TYPE_CHECKING:
    from domain.account import Account


def corrected(account: Account, event: events.FillCorrected) -> None:
    fill = _fill(account, event)
    before = fill.part
    fill.quantity, fill.price, fill.fee = event.quantity, event.price, event.fee
    _restate(account, event, fill, before)
    if event.command_id:
        account.remember_command(event.command_id, operator_content("CorrectFill", event), event.timestamp)


def busted(account: Account, event: events.FillBusted) -> None:
    fill = _fill(account, event)
    before = fill.part
    fill.is_busted = True
    _restate(account, event, fill, before)
    if event.command_id:
        account.remember_command(event.command_id, operator_content("BustFill", event), event.timestamp)


def _fill(account: Account, event: events.FillRestated) -> Execution:
    fill = account.execution(event.execution_id)
    if fill is None:
        raise BooksError(f"account {account.id}: {type(event).__name__} of {event.execution_id!r}, which is unknown")
    if event.report_id:
        fill.restated_by = (*fill.restated_by, event.report_id)
    return fill


def _restate(account: Account, event: events.FillRestated, fill: Execution, before: Part | None) -> None:
    """before: what the fill was of its order's commission."""
    position = account.positions[event.symbol]
    restate(position, trades.of_states(event.lots))
    funds = account.funds[event.currency or account.currency]
    position.realized_pnl += event.realized_pnl_change
    position.fees += event.fees_change + event.commission_change
    funds.free += event.cash_change
    funds.realized_pnl += event.realized_pnl_change
    funds.fees += event.fees_change
    funds.commissions += event.commission_change
    _restate_order(account, event, fill, before)


def _restate_order(account: Account, event: events.FillRestated, fill: Execution, before: Part | None) -> None:
    order = account.order(event.order_id)
    if order is None:
        return
    tally = fees.after_restatement(order.tally, before, fill.part, minor_unit(fill.currency))
    if isinstance(order, Order):
        order.tally = tally
        set_aside(account, order, event.hold_cash, event.hold_quantity)
        order.cumulative_quantity = event.cumulative_quantity
        order.move(type(event).__name__, event.status)
        if event.linked:
            links.apply(account, event.linked, event.timestamp, order.resume_after)
        if event.status == "FILLED":
            close(account, order, "FILLED", event.timestamp)
    else:
        restated = msgspec.structs.replace(order, cumulative_quantity=event.cumulative_quantity, tally=tally)
        account.closed[event.order_id] = restated
