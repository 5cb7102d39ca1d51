"""GET operations: what risk officers have laid down for all accounts, and the ledgers' marks."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from api.fields import DecimalOut, TimeOut, View
from api.query import risk_sql
from api.query.filters import Placed
from api.query.read_router import ReadRouter
from api.query.reading import Reader

router = ReadRouter()


class DeskControl(View):
    """One partition's last word on a halt or on limits; the same command gives one a partition."""

    partition: int = Field(description="of ledger.events")
    control: Literal["HALT", "LIMITS"]
    strategy_id: str | None = Field(description="null: all trading, or each account")
    in_force: bool = Field(description="false: resumed, or limits without any figure")
    limits: dict[str, str | int | list[str]] | None = Field(
        description="of LIMITS; money as decimal strings", examples=[{"order_value_max": "1000.50"}]
    )
    officer: str = Field(description="who")
    reason: str = Field(description="and why")
    command_id: str
    desk_key: str = Field(examples=["desk:5"])
    version: int = Field(description="of the partition's desk, after it")
    changed_at: TimeOut
    record_offset: int


class DeskMark(View):
    """The price of a symbol that a partition's ledger looks at."""

    partition: int = Field(description="of ledger.events")
    symbol: str = Field(examples=["AAPL", "EUR/USD"])
    price: DecimalOut
    market_time: TimeOut
    version: int = Field(description="of the partition's desk, after it")
    record_offset: int


class DeskView(View):
    """As of one moment of the projections."""

    controls: list[DeskControl]
    marks: list[DeskMark]


@router.get(
    "/api/risk/desk", operation_id="get_desk", tags=["risk"], summary="Halts, desk limits and marks of all partitions"
)
async def get_desk(reader: Reader, filters: Annotated[Placed, Query()]) -> DeskView:
    async with reader.snapshot("ledger") as snapshot:
        controls = await risk_sql.controls(snapshot)
        marks = await risk_sql.marks(snapshot)
    return DeskView(controls=[DeskControl(**row) for row in controls], marks=[DeskMark(**row) for row in marks])
