"""How corporate actions change the account."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from domain import events, trades
from domain.fingerprints import operator_content, reference_key
from domain.folds import links
from domain.funds import Funds
from domain.history import Delisting, Split
from domain.lots import Position, Stock, restate

if TYPE_CHECKING:
    from domain.account import Account


def remember(account: Account, command_type: str, event: events.OperatorEvent) -> None:
    """That an operator's command was carried out, by its own id and by its reference."""
    content = operator_content(command_type, event)
    account.remember_command(event.command_id, content, event.timestamp)
    account.remember_reference(reference_key(command_type, event), content, event.timestamp)


def dividend_paid(account: Account, event: events.DividendPaid) -> None:
    account.funds[event.currency or account.currency].free += event.gross - event.withheld
    remember(account, "PayDividend", event)


def split(account: Account, event: events.SharesSplit) -> None:
    currency = event.currency or account.currency
    position = account.positions.setdefault(event.symbol, Position(currency=currency))
    restate(position, trades.of_states(event.lots))
    _realize(account.funds[currency], position, event.lieu_cash, event.realized_pnl)
    entry = Split(
        recorded_at_us=event.timestamp,
        symbol=event.symbol,
        account_version=event.originator_version,
        numerator=event.numerator,
        denominator=event.denominator,
        increment=event.quantity_increment,
        cash_in_lieu_price=event.cash_in_lieu_price,
        market_time_us=event.market_time_us,
        currency=currency,
    )
    account.history.append(entry)
    links.apply(account, event.linked, event.timestamp)
    remember(account, "SplitShares", event)


def symbol_changed(account: Account, event: events.SymbolChanged) -> None:
    old, new = event.symbol, event.new_symbol
    links.apply(account, event.linked, event.timestamp)
    for order_id in event.orders:
        order = account.orders.get(order_id)
        if order is None:  # it waited for its parent, and is void
            continue
        order.terms = msgspec.structs.replace(order.terms, symbol=new)
        if order.replacement is not None:
            order.replacement = msgspec.structs.replace(order.replacement, symbol=new)
    moved = account.positions.pop(old, None) or Position()
    before = account.positions.get(new)
    if before is not None:  # of an earlier instrument of that symbol; nothing of it is held any more
        moved.realized_pnl += before.realized_pnl
        moved.fees += before.fees
    account.positions[new] = moved
    if old in account.bases:
        account.bases[new] = account.bases.pop(old)
    for entry in account.history:
        if entry.symbol == old:
            entry.symbol = new
    for locate in account.locates.values():
        if locate.symbol == old:
            locate.symbol = new
    remember(account, "ChangeSymbol", event)


def delisted(account: Account, event: events.InstrumentDelisted) -> None:
    currency = event.currency or account.currency
    position = account.positions.setdefault(event.symbol, Position(currency=currency))
    restate(position, Stock())
    _realize(account.funds[currency], position, event.proceeds, event.realized_pnl)
    entry = Delisting(
        recorded_at_us=event.timestamp,
        symbol=event.symbol,
        account_version=event.originator_version,
        price=event.price,
        market_time_us=event.market_time_us,
        currency=currency,
    )
    account.history.append(entry)
    links.apply(account, event.linked, event.timestamp)
    remember(account, "DelistInstrument", event)


def _realize(funds: Funds, position: Position, cash: Decimal, pnl: Decimal) -> None:
    funds.free += cash
    funds.realized_pnl += pnl
    position.realized_pnl += pnl
