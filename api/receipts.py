"""What every accepted command is answered with."""

from __future__ import annotations

from pydantic import Field

from api.fields import View


class Place(View):
    """Where the input stands on Kafka. The event that answers it names this position as its cause."""

    topic: str = Field(examples=["trading.commands"])
    partition: int = Field(ge=0, examples=[2])
    offset: int = Field(ge=0, examples=[1041])


class Accepted(View):
    """The command is on the log; the ledger decides it next. `status_url` shows what became of it.

    A command other than an order that the ledger refuses stands under
    `/api/accounts/{account_id}/rejections?command_id=…`.
    """

    command_id: str = Field(examples=["cmd_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    account_id: str = Field(examples=["acc_demo"])
    status_url: str = Field(examples=["/api/accounts/acc_demo"])
    position: Place
