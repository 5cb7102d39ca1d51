"""GET operations: how far the projections are behind."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import Field

from api.fields import TimeOut, View
from api.query import accounts_sql, market_sql
from api.query.broker import Broker
from api.query.database import Row
from api.query.filters import Placed
from api.query.read_router import ReadRouter
from api.query.reading import Reader

router = ReadRouter()


async def broker(request: Request) -> Broker:
    found: Broker = request.app.state.broker
    return found


class ProjectionLag(View):
    """One group of projections on one partition of its topic."""

    projection: str = Field(examples=["ledger"])
    topic: str = Field(description="on the broker", examples=["ledger.events"])
    partition: int
    next_offset: int = Field(description="the first record that is not yet projected")
    end_offset: int | None = Field(description="the record that comes next on the broker; null where it did not say")
    lag: int | None = Field(description="records that are not yet projected; null where end_offset is")
    updated_at: TimeOut = Field(description="when the last batch was written")
    age_s: float = Field(description="seconds since then; large as well where nothing happens", ge=0)


class Projections(View):
    """Of all groups. lag_max, lag_total: over all partitions; null where Kafka did not answer."""

    data: list[ProjectionLag]
    lag_max: int | None
    lag_total: int | None
    note: str | None = Field(description="why something is not known")


@router.get(
    "/api/projections",
    operation_id="list_projections",
    tags=["system"],
    summary="How far each projection is behind its topic",
)
async def list_projections(
    reader: Reader, kafka: Annotated[Broker, Depends(broker)], filters: Annotated[Placed, Query()]
) -> Projections:
    """The ends are asked for after the tables were read; Kafka has 1.5 s to answer."""
    async with reader.snapshot() as snapshot:
        rows = await market_sql.progress(snapshot)
        now = await accounts_sql.now(snapshot)
    ends = await kafka.ends({(row["topic"], row["partition"]) for row in rows})
    data = [_lag(row, None if ends is None else ends.get((row["topic"], row["partition"])), now) for row in rows]
    lags = [row.lag for row in data if row.lag is not None]
    is_known = len(lags) == len(data)
    return Projections(
        data=data,
        lag_max=max(lags, default=0) if is_known else None,
        lag_total=sum(lags) if is_known else None,
        note=None if is_known else "Kafka did not say where its topics end",
    )


def _lag(row: Row, end: int | None, now: datetime) -> ProjectionLag:
    return ProjectionLag(
        projection=row["projection"],
        topic=row["topic"],
        partition=row["partition"],
        next_offset=row["next_offset"],
        end_offset=end,
        lag=None if end is None else max(0, end - row["next_offset"]),
        updated_at=row["updated_at"],
        age_s=max(0.0, (now - row["updated_at"]).total_seconds()),
    )
