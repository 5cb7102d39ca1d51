"""What makes a command one that can be stored and computed with: ids, texts, numbers. No account is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain import account_checks, checks, decide_rebalance, ids, order_checks
from domain.checks import Refusal
from domain.commands import (
    CancelOrder,
    CancelRebalance,
    Command,
    Deposit,
    OpenAccount,
    PlanRebalance,
    ReplaceOrder,
    SubmitOrder,
    SubmitOrderGroup,
    Withdraw,
)

LEGS_MAX = 10


def form(command: Command) -> Refusal | None:
    """The form of any command; its envelope has been checked."""
    check = _FORMS.get(type(command))
    return (check(command) if check is not None else None) or account_checks.form(command)


def _order_id(order_id: str) -> Refusal | None:
    if checks.is_text(order_id):
        return None
    return checks.refuse("TEXT_INVALID", "expected order_id to be 1 to 128 printable characters", order_id=order_id)


def _group(command: SubmitOrderGroup) -> Refusal | None:
    if not checks.is_text(command.client_group_id, order_checks.CLIENT_ORDER_ID_CHARACTERS_MAX):
        return checks.refuse(
            "GROUP_INVALID",
            "expected client_group_id to be 1 to 48 printable characters",
            group=command.client_group_id,
        )
    derived = ids.group_id(command.account_id, command.client_group_id)
    if command.group_id != derived:
        return checks.refuse(
            "GROUP_INVALID",
            f"expected the group id {derived} that is derived from it, it was {checks.clean(command.group_id)}",
            client_group_id=command.client_group_id,
            group_id=command.group_id,
        )
    if not 2 <= len(command.orders) <= LEGS_MAX:
        text = f"expected 2 to {LEGS_MAX} orders, there were {len(command.orders)}"
        return checks.refuse("GROUP_INVALID", text, orders=len(command.orders))
    for order in command.orders:
        refusal = order_checks.order_form(command.account_id, order)
        if refusal is not None:
            return refusal
    names = {order.order_id for order in command.orders}
    if len(names) != len(command.orders):
        return checks.refuse("GROUP_INVALID", "expected a client order id of its own for each order", orders=len(names))
    return None


def _submit(command: SubmitOrder) -> Refusal | None:
    return order_checks.order_form(command.account_id, command)


def _amount(command: Deposit | Withdraw) -> Refusal | None:
    return checks.number("AMOUNT", command.amount)


def _replace(command: ReplaceOrder) -> Refusal | None:
    return _order_id(command.order_id) or order_checks.numbers(command)


def _cancel_plan(command: CancelRebalance) -> Refusal | None:
    if checks.is_text(command.plan_id):
        return None
    return checks.refuse("TEXT_INVALID", "expected plan_id to be printable", plan_id=command.plan_id)


def _cancel(command: CancelOrder) -> Refusal | None:
    return _order_id(command.order_id)


_FORMS: dict[type[Command], Callable[[Any], Refusal | None]] = {
    OpenAccount: checks.opening,
    Deposit: _amount,
    Withdraw: _amount,
    SubmitOrder: _submit,
    SubmitOrderGroup: _group,
    ReplaceOrder: _replace,
    CancelOrder: _cancel,
    PlanRebalance: decide_rebalance.form,
    CancelRebalance: _cancel_plan,
}
