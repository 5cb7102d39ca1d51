"""Cash that moves without a trade, a deposit or a withdrawal.

A transfer is a pair of events under one `reference`, the transfer's id: out of the sender's account, then into the
receiver's. Who makes sure of the second is domain.transfers.
"""

from __future__ import annotations

from decimal import Decimal

from domain.commands.operator import OperatorCommand
from domain.terms import AdjustmentKind


class AdjustCash(OperatorCommand, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Book interest, a fee, a rebate or a correction. amount: above zero comes in, below zero goes out."""

    kind: AdjustmentKind
    amount: Decimal
    currency: str = "USD"


class TransferCash(OperatorCommand, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send free cash to another account. `account_id` is the sender's."""

    to_account_id: str
    amount: Decimal
    currency: str = "USD"


class ReceiveTransfer(OperatorCommand, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take in what another account has sent. Sent by the transfers' process manager alone.

    is_probe: by one who has not read that the account was opened. It takes nothing in, whatever stands there when it
    comes: an account that is opened a moment later must not have what is by then on its way back.
    """

    from_account_id: str
    amount: Decimal
    currency: str = "USD"
    is_probe: bool = False


class ReturnTransfer(OperatorCommand, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Give the sender back what the receiver refused. Sent by the transfers' process manager alone."""

    to_account_id: str
    amount: Decimal
    currency: str = "USD"
