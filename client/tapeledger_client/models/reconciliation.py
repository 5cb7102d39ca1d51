"""Bodies of reconciliation.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from tapeledger_client.model import Model, Open

BreakKind: TypeAlias = Open[
    Literal[
        "ORDER_MISSING_AT_VENUE",
        "ORDER_UNKNOWN_TO_LEDGER",
        "ORDER_QUANTITY_DIFFERS",
        "EXECUTION_MISSING_IN_LEDGER",
        "EXECUTION_UNKNOWN_TO_VENUE",
        "EXECUTION_DIFFERS",
    ]
]


BreakStatus: TypeAlias = Open[Literal["OPEN", "RESOLVED"]]


class Break(Model, frozen=True, kw_only=True):
    """A difference between the venue's records and the ledger's. The same difference is one break, however often
    found.

    account_id is null when no account has the order, such as one that somebody placed elsewhere.
    """

    break_id: str
    account_id: str | None
    kind: BreakKind
    order_id: str
    """ours; or the name that the venue has for it, where no account has it"""
    execution_id: str | None
    venue: str
    symbol: str
    expected: str
    """what the ledger had when it was last found"""
    actual: str
    """what the venue had"""
    status: BreakStatus
    times: int
    """how often it was found"""
    first_found_at: datetime
    found_at: datetime
    """when it was last found"""
    resolved_at: datetime | None
    reason: str | None
    """of its resolution"""
    partition: int
    """of ledger.events; of audit.logs where account_id is null"""
    record_offset: int
    """of the newest event about it"""


class BreakPage(Model, frozen=True, kw_only=True):
    """Break page."""

    data: tuple[Break, ...]
    has_more: bool
    """whether more rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""
