"""Decisions on what issuers do to positions. Each gives one event, or a refusal. See docs/adr/0023.

Open orders of the symbol are cancelled, as exchanges purge orders at the ex-date: the event names each (`linked`), and
the venue has the last word on it. What is set aside for them stays so until then, so free units may be below zero for
a while.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain import checks, journal_corporate, operator_checks, trades
from domain.account import Account
from domain.catalog import Catalog
from domain.checks import Refusal, refuse
from domain.commands import ChangeSymbol, Command, DelistInstrument, OperatorCommand, PayDividend, SplitShares
from domain.currencies import minor_unit
from domain.decide_cash import rejected
from domain.events import (
    DividendPaid,
    InstrumentDelisted,
    LedgerEvent,
    LinkedOrder,
    SharesSplit,
    SymbolChanged,
)
from domain.journal_corporate import Change
from domain.lots import Position, copy_of
from domain.numbers import ZERO, nearest
from domain.orders import Order
from domain.world import World


def named(command: OperatorCommand) -> dict[str, Any]:
    """The fields that an event has of every operator's command."""
    return {
        "command_id": command.command_id,
        "actor": command.actor,
        "reason": command.reason,
        "reference": command.reference,
    }


def open_orders(account: Account, symbol: str) -> list[Order]:
    return [order for order in account.orders.values() if order.terms.symbol == symbol]


def cancels(orders: list[Order]) -> tuple[LinkedOrder, ...]:
    """What becomes of each open order: one that waits for its parent is void, others the venue is asked to cancel."""
    return tuple(
        LinkedOrder(
            order_id=order.terms.order_id,
            effect="CANCELED" if order.is_suspended else "CANCEL_REQUESTED",
            quantity=order.terms.quantity,
        )
        for order in orders
        if order.status != "PENDING_CANCEL"
    )


def dividend(account: Account, command: PayDividend, now_us: int, world: World) -> LedgerEvent:
    """To the long leg less withholding tax; the short leg pays it in whole."""
    position, currency = account.position(command.symbol), currency_of(account, command.symbol, world.catalog)
    if command.quantity_of_record is None:
        quantity, long = position.net_quantity, position.quantity
    else:
        quantity = long = command.quantity_of_record
    refusal = checks.held_currency(account, currency)
    if not quantity and not long:
        refusal = operator_checks.nothing_there(command.symbol)
    if refusal is not None:
        return rejected(command, refusal, now_us)
    unit = minor_unit(currency)
    gross = nearest(quantity * command.per_unit, unit)
    taxed = nearest(max(long, ZERO) * command.per_unit, unit)
    withheld = nearest(taxed * command.withholding_bps.scaleb(-4), unit)
    return account.record(
        DividendPaid,
        now_us,
        postings=journal_corporate.dividend(currency, command.symbol, gross, withheld),
        symbol=command.symbol,
        per_unit=command.per_unit,
        market_time_us=command.market_time_us,
        quantity_of_record=command.quantity_of_record,
        withholding_bps=command.withholding_bps,
        quantity=quantity,
        gross=gross,
        withheld=withheld,
        currency=currency,
        **named(command),
    )


def split(account: Account, command: SplitShares, now_us: int, world: World) -> LedgerEvent:
    symbol, position = command.symbol, account.position(command.symbol)
    orders = open_orders(account, symbol)
    refusal = (
        _traded(symbol, world.catalog)
        or _there(position, orders, symbol)
        or _unplanned(account, symbol)
        or operator_checks.lots_listed(account, symbol, len(position.lots) + len(position.short_lots))
    )
    if refusal is not None:
        return rejected(command, refusal, now_us)
    increment, currency = world.catalog[symbol].quantity_increment, currency_of(account, symbol, world.catalog)
    stock, price = copy_of(position), command.cash_in_lieu_price
    left = trades.split(stock, command.numerator, command.denominator, increment, price, minor_unit(currency))
    new_quantity = stock.quantity - stock.short_quantity
    moved = (new_quantity - position.net_quantity, left.cash, left.realized_pnl)
    change = Change(*moved, **journal_corporate.between(position, stock))
    return account.record(
        SharesSplit,
        now_us,
        postings=journal_corporate.restatement(currency, symbol, change),
        symbol=symbol,
        numerator=command.numerator,
        denominator=command.denominator,
        market_time_us=command.market_time_us,
        cash_in_lieu_price=command.cash_in_lieu_price,
        quantity_increment=increment,
        old_quantity=position.net_quantity,
        new_quantity=new_quantity,
        lieu_quantity=left.quantity,
        lieu_cash=left.cash,
        realized_pnl=left.realized_pnl,
        lots=trades.states(stock),
        linked=cancels(orders),
        currency=currency,
        **named(command),
    )


def change_symbol(account: Account, command: ChangeSymbol, now_us: int, world: World) -> LedgerEvent:
    old, new, position = command.symbol, command.new_symbol, account.position(command.symbol)
    orders = open_orders(account, old)
    refusal = (
        _traded(new, world.catalog)
        or checks.held_currency(account, world.catalog[new].currency)
        or _there(position, orders, old)
        or _same_currency(position, orders, world.catalog[new].currency)
        or _unplanned(account, old)
        or _unused(account, new)
    )
    if refusal is not None:
        return rejected(command, refusal, now_us)
    return account.record(
        SymbolChanged,
        now_us,
        postings=journal_corporate.renaming(old, new, position),
        symbol=old,
        new_symbol=new,
        market_time_us=command.market_time_us,
        quantity=position.quantity,
        held_quantity=position.held,
        cost=position.cost,
        realized_pnl=position.realized_pnl,
        fees=position.fees,
        orders=tuple(order.terms.order_id for order in orders),
        linked=cancels(orders),
        short_quantity=position.short_quantity,
        short_proceeds=position.short_proceeds,
        **named(command),
    )


def delist(account: Account, command: DelistInstrument, now_us: int, world: World) -> LedgerEvent:
    symbol, position = command.symbol, account.position(command.symbol)
    orders = open_orders(account, symbol)
    refusal = _there(position, orders, symbol) or _unplanned(account, symbol)
    if refusal is not None:
        return rejected(command, refusal, now_us)
    stock, currency = copy_of(position), currency_of(account, symbol, world.catalog)
    payout = trades.pay_out(stock, command.price, minor_unit(currency))
    moved = (-payout.quantity, payout.proceeds, payout.realized_pnl)
    change = Change(*moved, **journal_corporate.between(position, stock))
    return account.record(
        InstrumentDelisted,
        now_us,
        postings=journal_corporate.restatement(currency, symbol, change),
        symbol=symbol,
        price=command.price,
        market_time_us=command.market_time_us,
        quantity=payout.quantity,
        proceeds=payout.proceeds,
        realized_pnl=payout.realized_pnl,
        linked=cancels(orders),
        currency=currency,
        **named(command),
    )


def currency_of(account: Account, symbol: str, catalog: Catalog) -> str:
    """In which a position is kept; of a symbol without one as the catalog has it, which may know it no more."""
    instrument = catalog.get(symbol)
    return account.position(symbol).currency or (account.currency if instrument is None else instrument.currency)


def _there(position: Position, orders: list[Order], symbol: str) -> Refusal | None:
    """Whether there is anything that an action could be about."""
    if position.quantity or position.short_quantity or orders:
        return None
    return operator_checks.nothing_there(symbol)


def _same_currency(position: Position, orders: list[Order], currency: str) -> Refusal | None:
    """Whether what moves to a new symbol is of its currency already."""
    for own in (position.currency, *(order.currency for order in orders)):
        if own and own != currency:
            text = f"expected an instrument in {own}, as the old one, it is in {currency}"
            return refuse("CURRENCY_MISMATCH", text, expected=own, actual=currency)
    return None


def _traded(symbol: str, catalog: Catalog) -> Refusal | None:
    if symbol in catalog:
        return None
    return checks.unknown_instrument(symbol, catalog)


def _unplanned(account: Account, symbol: str) -> Refusal | None:
    """Whether no rebalance is yet to send orders of the symbol: those would be of the old units, at the old price."""
    for plan in account.plans.values():
        waits = (order for order in plan.orders if order.order_id not in plan.done | account.orders.keys())
        if not plan.canceled and any(order.symbol == symbol for order in waits):
            text = f"expected no rebalance that is yet to send orders of {symbol}; {plan.plan_id} is, cancel it first"
            return refuse("PLAN_IN_THE_WAY", text, symbol=symbol, plan_id=plan.plan_id)
    return None


def _unused(account: Account, symbol: str) -> Refusal | None:
    """Whether nothing of the account stands under a symbol that could be mixed up with what comes."""
    position = account.position(symbol)
    remembered = any(entry.symbol == symbol for entry in account.history)
    if not position.lots and not position.short_lots and not open_orders(account, symbol) and not remembered:
        return None
    text = f"expected neither units, open orders nor remembered fills of {symbol}, there are some"
    return refuse("SYMBOL_IN_USE", text, symbol=symbol, quantity=position.net_quantity)


DECISIONS: dict[type[Command], Callable[[Account, Any, int, World], LedgerEvent]] = {
    PayDividend: dividend,
    SplitShares: split,
    ChangeSymbol: change_symbol,
    DelistInstrument: delist,
}
