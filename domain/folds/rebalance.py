"""How rebalances change the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import events
from domain.fingerprints import cancel_plan_content
from domain.folds import links
from domain.plans import Plan

if TYPE_CHECKING:
    from domain.account import Account


def planned(account: Account, event: events.RebalancePlanned) -> None:
    if event.orders:
        account.plans[event.plan_id] = Plan(plan_id=event.plan_id, orders=event.orders)
    account.remember_command(event.command_id, bytes.fromhex(event.content), event.timestamp)


def canceled(account: Account, event: events.RebalanceCanceled) -> None:
    plan = account.plans[event.plan_id]
    plan.canceled = True
    links.apply(account, event.linked, event.timestamp)
    if plan.is_over(account):
        del account.plans[event.plan_id]
    account.remember_command(event.command_id, cancel_plan_content(event.plan_id), event.timestamp)
