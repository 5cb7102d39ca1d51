"""Operations that write: each puts one command on Kafka and answers 202; the query side shows what became of it."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

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
    OrderTermsIn,
    RebalanceAsked,
    ReplaceRequest,
)
from api.orders.portfolio_bodies import PLAN_TAG_FORM, PlanId, RebalanceRequest
from api.prefer import preferred_wait_s
from api.receipts import Accepted
from api.security.rights import Caller, Rights
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
COMMON: dict[str, Any] = {"status_code": 202, "responses": _HEADERS}


async def gateway(request: Request) -> Gateway:
    found: Gateway = request.app.state.gateway
    return found


class Teller(Protocol):
    """Knows what the ledger has decided (api.decisions)."""

    async def tell(self, answer: dict[str, Any], wait_s: float) -> bool: ...


class Reply:
    """The answer to a command: at once, or with what the ledger has decided where the client would rather wait."""

    def __init__(self, teller: Teller, wait_s: float | None) -> None:
        self._teller = teller
        self._wait_s = wait_s

    async def __call__(self, outcome: Outcome) -> Response:
        headers = {"Location": outcome.location} | ({"Idempotent-Replayed": "true"} if outcome.replayed else {})
        if self._wait_s is not None and await self._teller.tell(outcome.body, self._wait_s):
            return JSONResponse(outcome.body, 200, headers=headers | {"Preference-Applied": f"wait={self._wait_s:g}"})
        return JSONResponse(outcome.body, 202, headers=headers)


async def replying(
    request: Request,
    prefer: Annotated[
        str | None,
        Header(description="`wait=2`: answer 200 with the ledger's decision, if it is known within so many seconds"),
    ] = None,
) -> Reply:
    return Reply(request.app.state.decisions, preferred_wait_s(prefer))


Sender = Annotated[Gateway, Depends(gateway)]
Replying = Annotated[Reply, Depends(replying)]
AccountPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,64}$", examples=["acc_demo"])]
PlanPath = Annotated[PlanId, Path(examples=["pln_3f1c9a7e5b2d48069a1be3c5d7f80246"])]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="the ETag of a preview: exactly its orders are made, or none",
        examples=[f'"v7-{"0" * 32}"'],
        json_schema_extra={"pattern": PLAN_TAG_FORM},
    ),
]
OrderPath = Annotated[OrderId, Path()]


@router.post(
    "/api/accounts",
    operation_id="open_account",
    tags=["accounts"],
    summary="Open an account",
    response_model=Accepted,
    **COMMON,
)
async def open_account(
    sender: Sender, reply: Replying, caller: Caller, body: AccountRequest, idempotency_key: IdempotencyKey = None
) -> Response:
    """The owner is the caller; only admins open accounts for others."""
    answer = await sender.open_account(body, caller.named(body.owner, "owner"), idempotency_key)
    caller.opened(body.account_id)
    return await reply(answer)


@router.post(
    "/api/accounts/{account_id}/deposits",
    operation_id="deposit_cash",
    tags=["accounts"],
    summary="Put cash in",
    response_model=Accepted,
    **COMMON,
)
async def deposit_cash(
    sender: Sender, reply: Replying, account_id: AccountPath, body: CashRequest, idempotency_key: RequiredIdempotencyKey
) -> Response:
    return await reply(await sender.move_cash(Deposit, account_id, body, idempotency_key))


@router.post(
    "/api/accounts/{account_id}/withdrawals",
    operation_id="withdraw_cash",
    tags=["accounts"],
    summary="Take free cash out",
    response_model=Accepted,
    **COMMON,
)
async def withdraw_cash(
    sender: Sender, reply: Replying, account_id: AccountPath, body: CashRequest, idempotency_key: RequiredIdempotencyKey
) -> Response:
    return await reply(await sender.move_cash(Withdraw, account_id, body, idempotency_key))


@router.post(
    "/api/accounts/{account_id}/conversions",
    operation_id="convert_cash",
    tags=["accounts"],
    summary="Turn free cash of one currency into another",
    response_model=Accepted,
    **COMMON,
)
async def convert_cash(
    sender: Sender,
    reply: Replying,
    account_id: AccountPath,
    body: ConversionRequest,
    idempotency_key: RequiredIdempotencyKey,
) -> Response:
    return await reply(await sender.convert_cash(account_id, body, idempotency_key))


@router.post(
    "/api/accounts/{account_id}/transfers",
    operation_id="transfer_cash",
    tags=["accounts"],
    summary="Send free cash to another account",
    response_model=TransferAsked,
    **COMMON,
)
async def transfer_cash(
    sender: Sender,
    reply: Replying,
    caller: Caller,
    account_id: AccountPath,
    body: TransferRequest,
    idempotency_key: RequiredIdempotencyKey,
) -> Response:
    requested_by = caller.named(body.requested_by, "requested_by")
    return await reply(await sender.transfer_cash(account_id, body, requested_by, idempotency_key))


@router.post(
    "/api/orders",
    operation_id="submit_order",
    tags=["orders"],
    summary="Submit an order",
    response_model=OrderSubmitted,
    **COMMON,
)
async def submit_order(
    sender: Sender, reply: Replying, caller: Caller, body: OrderRequest, idempotency_key: IdempotencyKey = None
) -> Response:
    _check_trader(caller, body)
    return await reply(await sender.orders.submit(body, idempotency_key))


@router.post(
    "/api/orders/batch",
    operation_id="submit_order_batch",
    tags=["orders"],
    summary="Submit up to 500 orders of an account at once",
    response_model=BatchSubmitted,
    **COMMON,
)
async def submit_order_batch(
    sender: Sender, reply: Replying, caller: Caller, body: BatchRequest, idempotency_key: IdempotencyKey = None
) -> Response:
    """What is wrong with any order refuses the batch before anything is sent; errors has a pointer for each.

    On the log each order is a command of its own, in the order of the request, and the ledger decides each by itself:
    one that it rejects stops no other. For orders that are taken all or none there are groups.
    """
    _check_trader(caller, *body.orders)
    return await reply(await sender.orders.submit_batch(body, idempotency_key))


@router.post(
    "/api/order-groups",
    operation_id="submit_order_group",
    tags=["orders"],
    summary="Submit orders that depend on each other",
    response_model=GroupSubmitted,
    **COMMON,
)
async def submit_order_group(
    sender: Sender, reply: Replying, caller: Caller, body: GroupRequest, idempotency_key: IdempotencyKey = None
) -> Response:
    _check_trader(caller, *body.orders)
    return await reply(await sender.orders.submit_group(body, idempotency_key))


@router.patch(
    "/api/orders/{order_id}",
    operation_id="replace_order",
    tags=["orders"],
    summary="Replace the terms of what is left of an order",
    response_model=OrderAsked,
    **COMMON,
)
async def replace_order(
    sender: Sender, reply: Replying, order_id: OrderPath, body: ReplaceRequest, idempotency_key: IdempotencyKey = None
) -> Response:
    return await reply(await sender.replace_order(order_id, body, idempotency_key))


@router.post(
    "/api/portfolio/{account_id}/rebalance",
    operation_id="rebalance_portfolio",
    tags=["portfolio"],
    summary="Bring a portfolio to target weights",
    response_model=RebalanceAsked,
    **COMMON,
)
async def rebalance_portfolio(
    sender: Sender,
    reply: Replying,
    account_id: AccountPath,
    body: RebalanceRequest,
    idempotency_key: RequiredIdempotencyKey,
    if_match: IfMatch = None,
) -> Response:
    return await reply(await sender.rebalance(account_id, body, idempotency_key, if_match))


@router.post(
    "/api/portfolio/{account_id}/rebalances/{plan_id}/cancel",
    operation_id="cancel_rebalance",
    tags=["portfolio"],
    summary="Send no more orders of a rebalance, and cancel what is working",
    response_model=RebalanceAsked,
    **COMMON,
)
async def cancel_rebalance(
    sender: Sender, reply: Replying, account_id: AccountPath, plan_id: PlanPath, idempotency_key: IdempotencyKey = None
) -> Response:
    return await reply(await sender.cancel_rebalance(account_id, plan_id, idempotency_key))


@router.post(
    "/api/orders/{order_id}/cancel",
    operation_id="cancel_order",
    tags=["orders"],
    summary="Cancel what is left of an order",
    response_model=OrderAsked,
    **COMMON,
)
async def cancel_order(
    sender: Sender, reply: Replying, order_id: OrderPath, body: CancelRequest, idempotency_key: IdempotencyKey = None
) -> Response:
    return await reply(await sender.cancel_order(order_id, body, idempotency_key))


@router.post(
    "/api/signals",
    operation_id="request_signal",
    tags=["signals"],
    summary="Ask for a signal now",
    response_model=SignalAsked,
    **COMMON,
)
async def request_signal(
    sender: Sender, reply: Replying, caller: Caller, body: SignalRequest, idempotency_key: IdempotencyKey = None
) -> Response:
    requested_by = caller.named(body.requested_by, "requested_by")
    return await reply(await sender.request_signal(body, requested_by, idempotency_key))


def _check_trader(caller: Rights, *orders: OrderTermsIn) -> None:
    """Raises ProblemError 403 for an order that says to be another trader's: limits let named traders trade."""
    for order in orders:
        if order.trader_id is not None:
            caller.named(order.trader_id, "trader_id")
