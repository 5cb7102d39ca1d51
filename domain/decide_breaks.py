"""Decisions on breaks between the venue's records and the ledger's. Each gives one event, or None for a repeat.

Who compares looks at the ledger through its projection, and so at its past. The ledger knows better: what is no
difference any more is refused, so that a slow projection or reports that were on their way put no break on record.
"""

from __future__ import annotations

from domain import checks, ids
from domain.account import Account
from domain.breaks import OPEN_BREAKS_MAX, is_of_execution
from domain.checks import Refusal, refuse
from domain.decide_reports import rejected
from domain.events import BreakFound, BreakResolved, ReportRejected
from domain.orders import Order
from domain.reports import BreakReport, ReportBreak, ReportBreakResolved


def report(account: Account, message: BreakReport, now_us: int) -> BreakFound | BreakResolved | ReportRejected | None:
    """The event of a report of a break; None when its effect is already in."""
    if isinstance(message, ReportBreak):
        return _found(account, message, now_us)
    assert isinstance(message, ReportBreakResolved)
    return _resolved(account, message, now_us)


def _found(account: Account, message: ReportBreak, now_us: int) -> BreakFound | ReportRejected | None:
    refusal = _form(message)
    if refusal is None and message.break_id in account.breaks:
        return None
    refusal = refusal or _outdated(account, message) or _room(account)
    if refusal is not None:
        return rejected(message, refusal, now_us)
    return account.record(
        BreakFound,
        now_us,
        report_id=message.report_id,
        break_id=message.break_id,
        kind=message.kind,
        order_id=message.order_id,
        execution_id=message.execution_id,
        venue=message.venue,
        symbol=message.symbol,
        expected=message.expected,
        actual=message.actual,
        first_seen_at_us=message.first_seen_at_us,
    )


def _resolved(account: Account, message: ReportBreakResolved, now_us: int) -> BreakResolved | ReportRejected:
    known = account.breaks.get(message.break_id)
    if known is None:
        text = f"expected an open break, {checks.clean(message.break_id)} is none"
        return rejected(message, refuse("BREAK_UNKNOWN", text, break_id=message.break_id), now_us)
    if not checks.is_text(message.reason):
        refusal = refuse("BREAK_INVALID", "expected 1 to 128 printable characters", reason=message.reason)
        return rejected(message, refusal, now_us)
    return account.record(
        BreakResolved,
        now_us,
        report_id=message.report_id,
        break_id=message.break_id,
        kind=known.kind,
        order_id=known.order_id,
        execution_id=known.execution_id,
        reason=message.reason,
    )


def _form(message: ReportBreak) -> Refusal | None:
    texts = {name: getattr(message, name) for name in ("order_id", "venue", "symbol", "expected", "actual")}
    if message.execution_id is not None:
        texts["execution_id"] = message.execution_id
    for name, text in texts.items():
        if not checks.is_text(text):
            return refuse("BREAK_INVALID", f"{name}: expected 1 to 128 printable characters", **{name: text})
    if is_of_execution(message.kind) != (message.execution_id is not None):
        wanted = "an execution" if is_of_execution(message.kind) else "no execution"
        text = f"a break {message.kind} names {wanted}, it was {message.execution_id}"
        return refuse("BREAK_INVALID", text, kind=message.kind, execution_id=message.execution_id)
    derived = ids.break_id(message.kind, message.order_id, message.execution_id)
    if message.break_id == derived:
        return None
    text = f"expected the break id {derived} that is derived from kind, order and execution"
    return refuse("BREAK_INVALID", text, expected=derived, break_id=message.break_id)


def _outdated(account: Account, message: ReportBreak) -> Refusal | None:
    """Whether the ledger, as it is now, does not have what the break says that it has."""
    order = account.order(message.order_id)
    is_open = isinstance(order, Order)
    executions: set[str] | frozenset[str] = set() if order is None else order.executions
    match message.kind:
        case "ORDER_MISSING_AT_VENUE":
            # One that is dispatched anew has no holder until it is acknowledged again.
            stands = isinstance(order, Order) and order.worker_id is not None
        case "ORDER_QUANTITY_DIFFERS":
            stands = is_open
        case "ORDER_UNKNOWN_TO_LEDGER":
            stands = not is_open
        case "EXECUTION_MISSING_IN_LEDGER":
            stands = message.execution_id not in executions
        case "EXECUTION_UNKNOWN_TO_VENUE" | "EXECUTION_DIFFERS":
            stands = order is None or message.execution_id in executions
    if stands:
        return None
    status = "unknown" if order is None else order.status
    text = f"expected a difference that still stands, a {message.kind} does not: the order is {status} by now"
    details = {"order_id": message.order_id, "execution_id": message.execution_id, "status": status}
    return refuse("BREAK_OUTDATED", text, kind=message.kind, **details)


def _room(account: Account) -> Refusal | None:
    if len(account.breaks) < OPEN_BREAKS_MAX:
        return None
    text = f"expected fewer than {OPEN_BREAKS_MAX} open breaks of an account, there are {len(account.breaks)}"
    return refuse("BREAKS_TOO_MANY", text, open=len(account.breaks))
