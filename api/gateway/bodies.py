"""What the command side takes and answers."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header
from pydantic import ConfigDict, Field, StringConstraints

from api.fields import Body, DecimalIn, Symbol, View
from api.receipts import Place
from domain.terms import LotMethod

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]{1,128}$",
        description="The client's own id of this request: a repeat with it is answered with the first response.",
        examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ),
]
RequiredIdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]{1,128}$",
        description="The client's own id of this movement of cash: the ledger makes each id once.",
        examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ),
]


class AccountRequest(Body):
    """Open an account."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"account_id": "acc_demo", "owner": "Ada Lovelace", "currency": "USD"}]}
    )

    account_id: Annotated[str, StringConstraints(pattern=r"^acc_[A-Za-z0-9_.-]{1,60}$")] = Field(
        description="chosen by the client", examples=["acc_demo"]
    )
    owner: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")] = Field(
        examples=["Ada Lovelace"]
    )
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = Field(
        "USD", description="ISO 4217", examples=["USD"]
    )
    lot_method: LotMethod = Field("FIFO", description="which lots a sale consumes")
    fee_bps: DecimalIn | None = Field(
        None,
        description="basis points of notional that a buy's hold sets aside for fees; default: the paper venue's fee",
        examples=["1"],
    )


class CashRequest(Body):
    """An amount of cash to put in or take out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": "100000.00", "currency": "USD"}]})

    amount: DecimalIn = Field(description="in the account's currency", examples=["100000.00"])
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = Field(
        "USD", description="ISO 4217, the account's", examples=["USD"]
    )


class SignalRequest(Body):
    """Ask for a signal from the ticks known so far."""

    symbol: Symbol
    requested_by: Annotated[str, StringConstraints(pattern=r"^[ -~]{1,64}$")] = Field(
        "api", description="who asks", examples=["ada"]
    )


class SignalAsked(View):
    request_id: str = Field(examples=["req_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    symbol: str = Field(examples=["AAPL"])
    status_url: str = Field(examples=["/api/signals/requests/req_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    position: Place
