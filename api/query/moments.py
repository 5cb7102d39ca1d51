"""Moments of the ledger's past in requests: checked against what is projected, and looked up."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.fields import us_of_time
from api.problems import FieldProblem, ProblemError
from api.query import accounts_sql
from api.query.database import Row, Snapshot
from api.query.filters import PastFilters
from api.query.past import Known, Moment, Past
from api.query.reading import Reading
from api.query.unknown import not_found, position_unknown


async def histories(request: Request) -> Past:
    found: Past = request.app.state.past
    return found


Histories = Annotated[Past, Depends(histories)]


async def moment_of(snapshot: Snapshot, partition: int, filters: PastFilters) -> Moment:
    """The moment that is asked for, or the newest that is projected.

    Raises ProblemError 404 for one that is to come: POSITION_UNKNOWN, AS_OF_IN_FUTURE.
    """
    projected = await accounts_sql.projected(snapshot, partition)
    if filters.position is not None and filters.position > projected:
        raise position_unknown(partition, filters.position, projected)
    if filters.as_of is not None:
        now = await accounts_sql.now(snapshot)
        if filters.as_of > now:
            detail = f"expected a time up to {now.isoformat()}; it was {filters.as_of.isoformat()}, which is to come"
            error = FieldProblem(code="AS_OF_IN_FUTURE", detail=detail, parameter="query:as_of")
            raise ProblemError(404, "AS_OF_IN_FUTURE", detail, errors=[error])
    time_us = None if filters.as_of is None else us_of_time(filters.as_of)
    return Moment(projected if filters.position is None else filters.position, time_us)


async def tag(reader: Reading, snapshot: Snapshot, moment: Moment, filters: PastFilters, *projections: str) -> None:
    """The ETag of a read that may be of the past: a place on the tape decides it, as long as no rows are replaced.

    Raises NotModified.
    """
    if filters.is_past:
        await reader.tag(snapshot, moment.position)
    else:
        await reader.tag_by(snapshot, *projections)


async def found(past: Past, snapshot: Snapshot, account: Row, moment: Moment) -> Known:
    """account: as it is now. Raises ProblemError 404 where it was not open at the moment."""
    known = await past.find(snapshot, account["account_id"], account["partition"], moment)
    if known is None:
        raise not_found("ACCOUNT_UNKNOWN", f"account {account['account_id']} as of that moment")
    return known
