"""What every event of the tape `ledger.events` has."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import msgspec
from eventsourcing.domain import CanMutateAggregate


class Posting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One leg of an entry: `account` is a name in the chart of accounts, such as `cash` or `inventory:AAPL`."""

    account: str
    commodity: str
    amount: Decimal


class LedgerEvent(
    msgspec.Struct,
    CanMutateAggregate[str],
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={
        "originator_id": "account_id",
        "originator_version": "account_version",
        "timestamp": "recorded_at_us",
    },
):
    """What every ledger event has. `originator_version` is 0 when the event changes no account."""

    originator_id: str
    originator_version: int
    # An int, microseconds since 1970 UTC; eventsourcing's own type for it is datetime.
    timestamp: Annotated[Any, msgspec.Meta(extra_json_schema={"type": "integer"})]
    postings: tuple[Posting, ...] = ()

    def apply(self, aggregate: Any) -> None:
        """Called by `mutate` after it has checked id and version; `aggregate` is a domain.account.Account."""
        aggregate.take(self)
