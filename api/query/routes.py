"""GET operations: orders and signals."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request

from api.fields import Symbol, time_of_us
from api.query import cursors, orders_sql, past_orders, signals_sql
from api.query.database import Row
from api.query.filters import HistoryFilters, OrderFilters, PastFilters, Placed, SignalFilters
from api.query.moments import moment_of
from api.query.read_router import ReadRouter
from api.query.reading import Reader
from api.query.replica import Replica
from api.query.unknown import not_found
from api.query.views import (
    Fill,
    Order,
    OrderDetail,
    OrderEvent,
    OrderGroup,
    OrderStep,
    Page,
    Signal,
    SignalOutcome,
    SignalRefusal,
    SignalRequestStatus,
    Tick,
)
from api.security.rights import Caller, Rights

router = ReadRouter()


async def replica(request: Request) -> Replica:
    found: Replica = request.app.state.replica
    return found


Ledgers = Annotated[Replica, Depends(replica)]
OrderPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,64}$", examples=["ord_3f1c9a7e5b2d48069a1be3c5d7f80246"])]
AccountPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,64}$", examples=["acc_demo"])]
GroupPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,64}$", examples=["grp_3f1c9a7e5b2d48069a1be3c5d7f80246"])]
RequestPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,64}$", examples=["req_3f1c9a7e5b2d48069a1be3c5d7f80246"])]
SymbolPath = Annotated[Symbol, Path()]


async def check_order(caller: Rights, order_id: str, row: Row | None) -> Row:
    """The row of an order that the caller may see. Raises ProblemError 404."""
    if row is None or not await caller.sees(row["account_id"]):
        raise not_found("ORDER_UNKNOWN", f"order {order_id}")
    return row


@router.get("/api/orders", operation_id="list_orders", tags=["orders"], summary="Orders, newest first")
async def list_orders(reader: Reader, caller: Caller, filters: Annotated[OrderFilters, Query()]) -> Page[Order]:
    """Those of the accounts that the caller may read."""
    scope = cursors.scope_of("orders", filters.chosen())
    after = cursors.decode(scope, filters.cursor, orders_sql.After)
    visible = await caller.visible()
    async with reader.snapshot("ledger") as snapshot:
        rows = await orders_sql.page(snapshot, filters, after, visible)
    return Page[Order].model_validate(cursors.page(rows, filters.limit, scope, orders_sql.key))


@router.get(
    "/api/orders/{order_id}",
    operation_id="get_order",
    tags=["orders"],
    summary="One order, its history and its fills",
)
async def get_order(
    request: Request, reader: Reader, caller: Caller, order_id: OrderPath, filters: Annotated[PastFilters, Query()]
) -> OrderDetail:
    """With `position` or `as_of`: exactly as the ledger knew it then, folded from its tape."""
    async with reader.snapshot() as snapshot:
        revision = await check_order(caller, order_id, await orders_sql.revision(snapshot, order_id))
        order: Row | None
        last: int | None
        if filters.is_past:
            moment = await moment_of(snapshot, revision["partition"], filters)
            await reader.tag(snapshot, moment.position)
            order, last = await past_orders.one(request.app.state.settings, snapshot, order_id, revision, moment)
        else:
            await reader.tag(snapshot, revision)
            order, last = await orders_sql.one(snapshot, order_id), None
        events = await orders_sql.events(snapshot, order_id, last)
        fills = await orders_sql.fills(snapshot, order_id, last)
    assert order is not None
    return OrderDetail(**order, events=[OrderEvent(**row) for row in events], fills=[Fill(**row) for row in fills])


@router.get(
    "/api/orders/{order_id}/history",
    operation_id="list_order_history",
    tags=["orders"],
    summary="What each event did to an order, newest first",
)
async def list_order_history(
    reader: Reader, caller: Caller, order_id: OrderPath, filters: Annotated[HistoryFilters, Query()]
) -> Page[OrderStep]:
    scope = cursors.scope_of(f"history/{order_id}", filters.chosen())
    after = cursors.decode(scope, filters.cursor, orders_sql.AfterStep)
    async with reader.snapshot("ledger") as snapshot:
        await check_order(caller, order_id, await orders_sql.revision(snapshot, order_id))
        rows = await orders_sql.history(snapshot, order_id, filters, after)
    return Page[OrderStep].model_validate(cursors.page(rows, filters.limit, scope, orders_sql.step_key))


@router.get(
    "/api/order-groups/{group_id}",
    operation_id="get_order_group",
    tags=["orders"],
    summary="Orders that depend on each other",
)
async def get_order_group(
    reader: Reader, caller: Caller, group_id: GroupPath, filters: Annotated[Placed, Query()]
) -> OrderGroup:
    async with reader.snapshot("ledger") as snapshot:
        group = await orders_sql.group(snapshot, group_id)
        if group is None or not await caller.sees(group["account_id"]):
            raise not_found("ORDER_GROUP_UNKNOWN", f"group {group_id}")
        orders = await orders_sql.group_orders(snapshot, group_id)
    return OrderGroup(**group, orders=[Order(**row) for row in orders])


@router.get("/api/signals", operation_id="list_signals", tags=["signals"], summary="Signals, newest first")
async def list_signals(reader: Reader, filters: Annotated[SignalFilters, Query()]) -> Page[Signal]:
    scope = cursors.scope_of("signals", filters.chosen())
    after = cursors.decode(scope, filters.cursor, signals_sql.After)
    async with reader.snapshot("signals") as snapshot:
        rows = await signals_sql.page(snapshot, filters, after)
    found = cursors.page(rows, filters.limit, scope, signals_sql.key)
    return Page[Signal](**{**found, "data": [_signal(row) for row in found["data"]]})


@router.get(
    "/api/signals/requests/{request_id}",
    operation_id="get_signal_request",
    tags=["signals"],
    summary="What became of a signal that was asked for by hand",
)
async def get_signal_request(
    reader: Reader, request_id: RequestPath, filters: Annotated[Placed, Query()]
) -> SignalRequestStatus:
    async with reader.snapshot("signals") as snapshot:
        row = await signals_sql.of_request(snapshot, request_id)
        refusal = None if row else await signals_sql.refusal_of_request(snapshot, request_id)
    if row is None and refusal is None:
        raise not_found("SIGNAL_REQUEST_UNKNOWN", f"an answer to signal request {request_id}")
    return SignalRequestStatus(
        request_id=request_id,
        status="REFUSED" if refusal else "GENERATED",
        signal=_signal(row) if row else None,
        refusal=SignalRefusal(**refusal) if refusal else None,
    )


def _signal(row: Row) -> Signal:
    names = ("realised", "entry_price", "exit_price", "known_at")
    found = {name: row[name] for name in names}
    rest = {name: value for name, value in row.items() if name not in {"p_buy", "p_sell", "p_hold", *names}}
    rest["first_tick"], rest["last_tick"] = _tick(row["first_tick"]), _tick(row["last_tick"])
    rest["outcome"] = (
        None if found["realised"] is None else SignalOutcome(correct=row["direction"] == row["realised"], **found)
    )
    return Signal(probabilities={"BUY": row["p_buy"], "SELL": row["p_sell"], "HOLD": row["p_hold"]}, **rest)


def _tick(reference: dict[str, Any] | None) -> Tick | None:
    """A domain.market.TickRef as JSON, with its time as text."""
    if reference is None:
        return None
    return Tick(
        partition=reference["partition"],
        offset=reference["offset"],
        market_time=time_of_us(reference["market_time_us"]),
    )
