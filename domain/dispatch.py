"""What the ledger hands to the execution engine: one entry of the Redis stream `execution.orders`."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from domain.market import TickRef
from domain.terms import OrderTerms

DispatchKind = Literal["EXECUTE", "REPLACE", "CANCEL"]


class Dispatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order with its state as the ledger knows it. Stream entry: `dispatch` (this, as JSON), `traceparent`.

    kind: EXECUTE the order, REPLACE its terms or CANCEL what is left. dispatch_epoch: to be named in every report.
    resume_after: the tick of the last fill, before the trigger, or of the last replacement, None when there was none;
    evaluation goes on with the tick after it. queued_after: its place in the venue's queue, None when it is that of its
    acknowledgement. triggered: its stop was met before. revision, replacement: the terms that the venue is asked for,
    and their number; the venue has not answered yet. accepted_at_us: the ledger's clock when it took the order.
    """

    kind: DispatchKind
    account_id: str
    order: OrderTerms
    dispatch_epoch: int
    cumulative_quantity: Decimal
    acknowledged_after: TickRef | None = None
    resume_after: TickRef | None = None
    queued_after: TickRef | None = None
    triggered: bool = False
    revision: int = 0
    replacement: OrderTerms | None = None
    accepted_at_us: int = 0
