"""Breaks: where the venue's records and the ledger's do not agree, and what kinds of them there are.

Source of the duty: Commission Delegated Regulation (EU) 2017/589 (RTS 6), article 13(9): reconcile one's own electronic
trading logs with the records of the venue, the broker, the clearing member or the data provider.
"""

from __future__ import annotations

from typing import Literal

import msgspec

BreakKind = Literal[
    "ORDER_MISSING_AT_VENUE",
    "ORDER_UNKNOWN_TO_LEDGER",
    "ORDER_QUANTITY_DIFFERS",
    "EXECUTION_MISSING_IN_LEDGER",
    "EXECUTION_UNKNOWN_TO_VENUE",
    "EXECUTION_DIFFERS",
]

BREAKS: dict[BreakKind, str] = {
    "ORDER_MISSING_AT_VENUE": "the venue has acknowledged the order and the ledger has it open, the venue has not",
    "ORDER_UNKNOWN_TO_LEDGER": "the venue works an order that the ledger never had, or has no longer open",
    "ORDER_QUANTITY_DIFFERS": "both have the order open, for another quantity each",
    "EXECUTION_MISSING_IN_LEDGER": "the venue has an execution that is not in the books",
    "EXECUTION_UNKNOWN_TO_VENUE": "the books have an execution that the venue has not",
    "EXECUTION_DIFFERS": "both have the execution, with another order, quantity or price each",
}
"""What each kind means. A kind never changes its meaning."""

OPEN_BREAKS_MAX = 1_000
"""Of one account. Where so much differs, one more break tells nobody anything, and a state must stay bounded."""


def is_of_execution(kind: BreakKind) -> bool:
    """Whether a break of this kind names an execution."""
    return kind.startswith("EXECUTION_")


class OpenBreak(msgspec.Struct, frozen=True, kw_only=True):
    """A break that was found and is not resolved. found_at_us: record time, microseconds UTC."""

    kind: BreakKind
    order_id: str
    execution_id: str | None
    found_at_us: int
