"""Decisions on rebalances: plan, and cancel. Each gives one event, or None for a repeat."""

from __future__ import annotations

from domain import ids, rebalance
from domain.account import Account
from domain.checks import Refusal, refuse
from domain.commands import CancelRebalance, PlanRebalance
from domain.decide_cash import rejected
from domain.events import CommandRejected, LinkedOrder, RebalanceCanceled, RebalancePlanned
from domain.fingerprints import rebalance_content
from domain.world import World


def form(command: PlanRebalance) -> Refusal | None:
    """The plan's id; the weights are checked with the plan."""
    derived = ids.plan_id(command.account_id, command.command_id)
    if command.plan_id == derived:
        return None
    return refuse("PLAN_UNKNOWN", f"expected the plan id {derived} that is derived from the command's", plan_id=derived)


def plan(account: Account, command: PlanRebalance, now_us: int, world: World) -> RebalancePlanned | CommandRejected:
    """The plan of a rebalance, or why there can be none."""
    found = rebalance.draft(account, command, world)
    if isinstance(found, Refusal):
        return rejected(command, found, now_us)
    return account.record(
        RebalancePlanned,
        now_us,
        command_id=command.command_id,
        plan_id=command.plan_id,
        weights=command.weights,
        cash_weight=command.cash_weight,
        drift_band=command.drift_band,
        allowance=command.allowance,
        equity=found.equity,
        marks=found.marks,
        orders=found.orders,
        content=rebalance_content(command).hex(),
    )


def cancel(account: Account, command: CancelRebalance, now_us: int) -> RebalanceCanceled | CommandRejected | None:
    """Stop a rebalance: what is not sent stays unsent, what is working is to be cancelled. None when it was before."""
    found = account.plans.get(command.plan_id)
    if found is None:
        text = f"expected a rebalance under way, {command.plan_id!r} is none"
        return rejected(command, refuse("PLAN_UNKNOWN", text, plan_id=command.plan_id), now_us)
    if found.canceled:
        return None
    working = [account.orders[order.order_id] for order in found.orders if order.order_id in account.orders]
    return account.record(
        RebalanceCanceled,
        now_us,
        command_id=command.command_id,
        plan_id=command.plan_id,
        unsent=tuple(
            order.order_id
            for order in found.orders
            if order.order_id not in found.done and order.order_id not in account.orders
        ),
        linked=tuple(
            LinkedOrder(order_id=order.terms.order_id, effect="CANCEL_REQUESTED", quantity=order.terms.quantity)
            for order in working
            if order.status != "PENDING_CANCEL"
        ),
    )
