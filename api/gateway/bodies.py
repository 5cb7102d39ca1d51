"""What the command side takes and answers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header
from pydantic import ConfigDict, Field, StringConstraints

from api.fields import AccountId, Body, DecimalIn, PositiveIn, Symbol, View
from api.receipts import Accepted, Decided, Place
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
        description="The client's own id of what is asked for, which is done once.",
        examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ),
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class MarginIn(Body):
    """Equity that a position needs, as a part of its market value; the defaults are those of US equities."""

    long_initial: DecimalIn | None = Field(None, description="to open a long position; default 0.50", examples=["0.50"])
    long_maintenance: DecimalIn | None = Field(None, description="to keep it; default 0.25", examples=["0.25"])
    short_initial: DecimalIn | None = Field(None, description="to open a short one; default 0.50", examples=["0.50"])
    short_maintenance: DecimalIn | None = Field(None, description="to keep it; default 0.30", examples=["0.30"])


class FeeScheduleIn(Body):
    """The commission of each order, in the instrument's currency; rates in basis points of traded value."""

    per_order: DecimalIn | None = Field(None, description="once an order, with its first fill", examples=["1.00"])
    per_unit: DecimalIn | None = Field(None, description="of each unit", examples=["0.005"])
    bps: DecimalIn | None = Field(None, description="of the value", examples=["2"])
    maker_bps: DecimalIn | None = Field(None, description="besides, of fills that make liquidity; below zero: a rebate")
    taker_bps: DecimalIn | None = Field(None, description="besides, of fills that take liquidity")
    order_minimum: DecimalIn | None = Field(None, description="the least of an order that has filled at all")
    order_cap_bps: DecimalIn | None = Field(None, description="the most of an order, of its value; above the minimum")


_MARGIN_ACCOUNT: dict[str, Any] = {
    "account_id": "acc_margin",
    "owner": "ada",
    "currency": "USD",
    "currencies": ["EUR"],
    "lot_method": "HIFO",
    "margin": {"long_initial": "0.50", "long_maintenance": "0.30"},
    "fee_schedule": {"per_unit": "0.005", "order_minimum": "1.00", "order_cap_bps": "100"},
}


class AccountRequest(Body):
    """Open an account. Its currencies and its margin terms are fixed from then on."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"account_id": "acc_demo", "owner": "ada", "currency": "USD"}, _MARGIN_ACCOUNT]}
    )

    account_id: Annotated[str, StringConstraints(pattern=r"^acc_[A-Za-z0-9_.-]{1,60}$")] = Field(
        description="chosen by the client", examples=["acc_demo"]
    )
    owner: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = (
        Field(
            None,
            description="the user whose account it is; null: the caller. Only admins name somebody else",
            examples=["ada"],
        )
    )
    currency: Currency = Field("USD", description="ISO 4217; its base currency", examples=["USD"])
    currencies: list[Currency] = Field([], max_length=31, description="that it holds besides", examples=[["EUR"]])
    lot_method: LotMethod = Field("FIFO", description="which lots a sale consumes")
    fee_bps: DecimalIn | None = Field(
        None,
        description="basis points of notional that a buy's hold sets aside for fees; default: the paper venue's fee",
        examples=["1"],
    )
    margin: MarginIn | None = Field(None, description="the terms of a margin account; null for a cash account")
    fee_schedule: FeeScheduleIn | None = Field(None, description="by which commissions are charged; null for none")


class CashRequest(Body):
    """An amount of cash to put in or take out, in any of the account's currencies."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": "100000.00", "currency": "USD"}]})

    amount: PositiveIn = Field(description="above zero", examples=["100000.00"])
    currency: Currency = Field("USD", description="ISO 4217, one of the account's", examples=["USD"])


class ConversionRequest(Body):
    """Free cash of one of the account's currencies into another, at a rate that somebody has given."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "from_currency": "USD",
                    "to_currency": "EUR",
                    "amount": "1100.00",
                    "rate": "0.909",
                    "source": "ECB 2026-11-27",
                }
            ]
        }
    )

    from_currency: Currency = Field(description="ISO 4217, one of the account's", examples=["USD"])
    to_currency: Currency = Field(description="another one of the account's", examples=["EUR"])
    amount: PositiveIn = Field(description="of from_currency, above zero", examples=["1100.00"])
    rate: PositiveIn = Field(description="units of to_currency for one of from_currency", examples=["0.909"])
    source: Text = Field(description="who gave the rate, such as a bank or a trade's id", examples=["ECB 2026-11-27"])


class TransferRequest(Body):
    """Free cash for another account. What is refused over there comes back."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"to_account_id": "acc_savings", "amount": "250.00", "currency": "USD", "reason": "monthly savings"}
            ]
        }
    )

    to_account_id: AccountId = Field(description="the receiver", examples=["acc_savings"])
    amount: PositiveIn = Field(description="above zero", examples=["250.00"])
    currency: Currency = Field("USD", description="ISO 4217, one that both accounts hold", examples=["USD"])
    reason: Text = Field("transfer", description="why; it stands on the tape for ever", examples=["monthly savings"])
    requested_by: Annotated[str, StringConstraints(pattern=r"^[ -~]{1,64}$")] | None = Field(
        None, description="who asks; null: the caller. Only admins name somebody else", examples=["ada"]
    )


class TransferAsked(Accepted):
    """A transfer is on the log; `status_url` shows whether it has left, arrived or come back."""

    transfer_id: str = Field(examples=["trf_3f1c9a7e5b2d48069a1be3c5d7f80246"])


class SignalRequest(Body):
    """Ask for a signal from the ticks known so far."""

    symbol: Symbol
    requested_by: Annotated[str, StringConstraints(pattern=r"^[ -~]{1,64}$")] | None = Field(
        None, description="who asks; null: the caller. Only admins name somebody else", examples=["ada"]
    )


class SignalAsked(View):
    request_id: str = Field(examples=["req_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    symbol: str = Field(examples=["AAPL"])
    status_url: str = Field(examples=["/api/signals/requests/req_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    position: Place
    decision: Decided = None
