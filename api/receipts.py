"""What every accepted command is answered with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.fields import View
from domain.events import OrderStatus


class Place(View):
    """Where the input stands on Kafka. The event that answers it names this position as its cause."""

    topic: str = Field(examples=["trading.commands"])
    partition: int = Field(ge=0, examples=[2])
    offset: int = Field(ge=0, examples=[1041])


class Decision(View):
    """What the ledger has decided, and is projected."""

    outcome: Literal["ACCEPTED", "REJECTED"]
    order_status: OrderStatus | None = Field(
        None, description="of the order (of a group: of its first) that the command is about, when this was read"
    )
    code: str | None = Field(None, description="why it was rejected", examples=["CASH_INSUFFICIENT"])
    detail: str | None = Field(None, description="what was expected, and what it was")
    values: dict[str, str] = Field({}, description="the values that failed")


Decided = Annotated[
    Decision | None, Field(description="null unless `Prefer: wait` asked for it and it was known in time")
]


class Accepted(View):
    """The command is on the log; the ledger decides it next. `status_url` shows what became of it.

    A command other than an order that the ledger refuses stands under
    `/api/accounts/{account_id}/rejections?command_id=…`.
    """

    command_id: str = Field(examples=["cmd_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    account_id: str = Field(examples=["acc_demo"])
    status_url: str = Field(examples=["/api/accounts/acc_demo"])
    position: Place
    decision: Decided = None
