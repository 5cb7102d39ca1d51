"""Cash that moved without a trade, a deposit or a withdrawal. Amounts in `currency`, whole cents."""

from __future__ import annotations

from decimal import Decimal

from domain.events.operator import OperatorEvent
from domain.terms import AdjustmentKind


class CashAdjusted(OperatorEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Interest, a fee, a rebate or a correction. amount: above zero came in, below zero went out."""

    kind: AdjustmentKind
    amount: Decimal
    currency: str


class CashTransferredOut(OperatorEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Free cash is on its way to another account; `reference` is the transfer's id."""

    to_account_id: str
    amount: Decimal
    currency: str


class CashTransferredIn(OperatorEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cash has come from another account; `reference` is the transfer's id."""

    from_account_id: str
    amount: Decimal
    currency: str


class CashTransferReturned(OperatorEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The receiver refused the transfer, and the cash is back."""

    to_account_id: str
    amount: Decimal
    currency: str
