"""Checks of what is asked of a desk, and of orders that it has killed: a Refusal or None."""

from __future__ import annotations

from domain import limit_checks
from domain.catalog import Catalog
from domain.checks import Refusal, clean, number, refuse
from domain.commands import DeskCommand, HaltTrading, MarkPrices, ResumeTrading, SetDeskLimits
from domain.currencies import is_currency
from domain.desk import Desk
from domain.orders import Order
from domain.world import MarkedPrice

MARKS_MAX = 1_000


def killed(order: Order | None, desk: Desk) -> Refusal | None:
    """Whether an order is beyond being replaced; None also for one that is not open."""
    if order is None or not desk.kills(order):
        return None
    text = "expected an order that goes on, a halt of its trading has killed it: it is being cancelled"
    return refuse("ORDER_KILLED", text, order_id=order.terms.order_id, desk_version=order.desk_version)


def key(desk: Desk, command: DeskCommand) -> Refusal | None:
    """Each partition has one desk, whose key is the ledger's to know."""
    if command.account_id == desk.id:
        return None
    text = f"expected this partition's desk {desk.id!r}, it was {command.account_id!r}"
    return refuse("DESK_UNKNOWN", text, expected=desk.id, actual=command.account_id)


def form(command: DeskCommand, catalog: Catalog) -> Refusal | None:
    """What makes a desk's command one that can be stored and computed with: scope, who, why, figures."""
    match command:
        case MarkPrices():
            return marks(command.marks, catalog)
        case SetDeskLimits():
            return _scope(command, command.set_by) or limit_checks.limits(command.limits)
        case HaltTrading() | ResumeTrading():
            return _scope(command, command.by)
    raise TypeError(f"{type(command).__name__} has no checks")


def _scope(command: SetDeskLimits | HaltTrading | ResumeTrading, person: str) -> Refusal | None:
    return limit_checks.scope(command.scope, strategy_id=command.strategy_id) or limit_checks.who_and_why(
        person, command.reason
    )


def marks(given: tuple[MarkedPrice, ...], catalog: Catalog) -> Refusal | None:
    symbols = {one.symbol for one in given}
    if not 0 < len(given) <= MARKS_MAX or len(symbols) < len(given):
        text = f"expected 1 to {MARKS_MAX} marks, one of a symbol; there are {len(given)} of {len(symbols)} symbols"
        return refuse("MARKS_INVALID", text, marks=len(given), symbols=len(symbols))
    for one in given:
        if one.symbol not in catalog and not is_pair(one.symbol):
            text = f"expected a symbol that may be traded or a currency pair, it was {clean(one.symbol)}"
            return refuse("INSTRUMENT_UNKNOWN", text, symbol=one.symbol)
        refusal = number("PRICE", one.price)
        if refusal is not None:
            return refusal
        if one.price <= 0:
            text = f"expected a price above zero for {one.symbol}, it was {one.price}"
            return refuse("PRICE_NOT_POSITIVE", text, symbol=one.symbol, price=one.price)
    return None


def is_pair(symbol: str) -> bool:
    """Whether it is a currency pair such as EUR/USD."""
    first, slash, second = symbol.partition("/")
    return bool(slash) and is_currency(first) and is_currency(second) and first != second
