"""What the ledger hands to the execution engine: one entry of the Redis stream `execution.orders`."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from domain.events import OrderTerms
from domain.market import TickRef


class Dispatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order with its state as the ledger knows it. Stream entry: `dispatch` (this, as JSON), `traceparent`.

    kind: EXECUTE the order, or CANCEL what is left of it. dispatch_epoch: to be named in every report.
    resume_after: the tick of the last fill, None when there was none; evaluation goes on with the tick after it.
    """

    kind: Literal["EXECUTE", "CANCEL"]
    account_id: str
    order: OrderTerms
    dispatch_epoch: int
    cumulative_quantity: Decimal
    acknowledged_after: TickRef | None = None
    resume_after: TickRef | None = None
