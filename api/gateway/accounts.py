"""From what an account holder asks for to the ledger's words: accounts, cash, conversions, transfers."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

import msgspec

from api.fields import Body
from api.gateway.bodies import AccountRequest, CashRequest, ConversionRequest, TransferRequest
from domain import ids
from domain.account_terms import FeeSchedule, MarginTerms
from domain.commands import ConvertCash, Deposit, OpenAccount, TransferCash, Withdraw
from runtime.clock import now_us

Terms = TypeVar("Terms", bound=msgspec.Struct)


def opening(body: AccountRequest, owner: str, command_id: str, default_fee_bps: Decimal) -> OpenAccount:
    return OpenAccount(
        command_id=command_id,
        account_id=body.account_id,
        issued_at_us=now_us(),
        owner=owner,
        currency=body.currency,
        lot_method=body.lot_method,
        fee_bps=default_fee_bps if body.fee_bps is None else body.fee_bps,
        currencies=tuple(body.currencies),
        margin=_terms(body.margin, MarginTerms),
        fee_schedule=_terms(body.fee_schedule, FeeSchedule),
    )


def movement(
    kind: type[Deposit] | type[Withdraw], account_id: str, body: CashRequest, command_id: str
) -> Deposit | Withdraw:
    return kind(
        command_id=command_id,
        account_id=account_id,
        issued_at_us=now_us(),
        amount=body.amount,
        currency=body.currency,
    )


def conversion(account_id: str, body: ConversionRequest, command_id: str) -> ConvertCash:
    return ConvertCash(
        command_id=command_id,
        account_id=account_id,
        issued_at_us=now_us(),
        from_currency=body.from_currency,
        to_currency=body.to_currency,
        amount=body.amount,
        rate=body.rate,
        source=body.source,
    )


def transfer(account_id: str, body: TransferRequest, requested_by: str, command_id: str) -> TransferCash:
    """The transfer's id is derived from the command's, and that from the Idempotency-Key: a retry is the same one."""
    return TransferCash(
        command_id=command_id,
        account_id=account_id,
        issued_at_us=now_us(),
        actor=requested_by,
        reason=body.reason,
        reference=ids.derive("trf", account_id, command_id),
        to_account_id=body.to_account_id,
        amount=body.amount,
        currency=body.currency,
    )


def _terms(given: Body | None, kind: type[Terms]) -> Terms | None:
    """The terms that were given; what was not has its default."""
    return None if given is None else kind(**given.model_dump(exclude_none=True))
