"""Reads about rebalances: what one would be, and what became of those that were."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from fastapi import Path, Query, Response

from api.orders.portfolio_bodies import PlanId, RebalanceRequest, plan_command, tag_of
from api.problems import refused
from api.query import accounts_sql, cursors, rebalance_sql
from api.query.database import Row
from api.query.filters import Placed, RebalanceFilters
from api.query.read_router import ReadRouter
from api.query.reading import Reader
from api.query.rebalance_views import (
    PlannedOrder,
    PlanStatus,
    Rebalance,
    RebalanceLine,
    RebalancePreview,
)
from api.query.routes import AccountPath, Ledgers
from api.query.unknown import not_found
from api.query.views import Page
from domain import rebalance
from domain.checks import Refusal
from domain.events import TERMINAL
from domain.numbers import exact
from domain.terms import OrderTerms

router = ReadRouter()
PlanPath = Annotated[PlanId, Path(examples=["pln_3f1c9a7e5b2d48069a1be3c5d7f80246"])]


@router.post(
    "/api/portfolio/{account_id}/rebalance/preview",
    operation_id="preview_rebalance",
    tags=["portfolio"],
    summary="The orders that a rebalance would give now; nothing is written",
    responses={200: {"headers": {"ETag": {"description": "for If-Match", "schema": {"type": "string"}}}}},
)
async def preview_rebalance(
    reader: Reader,
    ledgers: Ledgers,
    account_id: AccountPath,
    body: RebalanceRequest,
    filters: Annotated[Placed, Query()],
    response: Response,
) -> RebalancePreview:
    """Computed by the ledger's own rules on the account as it is projected. What they refuse is 422 with their code."""
    async with reader.snapshot() as snapshot:
        row = await accounts_sql.one(snapshot, account_id)
        if row is None:
            raise not_found("ACCOUNT_UNKNOWN", f"account {account_id}")
        known = await ledgers.find(snapshot, account_id, row["partition"])
    command = plan_command(account_id, body, "preview")
    with exact():
        found = rebalance.draft(known.account, command, known.world)
    if isinstance(found, Refusal):
        raise refused(found.code, found.text, _pointer(found), **found.details)
    response.headers["ETag"] = tag_of(known.account.version, rebalance.digest_of(found.orders))
    return RebalancePreview(
        account_id=account_id,
        account_version=known.account.version,
        equity=found.equity,
        marks=found.marks,
        orders=[_planned(order) for order in found.orders],
    )


@router.get(
    "/api/portfolio/{account_id}/rebalances",
    operation_id="list_rebalances",
    tags=["portfolio"],
    summary="Rebalances, newest first",
)
async def list_rebalances(
    reader: Reader, account_id: AccountPath, filters: Annotated[RebalanceFilters, Query()]
) -> Page[RebalanceLine]:
    """Empty for an account that is not known."""
    scope = cursors.scope_of(f"rebalances/{account_id}", filters.chosen())
    after = cursors.decode(scope, filters.cursor, rebalance_sql.AfterPlan)
    async with reader.snapshot("ledger") as snapshot:
        rows = await rebalance_sql.page(snapshot, account_id, filters, after)
    return Page[RebalanceLine].model_validate(cursors.page(rows, filters.limit, scope, rebalance_sql.plan_key))


@router.get(
    "/api/portfolio/{account_id}/rebalances/{plan_id}",
    operation_id="get_rebalance",
    tags=["portfolio"],
    summary="A rebalance, and how far it is",
)
async def get_rebalance(
    reader: Reader, account_id: AccountPath, plan_id: PlanPath, filters: Annotated[Placed, Query()]
) -> Rebalance:
    async with reader.snapshot("ledger") as snapshot:
        row = await rebalance_sql.one(snapshot, account_id, plan_id)
        if row is None:
            raise not_found("PLAN_UNKNOWN", f"rebalance {plan_id}")
        sent = await rebalance_sql.orders(snapshot, [order["order_id"] for order in row["data"]["orders"]])
    data = row["data"]
    return Rebalance(
        plan_id=plan_id,
        account_id=account_id,
        status=_status(row, sent),
        planned_at=row["planned_at"],
        canceled_at=row["canceled_at"],
        orders=[_progress(order, sent.get(order["order_id"])) for order in data["orders"]],
        **{name: _decimals(data[name]) for name in ("equity", "weights", "cash_weight", "drift_band", "marks")},
    )


def _status(row: Row, sent: dict[str, Row]) -> PlanStatus:
    if row["canceled_at"] is not None:
        return "CANCELED"
    became = [sent.get(order["order_id"]) for order in row["data"]["orders"]]
    is_done = all(order is not None and order["status"] in TERMINAL for order in became)
    return "DONE" if is_done else "UNDER_WAY"


def _progress(order: dict[str, Any], sent: Row | None) -> PlannedOrder:
    own = {name: order[name] for name in ("order_id", "symbol", "side")}
    amounts = {name: Decimal(order[name]) for name in ("quantity", "protection_price")}
    became = {name: value for name, value in (sent or {}).items() if name != "order_id"}
    return PlannedOrder(**own, **amounts, **became)


def _planned(order: OrderTerms) -> PlannedOrder:
    assert order.protection_price is not None
    return PlannedOrder(
        order_id=order.order_id,
        symbol=order.symbol,
        side=order.side,
        quantity=order.quantity,
        protection_price=order.protection_price,
    )


def _decimals(value: Any) -> Any:
    return {name: Decimal(each) for name, each in value.items()} if isinstance(value, dict) else Decimal(value)


def _pointer(refusal: Refusal) -> str | None:
    if refusal.code not in ("WEIGHTS_INVALID", "INSTRUMENT_UNKNOWN"):
        return None
    name = next((name for name in ("drift_band", "allowance") if name in refusal.details), None)
    return f"#/{name or 'weights'}"
