"""Query parameters of the lists, and their where clauses."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from api.fields import AccountId, ClientId, Filters, Symbol, TimeIn
from api.query import intervals
from api.query.places import MinPosition
from domain.breaks import BreakKind
from domain.events import LEDGER_EVENTS, OrderStatus
from domain.signals import Direction
from domain.terms import OrderType, TimeInForce

_EVENTS = "|".join(sorted(event.__name__ for event in LEDGER_EVENTS))
EventType = Annotated[str, StringConstraints(pattern=f"^({_EVENTS})$")]
_ID = r"^[A-Za-z0-9_.-]{1,64}$"


class Placed(Filters):
    """A read that can wait for what an input has caused (api.query.waiting)."""

    min_position: MinPosition | None = Field(
        None,
        description="`topic:partition:offset`, of the `position` that a command was answered with or of a tape: the "
        "answer includes what that input has caused, or that record. Waits 2 s, or as Prefer says; 412 then",
    )


class PageFilters(Filters):
    """limit and cursor, which every list has. Newest first."""

    model_config = ConfigDict(populate_by_name=True)

    limit: int = Field(50, ge=1, le=10_000, description="rows per page; as JSON at most 500 are given")
    cursor: str | None = Field(
        None, max_length=512, pattern=r"^[A-Za-z0-9_-]+$", description="the last page's `cursor`; same filters required"
    )

    def chosen(self) -> dict[str, Any]:
        """What chooses the rows, for the cursor's scope."""
        return self.model_dump(mode="json", exclude={"limit", "cursor", "min_position"}, exclude_none=True)


class TimedFilters(PageFilters):
    """from (inclusive) and to (exclusive)."""

    start: TimeIn | None = Field(None, alias="from", description="not before (RFC 3339)")
    end: TimeIn | None = Field(None, alias="to", description="before (RFC 3339)")


class SignalFilters(Placed, TimedFilters):
    """from and to are market times."""

    symbol: Symbol | None = None
    direction: Direction | None = None


class AccuracyFilters(Placed, PageFilters):
    model_name: str | None = Field(None, pattern=_ID, examples=["xgboost"])
    model_version: str | None = Field(None, pattern=_ID, examples=["3"])
    symbol: Symbol | None = None


class OrderFilters(Placed, TimedFilters):
    """from and to are times of submission."""

    account_id: AccountId | None = None
    symbol: Symbol | None = None
    status: OrderStatus | None = None
    order_type: OrderType | None = None
    time_in_force: TimeInForce | None = None
    client_order_id: ClientId | None = None
    group_id: str | None = Field(None, pattern=_ID, description="the group's orders")
    parent_order_id: str | None = Field(None, pattern=_ID, description="the orders that wait for this one, or waited")


class HistoryFilters(Placed, TimedFilters):
    """from and to are times of record."""


class EventFilters(Placed, TimedFilters):
    """from and to are times of record."""

    type: EventType | None = Field(None, description="the event's name, of any version", examples=["OrderFilled"])

    @property
    def type_pattern(self) -> str | None:
        """For `like`: CloudEvents types carry a version."""
        return None if self.type is None else f"tapeledger.{self.type}.v%"


class JournalFilters(Placed, TimedFilters):
    """from and to are times of record."""

    book_account: str | None = Field(None, pattern=r"^[a-z_]{1,32}(:[A-Z0-9.-]{1,16})?$", examples=["cash"])
    commodity: Symbol | None = Field(None, description="a currency or a symbol")


class PastFilters(Placed):
    """As of a moment of the ledger. Of both, what fulfils both counts."""

    position: int | None = Field(
        None, ge=0, le=2**63 - 1, description="as the account's partition was after the record at this offset"
    )
    as_of: TimeIn | None = Field(None, description="as everything recorded up to this time left it (RFC 3339)")

    @property
    def is_past(self) -> bool:
        return self.position is not None or self.as_of is not None


class TrialBalanceFilters(Placed):
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


class BreakFilters(Placed, TimedFilters):
    """from and to are the times at which breaks were last found."""

    status: Literal["OPEN", "RESOLVED"] | None = None
    account_id: AccountId | None = None
    symbol: Symbol | None = None
    kind: BreakKind | None = None
    order_id: str | None = Field(None, pattern=_ID, description="the order's breaks")


class RejectionFilters(Placed, TimedFilters):
    """from and to are times of record."""

    code: str | None = Field(None, pattern=r"^[A-Z0-9_]{1,64}$", examples=["CASH_INSUFFICIENT"])

    command_id: str | None = Field(None, pattern=r"^[!-~]{1,128}$", description="the id that a command's answer gave")


class TransferFilters(Placed, TimedFilters):
    """from and to are the times at which they left."""

    status: Literal["ON_ITS_WAY", "ARRIVED", "RETURNED"] | None = None


class PointFilters(Placed, TimedFilters):
    """from and to are market times."""

    interval: str | None = Field(
        None,
        pattern=intervals.PATTERN,
        description="the last point of each such span (a number and ms, s, m, h or d), counted from 2000-01-03; "
        "every point without it",
    )


class RebalanceFilters(Placed, TimedFilters):
    """from and to are the times at which they were planned."""


class PortfolioFilters(PastFilters):
    points: int = Field(
        600, ge=1, le=600, description="at most so many points of history, the newest always among them"
    )


def where(**conditions: Any) -> tuple[str, dict[str, Any]]:
    """`where …` over the conditions whose value is not None, and the parameters: name=(sql, value)."""
    given = {name: pair for name, pair in conditions.items() if pair[1] is not None}
    text = " and ".join(sql for sql, _ in given.values())
    return (f"where {text}" if text else ""), {name: value for name, (_, value) in given.items()}
