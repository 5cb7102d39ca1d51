"""What is said of breaks: to the ledger where an account has the order, on the audit tape where none has.

Ids are derived from what is said and from how often it was found before, so that whoever says it says the same.
"""

from __future__ import annotations

from domain import ids
from domain.actions import BREAK_FOUND, BREAK_RESOLVED, RecordAction
from domain.reports import ReportBreak, ReportBreakResolved
from execution.reconcile.compare import Difference
from execution.reconcile.picture import OnRecord
from runtime.clock import now_us

ACTOR = "reconciler"
AGREED = "the venue's records and the ledger's agree"


def found(break_: Difference, account_id: str, venue: str, worker_id: str, seen_at_us: int, times: int) -> ReportBreak:
    """times: how often it was found before."""
    return ReportBreak(
        report_id=ids.derive("rep", "break_found", break_.break_id, times),
        account_id=account_id,
        order_id=break_.order_id,
        worker_id=worker_id,
        reported_at_us=now_us(),
        break_id=break_.break_id,
        kind=break_.kind,
        execution_id=break_.execution_id,
        venue=venue,
        symbol=break_.symbol,
        expected=break_.expected,
        actual=break_.actual,
        first_seen_at_us=seen_at_us,
    )


def resolved(break_: OnRecord, account_id: str, worker_id: str) -> ReportBreakResolved:
    return ReportBreakResolved(
        report_id=ids.derive("rep", "break_resolved", break_.break_id, break_.times),
        account_id=account_id,
        order_id=break_.order_id,
        worker_id=worker_id,
        reported_at_us=now_us(),
        break_id=break_.break_id,
        reason=AGREED,
    )


def found_of_nobody(break_: Difference, venue: str, times: int) -> RecordAction:
    """An order or an execution at the venue that no account has."""
    return RecordAction(
        action_id=ids.action_id(BREAK_FOUND, break_.break_id, times),
        actor=ACTOR,
        action=BREAK_FOUND,
        subject=break_.break_id,
        issued_at_us=now_us(),
        reason="no account of the ledger has this order",
        details={
            "kind": break_.kind,
            "order_id": break_.order_id,
            **({} if break_.execution_id is None else {"execution_id": break_.execution_id}),
            "venue": venue,
            "symbol": break_.symbol,
            "expected": break_.expected,
            "actual": break_.actual,
        },
    )


def resolved_of_nobody(break_: OnRecord) -> RecordAction:
    return RecordAction(
        action_id=ids.action_id(BREAK_RESOLVED, break_.break_id, break_.times),
        actor=ACTOR,
        action=BREAK_RESOLVED,
        subject=break_.break_id,
        issued_at_us=now_us(),
        reason=AGREED,
        details={
            "kind": break_.kind,
            "order_id": break_.order_id,
            **({} if break_.execution_id is None else {"execution_id": break_.execution_id}),
            "venue": break_.venue,
            "symbol": break_.symbol,
        },
    )
