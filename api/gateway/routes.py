"""Operations that write: each puts one command on Kafka and answers 202; the query side shows what became of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from starlette.responses import JSONResponse

from api.fields import OrderId
from api.gateway.bodies import (
    AccountRequest,
    CashRequest,
    ConversionRequest,
    IdempotencyKey,
    RequiredIdempotencyKey,
    SignalAsked,
    SignalRequest,
    TransferAsked,
    TransferRequest,
)
from api.gateway.repeats import Outcome
from api.gateway.service import Gateway
from api.orders.bodies import (
    BatchRequest,
    BatchSubmitted,
    CancelRequest,
    GroupRequest,
    GroupSubmitted,
    OrderAsked,
    OrderRequest,
    OrderSubmitted,
    RebalanceAsked,
    ReplaceRequest,
)
from api.orders.portfolio_bodies import PlanId, RebalanceRequest
from api.receipts import Accepted
from domain.commands import Deposit, Withdraw

router = APIRouter()
_HEADERS = {
    202: {
        "headers": {
            "Location": {"description": "where to see what became of it", "schema": {"type": "string"}},
            "Idempotent-Replayed": {
                "description": "true: this is the stored answer to an earlier request with the same id",
                "schema": {"type": "string", "enum": ["true"]},
            },
        }
    }
}
_COMMON: dict[str, Any] = {"status_code": 202, "responses": _HEADERS}


async def gateway(request: Request) -> Gateway:
    found: Gateway = request.app.state.gateway
    return found


Sender = Annotated[Gateway, Depends(gateway)]
AccountPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,64}$", examples=["acc_demo"])]
PlanPath = Annotated[PlanId, Path(examples=["pln_3f1c9a7e5b2d48069a1be3c5d7f80246"])]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="the ETag of a preview: exactly its orders are made, or none"),
]
OrderPath = Annotated[OrderId, Path()]


@router.post(
    "/api/accounts",
    operation_id="open_account",
    tags=["accounts"],
    summary="Open an account",
    response_model=Accepted,
    **_COMMON,
)
async def open_account(sender: Sender, body: AccountRequest, idempotency_key: IdempotencyKey = None) -> Response:
    return _answer(await sender.open_account(body, idempotency_key))


@router.post(
    "/api/accounts/{account_id}/deposits",
    operation_id="deposit_cash",
    tags=["accounts"],
    summary="Put cash in",
    response_model=Accepted,
    **_COMMON,
)
async def deposit_cash(
    sender: Sender, account_id: AccountPath, body: CashRequest, idempotency_key: RequiredIdempotencyKey
) -> Response:
    return _answer(await sender.move_cash(Deposit, account_id, body, idempotency_key))


@router.post(
    "/api/accounts/{account_id}/withdrawals",
    operation_id="withdraw_cash",
    tags=["accounts"],
    summary="Take free cash out",
    response_model=Accepted,
    **_COMMON,
)
async def withdraw_cash(
    sender: Sender, account_id: AccountPath, body: CashRequest, idempotency_key: RequiredIdempotencyKey
) -> Response:
    return _answer(await sender.move_cash(Withdraw, account_id, body, idempotency_key))


@router.post(
    "/api/accounts/{account_id}/conversions",
    operation_id="convert_cash",
    tags=["accounts"],
    summary="Turn free cash of one currency into another",
    response_model=Accepted,
    **_COMMON,
)
async def convert_cash(
    sender: Sender, account_id: AccountPath, body: ConversionRequest, idempotency_key: RequiredIdempotencyKey
) -> Response:
    return _answer(await sender.convert_cash(account_id, body, idempotency_key))


@router.post(
    "/api/accounts/{account_id}/transfers",
    operation_id="transfer_cash",
    tags=["accounts"],
    summary="Send free cash to another account",
    response_model=TransferAsked,
    **_COMMON,
)
async def transfer_cash(
    sender: Sender, account_id: AccountPath, body: TransferRequest, idempotency_key: RequiredIdempotencyKey
) -> Response:
    return _answer(await sender.transfer_cash(account_id, body, idempotency_key))


@router.post(
    "/api/orders",
    operation_id="submit_order",
    tags=["orders"],
    summary="Submit an order",
    response_model=OrderSubmitted,
    **_COMMON,
)
async def submit_order(sender: Sender, body: OrderRequest, idempotency_key: IdempotencyKey = None) -> Response:
    return _answer(await sender.orders.submit(body, idempotency_key))


@router.post(
    "/api/orders/batch",
    operation_id="submit_order_batch",
    tags=["orders"],
    summary="Submit up to 500 orders of an account at once",
    response_model=BatchSubmitted,
    **_COMMON,
)
async def submit_order_batch(sender: Sender, body: BatchRequest, idempotency_key: IdempotencyKey = None) -> Response:
    """What is wrong with any order refuses the batch before anything is sent; errors has a pointer for each.

    On the log each order is a command of its own, in the order of the request, and the ledger decides each by itself:
    one that it rejects stops no other. For orders that are taken all or none there are groups.
    """
    return _answer(await sender.orders.submit_batch(body, idempotency_key))


@router.post(
    "/api/order-groups",
    operation_id="submit_order_group",
    tags=["orders"],
    summary="Submit orders that depend on each other",
    response_model=GroupSubmitted,
    **_COMMON,
)
async def submit_order_group(sender: Sender, body: GroupRequest, idempotency_key: IdempotencyKey = None) -> Response:
    return _answer(await sender.orders.submit_group(body, idempotency_key))


@router.patch(
    "/api/orders/{order_id}",
    operation_id="replace_order",
    tags=["orders"],
    summary="Replace the terms of what is left of an order",
    response_model=OrderAsked,
    **_COMMON,
)
async def replace_order(
    sender: Sender, order_id: OrderPath, body: ReplaceRequest, idempotency_key: IdempotencyKey = None
) -> Response:
    return _answer(await sender.replace_order(order_id, body, idempotency_key))


@router.post(
    "/api/portfolio/{account_id}/rebalance",
    operation_id="rebalance_portfolio",
    tags=["portfolio"],
    summary="Bring a portfolio to target weights",
    response_model=RebalanceAsked,
    **_COMMON,
)
async def rebalance_portfolio(
    sender: Sender,
    account_id: AccountPath,
    body: RebalanceRequest,
    idempotency_key: RequiredIdempotencyKey,
    if_match: IfMatch = None,
) -> Response:
    return _answer(await sender.rebalance(account_id, body, idempotency_key, if_match))


@router.post(
    "/api/portfolio/{account_id}/rebalances/{plan_id}/cancel",
    operation_id="cancel_rebalance",
    tags=["portfolio"],
    summary="Send no more orders of a rebalance, and cancel what is working",
    response_model=RebalanceAsked,
    **_COMMON,
)
async def cancel_rebalance(
    sender: Sender, account_id: AccountPath, plan_id: PlanPath, idempotency_key: IdempotencyKey = None
) -> Response:
    return _answer(await sender.cancel_rebalance(account_id, plan_id, idempotency_key))


@router.post(
    "/api/orders/{order_id}/cancel",
    operation_id="cancel_order",
    tags=["orders"],
    summary="Cancel what is left of an order",
    response_model=OrderAsked,
    **_COMMON,
)
async def cancel_order(
    sender: Sender, order_id: OrderPath, body: CancelRequest, idempotency_key: IdempotencyKey = None
) -> Response:
    return _answer(await sender.cancel_order(order_id, body, idempotency_key))


@router.post(
    "/api/signals",
    operation_id="request_signal",
    tags=["signals"],
    summary="Ask for a signal now",
    response_model=SignalAsked,
    **_COMMON,
)
async def request_signal(sender: Sender, body: SignalRequest, idempotency_key: IdempotencyKey = None) -> Response:
    return _answer(await sender.request_signal(body, idempotency_key))


def _answer(outcome: Outcome) -> Response:
    headers = {"Location": outcome.location} | ({"Idempotent-Replayed": "true"} if outcome.replayed else {})
    return JSONResponse(outcome.body, 202, headers=headers)
