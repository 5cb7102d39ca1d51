"""Query parameters of the lists, and their where clauses."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from api.fields import AccountId, ClientId, Filters, Symbol, TimeIn
from domain.breaks import BreakKind
from domain.events import OrderStatus
from domain.signals import Direction
from domain.terms import OrderType, TimeInForce

PAGE_ROWS_MAX = 500
_ID = r"^[A-Za-z0-9_.-]{1,64}$"


class PageFilters(Filters):
    """limit and cursor, which every list has. Newest first."""

    model_config = ConfigDict(populate_by_name=True)

    limit: int = Field(50, ge=1, le=PAGE_ROWS_MAX, description="rows per page")
    cursor: str | None = Field(
        None, max_length=512, pattern=r"^[A-Za-z0-9_-]+$", description="the last page's `cursor`; same filters required"
    )

    def chosen(self) -> dict[str, Any]:
        """What chooses the rows, for the cursor's scope."""
        return self.model_dump(mode="json", exclude={"limit", "cursor"}, exclude_none=True)


class TimedFilters(PageFilters):
    """from (inclusive) and to (exclusive)."""

    start: TimeIn | None = Field(None, alias="from", description="not before (RFC 3339)")
    end: TimeIn | None = Field(None, alias="to", description="before (RFC 3339)")


class SignalFilters(TimedFilters):
    """from and to are market times."""

    symbol: Symbol | None = None
    direction: Direction | None = None


class OrderFilters(TimedFilters):
    """from and to are times of submission."""

    account_id: AccountId | None = None
    symbol: Symbol | None = None
    status: OrderStatus | None = None
    order_type: OrderType | None = None
    time_in_force: TimeInForce | None = None
    client_order_id: ClientId | None = None
    group_id: str | None = Field(None, pattern=_ID, description="the group's orders")
    parent_order_id: str | None = Field(None, pattern=_ID, description="the orders that wait for this one, or waited")


class HistoryFilters(PageFilters):
    """limit and cursor alone."""


class JournalFilters(TimedFilters):
    """from and to are times of record."""


class TrialBalanceFilters(Filters):
    position: int | None = Field(
        None,
        ge=0,
        le=2**63 - 1,
        description="only records of the tape up to this offset on the account's partition, this one included",
    )
    as_of: TimeIn | None = Field(None, description="only what was recorded up to this time (RFC 3339)")
    market_time: TimeIn | None = Field(
        None, description="only what took effect on the market up to this time; what has no market time counts"
    )


class BreakFilters(TimedFilters):
    """from and to are the times at which breaks were last found."""

    status: Literal["OPEN", "RESOLVED"] | None = None
    account_id: AccountId | None = None
    kind: BreakKind | None = None
    order_id: str | None = Field(None, pattern=_ID, description="the order's breaks")


class RejectionFilters(TimedFilters):
    """from and to are times of record."""

    command_id: str | None = Field(None, pattern=r"^[!-~]{1,128}$", description="the id that a command's answer gave")


class TransferFilters(TimedFilters):
    """from and to are the times at which they left."""

    status: Literal["ON_ITS_WAY", "ARRIVED", "RETURNED"] | None = None


class PortfolioFilters(Filters):
    points: int = Field(
        600, ge=1, le=600, description="at most so many points of history, the newest always among them"
    )


def where(**conditions: Any) -> tuple[str, dict[str, Any]]:
    """`where …` over the conditions whose value is not None, and the parameters: name=(sql, value)."""
    given = {name: pair for name, pair in conditions.items() if pair[1] is not None}
    text = " and ".join(sql for sql, _ in given.values())
    return (f"where {text}" if text else ""), {name: value for name, (_, value) in given.items()}
