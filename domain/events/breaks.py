"""Where the venue's records and the ledger's were found to differ, and to agree again. Nothing is posted."""

from __future__ import annotations

from domain.breaks import BreakKind
from domain.events.base import LedgerEvent


class BreakFound(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A difference is on record until it is resolved; it changes no order and no balance.

    expected: what the ledger had when they were compared; actual: what the venue had. execution_id: for kinds of
    executions. first_seen_at_us: by the clock of who compared.
    """

    report_id: str
    break_id: str
    kind: BreakKind
    order_id: str
    execution_id: str | None
    venue: str
    symbol: str
    expected: str
    actual: str
    first_seen_at_us: int


class BreakResolved(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The two agree again on what a break was about. reason: what each of them has now."""

    report_id: str
    break_id: str
    kind: BreakKind
    order_id: str
    execution_id: str | None
    reason: str
