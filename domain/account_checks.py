"""The form of commands on accounts: what can be checked without an account. Each gives a Refusal or None."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from domain import checks
from domain.account_terms import FeeSchedule, MarginTerms
from domain.checks import Refusal, refuse
from domain.commands import Command, ConvertCash, GrantLocate, OpenAccount, SetFeeSchedule
from domain.currencies import is_currency, minor_unit
from domain.numbers import COST_STEP, ONE, ZERO, is_sound

CURRENCIES_MAX = 32
BPS_MAX = Decimal(10_000)


def form(command: Command) -> Refusal | None:
    """What domain.forms leaves to this module."""
    check = _FORMS.get(type(command))
    return None if check is None else check(command)


def opening(command: OpenAccount) -> Refusal | None:
    """The currencies besides the base, the margin terms and the fee schedule."""
    everything = (command.currency, *command.currencies)
    if len(set(everything)) != len(everything) or len(everything) > CURRENCIES_MAX:
        text = f"expected at most {CURRENCIES_MAX} different currencies, the base currency among them"
        return refuse("CURRENCY_INVALID", text, currencies=" ".join(everything))
    for currency in command.currencies:
        if not is_currency(currency):
            return refuse("CURRENCY_INVALID", "expected three capital letters (ISO 4217)", currency=currency)
    if command.margin is not None and (refusal := margin_terms(command.margin)):
        return refusal
    return None if command.fee_schedule is None else fee_schedule(command.fee_schedule)


def margin_terms(terms: MarginTerms) -> Refusal | None:
    """Each part is above zero and not above the whole; what keeps a position is not more than what opens it."""
    for name in terms.__struct_fields__:
        part: Decimal = getattr(terms, name)
        if not _within(part, COST_STEP, ONE) or part % COST_STEP:
            text = f"expected {name} from 0.0001 to 1 with at most 4 decimals, it was {checks.clean(part)}"
            return refuse("MARGIN_INVALID", text, **{name: part})
    if terms.long_maintenance > terms.long_initial or terms.short_maintenance > terms.short_initial:
        text = "expected maintenance margin not above initial margin"
        return refuse("MARGIN_INVALID", text, **{name: getattr(terms, name) for name in terms.__struct_fields__})
    return None


def fee_schedule(schedule: FeeSchedule) -> Refusal | None:
    """Amounts are not below zero; rates, added up, take no more than all of the value and give none of it away."""
    for name in ("per_order", "per_unit", "order_minimum"):
        amount: Decimal | None = getattr(schedule, name)
        if amount is not None and not (is_sound(amount) and amount >= 0):
            return _schedule(name, amount, "not below zero, at most 15 integer digits and 18 decimals")
    for name in ("bps", "maker_bps", "taker_bps", "order_cap_bps"):
        rate: Decimal | None = getattr(schedule, name)
        if rate is not None and (not _within(rate, -BPS_MAX, BPS_MAX) or rate % COST_STEP):
            return _schedule(name, rate, "from -10,000 to 10,000 basis points with at most 4 decimals")
    if schedule.bps < 0:
        return _schedule("bps", schedule.bps, "not below zero")
    if schedule.order_cap_bps is not None and schedule.order_cap_bps <= 0:
        return _schedule("order_cap_bps", schedule.order_cap_bps, "above zero")
    for name in ("maker_bps", "taker_bps"):
        own: Decimal = getattr(schedule, name)
        if not _within(schedule.bps + own, -BPS_MAX, BPS_MAX):
            return _schedule(name, own, "with bps at most 10,000 basis points")
    return None


def schedule_change(command: SetFeeSchedule) -> Refusal | None:
    refusal = _texts(changed_by=command.changed_by, reason=command.reason)
    if refusal is None and command.fee_schedule is not None:
        refusal = fee_schedule(command.fee_schedule)
    return refusal


def conversion(command: ConvertCash) -> Refusal | None:
    """Texts and numbers, and that both amounts are above zero and whole."""
    refusal = (
        _texts(source=command.source)
        or checks.number("AMOUNT", command.amount)
        or checks.number("RATE", command.rate)
        or checks.amount_alone(command.amount, command.from_currency)
    )
    if refusal is not None:
        return refusal
    if command.from_currency == command.to_currency:
        text = f"expected two currencies, both were {checks.clean(command.to_currency)}"
        return refuse("CONVERSION_SAME_CURRENCY", text, currency=command.to_currency)
    if command.rate <= 0 or command.amount * command.rate < minor_unit(command.to_currency):
        text = f"expected a rate that gives at least {minor_unit(command.to_currency)}, it was {command.rate}"
        return refuse("RATE_NOT_POSITIVE", text, rate=command.rate, amount=command.amount)
    return None


def locate(command: GrantLocate) -> Refusal | None:
    refusal = _texts(symbol=command.symbol, granted_by=command.granted_by, reason=command.reason)
    refusal = refusal or checks.number("QUANTITY", command.quantity)
    if refusal is not None:
        return refusal
    if command.quantity <= 0:
        text = f"expected a quantity above zero, it was {command.quantity}"
        return refuse("QUANTITY_NOT_POSITIVE", text, quantity=command.quantity)
    fee = command.fee_bps_per_year
    if fee is not None and not (is_sound(fee) and fee >= ZERO):
        return refuse("FEE_INVALID", f"expected basis points not below zero, it was {checks.clean(fee)}", fee_bps=fee)
    return None


def _within(number: Decimal, least: Decimal, most: Decimal) -> bool:
    return is_sound(number) and least <= number <= most


def _schedule(name: str, value: Decimal, expected: str) -> Refusal:
    return refuse("FEE_SCHEDULE_INVALID", f"expected {name} {expected}, it was {checks.clean(value)}", **{name: value})


def _texts(**texts: str) -> Refusal | None:
    for name, text in texts.items():
        if not checks.is_text(text):
            return refuse("TEXT_INVALID", f"expected {name} to be 1 to 128 printable characters", **{name: text})
    return None


_FORMS: dict[type[Command], Callable[[Any], Refusal | None]] = {
    OpenAccount: opening,
    SetFeeSchedule: schedule_change,
    ConvertCash: conversion,
    GrantLocate: locate,
}
