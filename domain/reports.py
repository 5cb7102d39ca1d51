"""Inputs of the ledger on `execution.reports` (key: account id): what the execution engine says happened.

Reports of orders (Report) and of breaks (BreakReport).

`report_id` is derived from what it reports (see domain.ids), so a report that is sent twice has the same id.
`dispatch_epoch` is the fencing token: the ledger takes reports of an order's current epoch only.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.account_terms import Liquidity
from domain.breaks import BreakKind
from domain.market import TickRef


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every report of an order has. `reported_at_us`: the engine's wall clock, which decides nothing."""

    report_id: str
    account_id: str
    order_id: str
    dispatch_epoch: int
    worker_id: str
    reported_at_us: int


class ReportAcknowledged(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue has the order. `active_after`: it fills from the first tick of its symbol after this one."""

    venue: str
    active_after: TickRef | None = None


class FillEvidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an auditor needs to compute a paper fill again: the tick, the model, its parameters, the seed."""

    tick: TickRef
    tick_price: Decimal
    tick_volume: Decimal
    model: str
    parameters: dict[str, str]
    seed: str


class ReportFilled(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Part or all of an order was executed. price: per unit; fee: the venue's own, below zero for a rebate.

    Both in the instrument's currency. liquidity: whether the order gave it or took it, None where the venue says none.
    """

    execution_id: str
    venue: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    market_time_us: int
    evidence: FillEvidence | None = None
    liquidity: Liquidity | None = None


class ReportCanceled(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue will not fill what is left."""

    reason: str


class ReportRefused(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue did not take the order. `code`: stable CATEGORY_CONDITION name."""

    code: str
    text: str


class ReportTriggered(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A price has met the order's stop. price: that price; tick: where it stands, None where the venue has no ticks."""

    venue: str
    price: Decimal
    market_time_us: int
    tick: TickRef | None = None


class ReportExpired(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The order's time in force is over. reason: see domain.events.OrderExpired."""

    reason: str
    market_time_us: int


class ReportReplaced(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue works the terms of this revision. keeps_priority: the order keeps its place in the venue's queue.

    active_after: the last tick that met the old terms; None where the venue has no ticks.
    """

    revision: int
    keeps_priority: bool
    active_after: TickRef | None = None


class ReportReplaceRefused(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue goes on with the old terms. `code`: stable CATEGORY_CONDITION name."""

    revision: int
    code: str
    text: str


class ReportCorrected(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue has corrected a fill (FIX ExecType G). execution_id: of the fill as it was first reported (ExecRefID).

    quantity, price, fee: what it was, all three, in the terms of its own day.
    """

    execution_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    reason: str


class ReportBusted(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue has cancelled a fill (FIX ExecType H): it never was. execution_id: as it was first reported."""

    execution_id: str
    reason: str


class RequestRedispatch(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The worker that held the order is gone (or the queue was lost): dispatch it again under a new epoch."""

    reason: str


class BreakReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every report of a break has. No dispatch epoch: it is said by who compares, not by who holds the order.

    break_id: domain.ids.break_id of kind, order and execution. order_id: as the one of the two has it that has it.
    """

    report_id: str
    account_id: str
    order_id: str
    worker_id: str
    reported_at_us: int
    break_id: str


class ReportBreak(BreakReport, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue's records and the ledger's differ. expected: what the ledger has; actual: what the venue has.

    execution_id: for kinds of executions (domain.breaks). first_seen_at_us: the wall clock when it was first seen.
    """

    kind: BreakKind
    execution_id: str | None = None
    venue: str
    symbol: str
    expected: str
    actual: str
    first_seen_at_us: int


class ReportBreakResolved(BreakReport, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The two agree again on what the break was about. reason: what each of them has now."""

    reason: str


REPORTS: tuple[type[Report | BreakReport], ...] = (
    ReportAcknowledged,
    ReportTriggered,
    ReportFilled,
    ReportReplaced,
    ReportReplaceRefused,
    ReportCanceled,
    ReportExpired,
    ReportRefused,
    ReportCorrected,
    ReportBusted,
    RequestRedispatch,
    ReportBreak,
    ReportBreakResolved,
)
