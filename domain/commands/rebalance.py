"""What somebody wants of a portfolio as a whole."""

from __future__ import annotations

from decimal import Decimal

from domain.commands.base import Command


class PlanRebalance(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bring the positions to target weights.

    plan_id: `domain.ids.plan_id(account_id, command_id)`. weights: share of equity per symbol; with cash_weight they
    sum to one; a symbol that is held and not named is to be sold. drift_band: a position whose share is within this of
    its target is left alone (0.02: two points of a hundred). allowance: how far from the mark an order may fill, as a
    share of it. expected_version: the account's version that the sender looked at; None: whatever it is.
    expected_orders: the digest of the orders that a preview has shown (domain.rebalance.digest_of); None: whatever they
    are.
    """

    plan_id: str
    weights: dict[str, Decimal]
    cash_weight: Decimal = Decimal(0)
    drift_band: Decimal = Decimal(0)
    allowance: Decimal = Decimal("0.10")
    expected_version: int | None = None
    expected_orders: str | None = None


class CancelRebalance(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send no more orders of a plan, and cancel what is working."""

    plan_id: str
