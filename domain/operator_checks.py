"""Checks of what operators and vendors send, as pure functions that give a Refusal or None."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from domain import checks
from domain.account import Account
from domain.checks import Refusal, number, refuse
from domain.commands import (
    AdjustCash,
    ChangeSymbol,
    Command,
    DelistInstrument,
    OperatorCommand,
    PayDividend,
    ReceiveTransfer,
    ReturnTransfer,
    SplitShares,
    TransferCash,
)
from domain.numbers import CENT, is_sound

RATIO_MAX = 1_000_000
BPS_MAX = 10_000
MARKET_TIME_US_MAX = 253_402_300_800_000_000  # the year 10000
LOTS_LISTED_MAX = 5_000
"""So many lots fit into one record of the tape: an event that re-states lots lists them all."""

_TEXTS = ("symbol", "new_symbol", "to_account_id", "from_account_id", "execution_id")
_NUMBERS = {
    "quantity": "QUANTITY",
    "quantity_of_record": "QUANTITY",
    "per_unit": "PRICE",
    "price": "PRICE",
    "cash_in_lieu_price": "PRICE",
    "withholding_bps": "PRICE",
    "amount": "AMOUNT",
    "fee": "AMOUNT",
}


def form(command: Command) -> Refusal | None:
    """What makes an operator's command one that can be stored and computed with; None for other commands."""
    if not isinstance(command, OperatorCommand):
        return None
    names = ("actor", "reason", "reference", *(name for name in _TEXTS if hasattr(command, name)))
    for name in names:
        text: str = getattr(command, name)
        if not checks.is_text(text):
            return refuse("TEXT_INVALID", f"expected {name} to be 1 to 128 printable characters", **{name: text})
    for name, category in _NUMBERS.items():
        value: Decimal | None = getattr(command, name, None)
        refusal = None if value is None else number(category, value)
        if refusal is not None:
            return refusal
    time_us: int = getattr(command, "market_time_us", 0)
    if not 0 <= time_us < MARKET_TIME_US_MAX:
        return refuse("TIME_INVALID", f"expected a time from 1970 to 9999, it was {time_us}", market_time_us=time_us)
    check = _FORMS.get(type(command))
    return None if check is None else check(command)


def _dividend(command: PayDividend) -> Refusal | None:
    rate = command.withholding_bps
    if command.per_unit <= 0:
        text = f"expected per_unit above zero, it was {command.per_unit}"
        return refuse("PRICE_NOT_POSITIVE", text, per_unit=command.per_unit)
    if not is_sound(rate) or not 0 <= rate <= BPS_MAX or rate % CENT.scaleb(-2):
        text = f"expected 0 to {BPS_MAX} basis points with at most 4 decimals, it was {rate}"
        return refuse("RATE_INVALID", text, withholding_bps=rate)
    return None


def _split(command: SplitShares) -> Refusal | None:
    ratio = (command.numerator, command.denominator)
    if not all(1 <= part <= RATIO_MAX for part in ratio) or ratio[0] == ratio[1]:
        text = f"expected two different whole numbers from 1 to {RATIO_MAX}, they were {ratio[0]} and {ratio[1]}"
        return refuse("RATIO_INVALID", text, numerator=ratio[0], denominator=ratio[1])
    price = command.cash_in_lieu_price
    if price is None and ratio[0] % ratio[1]:
        text = f"expected a price for fractions, as {ratio[0]} for {ratio[1]} may leave some; there was none"
        return refuse("PRICE_REQUIRED", text, missing="cash_in_lieu_price")
    if price is not None and price <= 0:
        return refuse("PRICE_NOT_POSITIVE", f"expected cash_in_lieu_price above zero, it was {price}", price=price)
    return None


def _symbol(command: ChangeSymbol) -> Refusal | None:
    if command.symbol == command.new_symbol:
        return refuse("SYMBOL_UNCHANGED", f"expected another symbol than {command.symbol}", symbol=command.symbol)
    return None


def _delisting(command: DelistInstrument) -> Refusal | None:
    if command.price < 0:
        text = f"expected a price of zero or above, it was {command.price}"
        return refuse("PRICE_NEGATIVE", text, price=command.price)
    return None


def _adjustment(command: AdjustCash) -> Refusal | None:
    if not command.amount:
        return refuse("AMOUNT_ZERO", "expected an amount above or below zero, it was zero", amount=command.amount)
    return checks.amount_alone(abs(command.amount), command.currency)


def _transfer(command: TransferCash | ReceiveTransfer | ReturnTransfer) -> Refusal | None:
    other = command.from_account_id if isinstance(command, ReceiveTransfer) else command.to_account_id
    if other == command.account_id:
        return refuse("TRANSFER_TO_ITSELF", f"expected another account than {other}", account_id=other)
    return checks.amount_alone(command.amount, command.currency)


_FORMS: dict[type[Command], Callable[[Any], Refusal | None]] = {
    PayDividend: _dividend,
    SplitShares: _split,
    ChangeSymbol: _symbol,
    DelistInstrument: _delisting,
    AdjustCash: _adjustment,
    TransferCash: _transfer,
    ReceiveTransfer: _transfer,
    ReturnTransfer: _transfer,
}


def nothing_there(symbol: str) -> Refusal:
    return refuse("POSITION_EMPTY", f"expected units or open orders of {symbol}, there are none", symbol=symbol)


def lots_listed(account: Account, symbol: str, count: int) -> Refusal | None:
    """Whether an event can tell all lots of a position."""
    if count <= LOTS_LISTED_MAX:
        return None
    text = f"expected at most {LOTS_LISTED_MAX} lots of {symbol} in one event, there are {count}"
    return refuse("POSITION_TOO_FRAGMENTED", text, symbol=symbol, lots=count, account_id=account.id)
