"""Checks of commands and reports, as pure functions that give a Refusal or None.

A Refusal's text says what was expected and what it was; its details hold the values. Called inside the exact decimal
context. Pre-trade checks follow EU 2017/589 (RTS 6) article 15 in that they run before anything is sent.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from domain.account import Account
from domain.codes import CODES
from domain.commands import Command, OpenAccount
from domain.market import Instrument
from domain.numbers import CENT, is_sound
from domain.reports import ReportFilled, ReportTriggered
from domain.terms import OrderTerms

TEXT_CHARACTERS_MAX = 128
CURRENCY_CHARACTERS = 3
FEE_BPS_MAX = 10_000
LOT_METHODS = ("FIFO", "AVERAGE")
DESK_PREFIX = "desk:"
"""Ids that begin with this are those of desks (domain.desk); no account may have one."""
CLOCK_AHEAD_US_MAX = 5 * 60 * 1_000_000


class Refusal(NamedTuple):
    """Why something was refused. code: one of domain.codes.CODES."""

    code: str
    text: str
    details: dict[str, str]


def refuse(code: str, text: str, **details: object) -> Refusal:
    assert code in CODES, code
    return Refusal(code, text, {name: clean(value) for name, value in details.items()})


def clean(value: object) -> str:
    """A text that every reader can store: escaped when it is not printable, and cut at 128 characters."""
    text = str(value)
    if not text.isprintable():
        text = ascii(text[:TEXT_CHARACTERS_MAX])
    return text if len(text) <= TEXT_CHARACTERS_MAX else text[: TEXT_CHARACTERS_MAX - 1] + "…"


def is_text(text: str, characters_max: int = TEXT_CHARACTERS_MAX) -> bool:
    return 0 < len(text) <= characters_max and text.isprintable()


def number(category: str, value: Decimal) -> Refusal | None:
    """Refuse NaN, infinities and numbers out of range, so that no later sum can fail or lose a digit."""
    if is_sound(value):
        return None
    if not value.is_finite():
        return refuse(f"{category}_NOT_FINITE", f"expected a finite number, it was {clean(value)}", value=value)
    return refuse(
        f"{category}_OUT_OF_RANGE",
        f"expected at most 15 integer digits and 18 decimals, it was {clean(value)}",
        value=value,
    )


# Commands


def envelope(command: Command) -> Refusal | None:
    """The fields that every command has."""
    if not is_text(command.command_id):
        return refuse("COMMAND_ID_INVALID", "expected 1 to 128 printable characters", command_id=command.command_id)
    if not is_text(command.account_id):
        return refuse("ACCOUNT_ID_INVALID", "expected 1 to 128 printable characters", account_id=command.account_id)
    return None


def age(command: Command, now_us: int, kept_us: int) -> Refusal | None:
    """Refuse a command so old that its first copy may be forgotten, or so early that it could outlive its memory."""
    details = {"issued_at_us": command.issued_at_us, "now_us": now_us}
    if command.issued_at_us < now_us - kept_us:
        return refuse(
            "COMMAND_EXPIRED",
            f"expected a command issued at most {kept_us // 1_000_000} s ago, "
            f"it was issued {(now_us - command.issued_at_us) // 1_000_000} s ago",
            **details,
        )
    if command.issued_at_us > now_us + CLOCK_AHEAD_US_MAX:
        return refuse(
            "COMMAND_AHEAD",
            f"expected a command issued at most 300 s ahead of the ledger's clock, "
            f"it was {(command.issued_at_us - now_us) // 1_000_000} s ahead",
            **details,
        )
    return None


def unknown_account(account_id: str) -> Refusal:
    return refuse(
        "ACCOUNT_UNKNOWN", f"expected an open account, {account_id!r} was never opened", account_id=account_id
    )


def opening(command: OpenAccount) -> Refusal | None:
    fee = command.fee_bps
    if command.account_id.startswith(DESK_PREFIX):
        text = f"expected an account id that does not begin with {DESK_PREFIX!r}, it was {command.account_id!r}"
        return refuse("ACCOUNT_ID_RESERVED", text, account_id=command.account_id)
    if not is_text(command.owner):
        return refuse("OWNER_INVALID", "expected 1 to 128 printable characters", owner=command.owner)
    if not is_currency(command.currency):
        return refuse("CURRENCY_INVALID", "expected three capital letters (ISO 4217)", currency=command.currency)
    if command.lot_method not in LOT_METHODS:
        text = f"expected one of {', '.join(LOT_METHODS)}, it was {command.lot_method}"
        return refuse("LOT_METHOD_UNAVAILABLE", text, lot_method=command.lot_method)
    if not is_sound(fee) or not 0 <= fee <= FEE_BPS_MAX or fee % CENT.scaleb(-2):
        return refuse(
            "FEE_INVALID",
            f"expected 0 to {FEE_BPS_MAX} basis points with at most 4 decimals, it was {clean(fee)}",
            fee_bps=fee,
        )
    return None


def is_currency(text: str) -> bool:
    return len(text) == CURRENCY_CHARACTERS and text.isascii() and text.isalpha() and text.isupper()


def amount(account: Account, value: Decimal, currency: str) -> Refusal | None:
    """A deposit's or a withdrawal's amount; `number` has been checked."""
    return amount_alone(value) or same_currency(account, currency)


def amount_alone(value: Decimal) -> Refusal | None:
    """The part of `amount` that needs no account; `number` has been checked."""
    if value <= 0:
        return refuse("AMOUNT_NOT_POSITIVE", f"expected an amount above zero, it was {value}", amount=value)
    if value % CENT:
        return refuse("AMOUNT_OVER_PRECISE", f"expected whole cents, it was {value}", amount=value)
    return None


def cash(account: Account, needed: Decimal) -> Refusal | None:
    if needed <= account.cash:
        return None
    return refuse(
        "CASH_INSUFFICIENT",
        f"expected at most the free cash of {account.cash} {account.currency}, it needs {needed}",
        needed=needed,
        free=account.cash,
        held=account.held_cash,
        currency=account.currency,
    )


def same_currency(account: Account, currency: str) -> Refusal | None:
    """Whether it is the account's currency."""
    if currency == account.currency:
        return None
    return refuse(
        "CURRENCY_MISMATCH",
        f"expected the account's currency {account.currency}, it was {clean(currency)}",
        expected=account.currency,
        actual=currency,
    )


def units(account: Account, symbol: str, quantity: Decimal) -> Refusal | None:
    """Whether that many units are free to be sold."""
    position = account.position(symbol)
    if quantity <= position.free:
        return None
    return refuse(
        "POSITION_INSUFFICIENT",
        f"expected at most the {position.free} free units of {symbol}, it was {quantity}",
        symbol=symbol,
        quantity=quantity,
        free=position.free,
        held=position.held,
    )


# Reports


def trigger(report: ReportTriggered, terms: OrderTerms) -> Refusal | None:
    """A trigger as such: of an order that has a stop, by a price that can be computed with."""
    if terms.has_trigger and is_sound(report.price) and report.price > 0:
        return None
    return refuse(
        "TRIGGER_INVALID",
        f"expected an order with a stop and a price above zero, they were {terms.order_type} and {clean(report.price)}",
        order_type=terms.order_type,
        price=report.price,
    )


def fill(report: ReportFilled, leaves: Decimal, instrument: Instrument | None) -> Refusal | None:
    """A fill as such. A fee below zero is a rebate. Whether the cash suffices is no question: it has happened."""
    return figures(report.quantity, report.price, report.fee, leaves, instrument)


def figures(
    quantity: Decimal, price: Decimal, fee: Decimal, leaves: Decimal, instrument: Instrument | None
) -> Refusal | None:
    """The figures of a fill, as they were reported or as they are corrected. leaves: what it can be at most."""
    refusal = number("FILL", quantity) or number("FILL", price) or number("FILL", fee)
    if refusal is not None:
        return refusal
    if quantity <= 0 or price <= 0:
        return refuse(
            "FILL_NOT_POSITIVE",
            f"expected quantity and price above zero, they were {quantity} and {price}",
            quantity=quantity,
            price=price,
        )
    if quantity > leaves:
        return refuse(
            "FILL_EXCEEDS_LEAVES",
            f"expected at most the leaves quantity of {leaves}, it was {quantity}",
            quantity=quantity,
            leaves=leaves,
        )
    if instrument is not None and quantity % instrument.quantity_increment:
        return refuse(
            "FILL_OVER_PRECISE",
            f"expected a multiple of {instrument.quantity_increment}, it was {quantity}",
            quantity=quantity,
            increment=instrument.quantity_increment,
        )
    return None
