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
from domain.numbers import ZERO, cents
from domain.orders import Order


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


def dividend(account: Account, command: PayDividend, now_us: int, _: Catalog) -> LedgerEvent:
    quantity = command.quantity_of_record
    if quantity is None:
        quantity = account.position(command.symbol).quantity
    if not quantity:
        return rejected(command, operator_checks.nothing_there(command.symbol), now_us)
    gross = cents(quantity * command.per_unit)
    withheld = cents(max(gross, ZERO) * command.withholding_bps.scaleb(-4))
    return account.record(
        DividendPaid,
        now_us,
        postings=journal_corporate.dividend(account.currency, command.symbol, gross, withheld),
        symbol=command.symbol,
        per_unit=command.per_unit,
        market_time_us=command.market_time_us,
        quantity_of_record=command.quantity_of_record,
        withholding_bps=command.withholding_bps,
        quantity=quantity,
        gross=gross,
        withheld=withheld,
        **named(command),
    )


def split(account: Account, command: SplitShares, now_us: int, catalog: Catalog) -> LedgerEvent:
    symbol, position = command.symbol, account.position(command.symbol)
    orders = open_orders(account, symbol)
    refusal = (
        _traded(symbol, catalog)
        or (None if position.quantity or orders else operator_checks.nothing_there(symbol))
        or _unplanned(account, symbol)
        or operator_checks.lots_listed(account, symbol, len(position.lots))
    )
    if refusal is not None:
        return rejected(command, refusal, now_us)
    increment = catalog[symbol].quantity_increment
    lots = trades.copy_of(position.lots)
    left = trades.split(lots, command.numerator, command.denominator, increment, command.cash_in_lieu_price)
    new_quantity = sum((lot.quantity for lot in lots), ZERO)
    change = Change(new_quantity - position.quantity, left.cash, left.realized_pnl)
    return account.record(
        SharesSplit,
        now_us,
        postings=journal_corporate.restatement(account.currency, symbol, change),
        symbol=symbol,
        numerator=command.numerator,
        denominator=command.denominator,
        market_time_us=command.market_time_us,
        cash_in_lieu_price=command.cash_in_lieu_price,
        quantity_increment=increment,
        old_quantity=position.quantity,
        new_quantity=new_quantity,
        lieu_quantity=left.quantity,
        lieu_cash=left.cash,
        realized_pnl=left.realized_pnl,
        lots=trades.states(lots),
        linked=cancels(orders),
        **named(command),
    )


def change_symbol(account: Account, command: ChangeSymbol, now_us: int, catalog: Catalog) -> LedgerEvent:
    old, new, position = command.symbol, command.new_symbol, account.position(command.symbol)
    orders = open_orders(account, old)
    refusal = (
        _traded(new, catalog)
        or checks.same_currency(account, catalog[new].currency)
        or (None if position.quantity or orders else operator_checks.nothing_there(old))
        or _unplanned(account, old)
        or _unused(account, new)
    )
    if refusal is not None:
        return rejected(command, refusal, now_us)
    return account.record(
        SymbolChanged,
        now_us,
        postings=journal_corporate.renaming(account.currency, old, new, position.free, position.held, position.cost),
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
        **named(command),
    )


def delist(account: Account, command: DelistInstrument, now_us: int, _: Catalog) -> LedgerEvent:
    symbol, position = command.symbol, account.position(command.symbol)
    orders = open_orders(account, symbol)
    refusal = None if position.quantity or orders else operator_checks.nothing_there(symbol)
    refusal = refusal or _unplanned(account, symbol)
    if refusal is not None:
        return rejected(command, refusal, now_us)
    payout = trades.pay_out(trades.copy_of(position.lots), command.price)
    change = Change(-payout.quantity, payout.proceeds, payout.realized_pnl)
    return account.record(
        InstrumentDelisted,
        now_us,
        postings=journal_corporate.restatement(account.currency, symbol, change),
        symbol=symbol,
        price=command.price,
        market_time_us=command.market_time_us,
        quantity=payout.quantity,
        proceeds=payout.proceeds,
        realized_pnl=payout.realized_pnl,
        linked=cancels(orders),
        **named(command),
    )


def _traded(symbol: str, catalog: Catalog) -> Refusal | None:
    if symbol in catalog:
        return None
    expected = checks.clean(", ".join(sorted(catalog)))
    return refuse("INSTRUMENT_UNKNOWN", f"expected one of {expected}; it was {symbol!r}", symbol=symbol)


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
    if not position.lots and not open_orders(account, symbol) and not remembered:
        return None
    text = f"expected neither units, open orders nor remembered fills of {symbol}, there are some"
    return refuse("SYMBOL_IN_USE", text, symbol=symbol, quantity=position.quantity)


DECISIONS: dict[type[Command], Callable[[Account, Any, int, Catalog], LedgerEvent]] = {
    PayDividend: dividend,
    SplitShares: split,
    ChangeSymbol: change_symbol,
    DelistInstrument: delist,
}
