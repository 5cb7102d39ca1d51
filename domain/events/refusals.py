"""Inputs that were refused and change no account."""

from __future__ import annotations

from domain.events.base import LedgerEvent


class CommandRejected(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command was refused that is no fresh, well-formed order of a known account (that would be OrderRejected).

    Such as a withdrawal without cover, an order for an unknown account, an order id used again with other content, a
    command that is too old. account_version is 0: it changes no account. Texts that are no text (control characters,
    more than 128 characters) stand here escaped and cut, account_id and command_id included.
    """

    command_id: str
    command_type: str
    code: str
    text: str
    details: dict[str, str]


class ReportRejected(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report that the ledger does not take: stale epoch, unknown or finished order, overfill.

    account_version is 0: it changes no account.
    """

    report_id: str
    report_type: str
    order_id: str
    code: str
    text: str
    details: dict[str, str]
