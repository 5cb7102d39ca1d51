"""What submitting an order would give: the gateway's checks and price, the ledger's rules on the account as projected.

It stands between the two sides and writes to neither: no command, no reservation of a client order id.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from api.fields import DecimalOut, TimeOut, View, time_of_us
from api.gateway.routes import Sender
from api.orders.bodies import OrderRequest
from api.query import accounts_sql
from api.query.filters import Placed
from api.query.reading import Reader
from api.query.replica import Known
from api.query.routes import Ledgers
from api.query.unknown import not_found
from domain import decide_orders
from domain.checks import CLOCK_AHEAD_US_MAX, Refusal
from domain.commands import SubmitOrder
from domain.preview import preview
from domain.scopes import ScopeName
from runtime.clock import now_us

router = APIRouter()


class RefusalView(View):
    """Why an order would be refused."""

    code: str = Field(description="stable name of the condition", examples=["ORDER_VALUE_EXCEEDED"])
    detail: str = Field(description="what was expected, and what it was")
    values: dict[str, str] = Field(description="the values that failed")


class LocateView(View):
    locate_id: str
    quantity: DecimalOut


class HoldView(View):
    """What would be set aside while the order works."""

    currency: str = Field(examples=["USD"])
    cash: DecimalOut
    quantity: DecimalOut = Field(description="units of the symbol, of the long position")
    locates: list[LocateView] = Field(description="what a short sale takes of the account's locates")


class LimitView(View):
    """One figure of the risk limits that an order meets."""

    name: str = Field(examples=["order_value_max"])
    value: str
    scope: ScopeName
    version: int = Field(description="of the account's limits, or of the desk's")


class MarkView(View):
    """The price that the ledger looks at, and how old it is."""

    price: DecimalOut
    market_time: TimeOut


class OrderPreview(View):
    """What submitting this order now would give. Nothing was written, and nothing is reserved.

    Between a preview and its order the account, the marks and the limits may change; the ledger has the last word.
    """

    account_id: str = Field(examples=["acc_demo"])
    account_version: int = Field(description="of the account that was looked at")
    partition: int = Field(description="of ledger.events, where the account stands")
    record_offset: int = Field(description="the last record of it that was taken into account")
    verdict: Literal["ACCEPT", "REJECT", "KNOWN"] = Field(
        description="KNOWN: this very order was decided before, and submitting it again gives nothing new"
    )
    order_id: str = Field(description="which the order would have", examples=["ord_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    refusals: list[RefusalView] = Field(
        description="of every check that does not pass, as they are asked; the first would be the order's"
    )
    overridden: list[str] = Field(description="codes of refusals that an override of this order lifts")
    overrides: list[str] = Field(description="ids of these overrides")
    protection_price: DecimalOut | None = Field(description="the worst price, as given or as derived")
    hold: HoldView
    estimated_cost: DecimalOut | None = Field(
        description="of filling all of it at the mark, or no better than its own prices, fees and commissions "
        "included; below zero for a sale; null where no price is known"
    )
    buying_power: DecimalOut = Field(description="free cash now, in the hold's currency")
    buying_power_after: DecimalOut = Field(description="the same less the hold, below zero where it does not suffice")
    mark: MarkView | None = Field(description="of the order's symbol; null where the ledger was told none")
    limits: list[LimitView] = Field(description="all that are in force for this order")
    limits_version: int
    desk_version: int


@router.post(
    "/api/orders/preview",
    operation_id="preview_order",
    tags=["orders"],
    summary="What submitting this order would give; nothing is written",
)
async def preview_order(
    sender: Sender, reader: Reader, ledgers: Ledgers, body: OrderRequest, filters: Annotated[Placed, Query()]
) -> OrderPreview:
    """Takes what POST /api/orders takes. What the order lacks by itself is 422, as there; what the account's state or
    its limits refuse is in the answer.
    """
    command = await sender.orders.command_of(body)
    async with reader.snapshot() as snapshot:
        row = await accounts_sql.one(snapshot, body.account_id)
        if row is None:
            raise not_found("ACCOUNT_UNKNOWN", f"account {body.account_id}")
        known = await ledgers.find(snapshot, body.account_id, row["partition"])
    return _view(command, known, row["partition"], sender.ids_kept_us)


def _view(command: SubmitOrder, known: Known, partition: int, kept_us: int) -> OrderPreview:
    account, world, time_us = known.account, known.world, now_us()
    repeat = decide_orders.repeat(account, command, time_us - kept_us - CLOCK_AHEAD_US_MAX)
    shown = preview(account, decide_orders.terms_of(command), world, time_us)
    refusals = ((repeat,) if isinstance(repeat, Refusal) else ()) + shown.refusals
    mark, hold = world.marks.get(command.symbol), shown.hold
    return OrderPreview(
        account_id=command.account_id,
        account_version=account.version,
        partition=partition,
        record_offset=known.position,
        verdict="KNOWN" if repeat is True else "REJECT" if refusals else "ACCEPT",
        order_id=command.order_id,
        refusals=[] if repeat is True else [_refusal(one) for one in refusals],
        overridden=list(shown.overridden),
        overrides=list(shown.overrides),
        protection_price=command.protection_price,
        hold=HoldView(
            currency=hold.currency,
            cash=hold.cash,
            quantity=hold.quantity,
            locates=[LocateView(locate_id=use.locate_id, quantity=use.quantity) for use in hold.locates],
        ),
        estimated_cost=shown.estimated_cost,
        buying_power=account.funds[hold.currency].free,
        buying_power_after=shown.buying_power_after,
        mark=mark and MarkView(price=mark.price, market_time=time_of_us(mark.market_time_us)),
        limits=[LimitView(**limit._asdict()) for limit in shown.limits],
        limits_version=shown.limits_version,
        desk_version=shown.desk_version,
    )


def _refusal(refusal: Refusal) -> RefusalView:
    return RefusalView(code=refusal.code, detail=refusal.text, values=dict(refusal.details))
