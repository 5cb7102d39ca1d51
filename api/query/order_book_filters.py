"""Query parameters of the order book: which moment of it, how much of it, and its depth over time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, StringConstraints, WithJsonSchema

from api.fields import AccountId, Filters, TimeIn
from api.problems import FieldProblem, ProblemError
from api.query import intervals
from api.query.filters import PageFilters

_POSITION = r"^[0-9]{1,5}:[0-9]{1,18}$"

Position = Annotated[
    str,
    StringConstraints(pattern=_POSITION),
    WithJsonSchema({"type": "string", "pattern": _POSITION, "examples": ["2:1841"]}),
]


class BookFilters(Filters):
    """The moment is now, or that of one of as_of, feed and position."""

    depth: int = Field(50, ge=1, le=500, description="levels of each side")
    orders: int = Field(10, ge=0, le=100, description="orders listed of each level, first in the queue first")
    account_id: AccountId | None = Field(None, description="list this account's orders besides, with what is ahead")
    as_of: TimeIn | None = Field(None, description="everything recorded up to this time (RFC 3339)")
    feed: int | None = Field(None, ge=0, le=2**63 - 1, description="as the read side was after this committed batch")
    position: list[Position] = Field(
        [],
        max_length=64,
        description="partition:offset of ledger.events, repeated: its records up to this one; partitions that are not "
        "named do not count",
    )

    def places(self) -> dict[int, int]:
        """Partition -> the first record that does not count. Raises ProblemError 422 for one that is named twice."""
        pairs = [tuple(map(int, text.split(":"))) for text in self.position]
        places = {partition: offset + 1 for partition, offset in pairs}
        if len(places) < len(pairs):
            raise _invalid("position", "POSITION_INVALID", "expected each partition once", ", ".join(self.position))
        return places

    def check(self) -> None:
        """Raises ProblemError 422 when more than one moment is asked for."""
        given = [name for name in ("as_of", "feed", "position") if getattr(self, name) not in (None, [])]
        if len(given) > 1:
            raise _invalid(given[1], "MOMENT_AMBIGUOUS", "expected one of as_of, feed and position", ", ".join(given))


class DepthFilters(PageFilters):
    """from and to are record times; points stand at from, from + interval, … before to, and never in the future."""

    start: TimeIn = Field(alias="from", description="the first point (RFC 3339)")
    end: TimeIn = Field(alias="to", description="before (RFC 3339)")
    interval: str = Field(
        "1m", pattern=intervals.PATTERN, description="between two points: a number and ms, s, m, h or d"
    )
    depth: int = Field(10, ge=1, le=500, description="levels of each side that count")

    def times(self, now: datetime, before: datetime | None) -> list[datetime]:
        """The newest limit + 1 points, before `before` where a page goes on, newest first. Raises ProblemError 422."""
        if self.end <= self.start:
            raise _invalid("to", "PERIOD_EMPTY", f"expected a time after {self.start.isoformat()}", str(self.end))
        step = intervals.span(self.interval)
        end = min(self.end, now + timedelta(microseconds=1), before or self.end)
        count = -((self.start - end) // step)  # rounded up: how many points there are
        return [self.start + number * step for number in range(count - 1, max(-1, count - 2 - self.limit), -1)]


def _invalid(name: str, code: str, expected: str, actual: str) -> ProblemError:
    detail = f"{expected}; it was {actual}"
    return ProblemError(422, code, detail, errors=[FieldProblem(code=code, detail=detail, parameter=f"query:{name}")])
