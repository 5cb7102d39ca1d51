"""GET operations: an account's books."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import Query

from api.query import accounts_sql
from api.query.database import Rows
from api.query.filters import TrialBalanceFilters
from api.query.read_router import ReadRouter
from api.query.reading import Reader
from api.query.routes import AccountPath
from api.query.unknown import not_found, position_unknown
from api.query.views import TrialBalance, TrialBalanceLine, TrialBalanceTotal
from domain import chart
from domain.numbers import ZERO, exact

router = ReadRouter()


@router.get(
    "/api/accounts/{account_id}/trial-balance",
    operation_id="get_trial_balance",
    tags=["accounts"],
    summary="Debits, credits and balances at any position, record time or market time",
)
async def get_trial_balance(
    reader: Reader, account_id: AccountPath, filters: Annotated[TrialBalanceFilters, Query()]
) -> TrialBalance:
    """The filters may be combined: what was known at `as_of` of what took effect up to `market_time`.

    A position that is not projected yet is 404 POSITION_UNKNOWN: a command just accepted shows up shortly.
    """
    async with reader.snapshot() as snapshot:
        account = await accounts_sql.one(snapshot, account_id)
        if account is None:
            raise not_found("ACCOUNT_UNKNOWN", f"account {account_id}")
        partition = account["partition"]
        projected = await accounts_sql.projected(snapshot, partition)
        position = projected if filters.position is None else filters.position
        if position > projected:
            raise position_unknown(partition, position, projected)
        await reader.tag(snapshot, partition, position)
        rows = await accounts_sql.trial_balance(
            snapshot, account_id, partition, position, filters.as_of, filters.market_time
        )
    totals = _totals(rows)
    return TrialBalance(
        account_id=account_id,
        partition=partition,
        position=position,
        as_of=filters.as_of,
        market_time=filters.market_time,
        balanced=not any(total.balance for total in totals),
        data=[TrialBalanceLine(**row, book_class=chart.split(row["book_account"])[0].class_) for row in rows],
        totals=totals,
    )


def _totals(rows: Rows) -> list[TrialBalanceTotal]:
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    with exact():
        for row in rows:
            debits, credits_ = sums.get(row["commodity"], (ZERO, ZERO))
            sums[row["commodity"]] = (debits + row["debits"], credits_ + row["credits"])
        return [
            TrialBalanceTotal(commodity=commodity, debits=debits, credits=credits_, balance=debits - credits_)
            for commodity, (debits, credits_) in sorted(sums.items())
        ]
