"""From target weights to orders: a pure function of the account, the marks and the wish.

    equity   = free cash + sum of quantity x mark
    drift    = | quantity x mark / equity - weight |        left alone when it is within the band
    quantity = (weight x equity - quantity x mark) / mark   towards zero, in whole quantity increments

Sales come before purchases, each in the order of symbols. Purchases are for what cash there will be if every sale fills
at its worst price and every purchase, too, fees and commissions included: in the order of symbols each gets what it
wants as far as the cash goes. So the plan can always be carried out, and whoever computes it from the same state gets
the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

import msgspec

from domain import ids, numbers
from domain.account import Account
from domain.catalog import Catalog
from domain.checks import Refusal, refuse
from domain.commands import PlanRebalance
from domain.currencies import minor_unit
from domain.fees import Tally, most_of_purchase
from domain.market import Instrument
from domain.numbers import ONE, ZERO, is_sound, plain
from domain.terms import OrderTerms
from domain.world import World

STRATEGY = "rebalance"
SYMBOLS_MAX = 500


class Draft(NamedTuple):
    """What a plan would be. equity, marks: see the module's docstring."""

    equity: Decimal
    marks: dict[str, Decimal]
    orders: tuple[OrderTerms, ...]


def draft(account: Account, command: PlanRebalance, world: World) -> Draft | Refusal:
    """The plan, or why there can be none. Called inside the exact decimal context."""
    refusal = check_wish(command, world.catalog) or _state(account, command) or _long_and_base(account, command, world)
    if refusal is not None:
        return refusal
    held = {symbol for symbol, position in account.positions.items() if position.quantity}
    symbols = sorted(held | command.weights.keys())
    missing = [symbol for symbol in symbols if symbol not in world.marks]
    if missing:
        return refuse(
            "MARK_MISSING", f"expected a mark of each symbol, there is none of {', '.join(missing)}", symbol=missing[0]
        )
    marks = {symbol: world.marks[symbol].price for symbol in symbols}
    equity = account.cash + sum((account.position(s).quantity * marks[s] for s in symbols), ZERO)
    if equity <= 0:
        return refuse("WEIGHTS_INVALID", f"expected an equity above zero, it was {equity}", equity=equity)
    wanted = {symbol: _change(account, command, equity, symbol, marks[symbol], world) for symbol in symbols}
    orders = _orders(account, command, wanted, marks, world)
    return _as_shown(command, orders) or Draft(equity, marks, orders)


def digest_of(orders: Iterable[OrderTerms]) -> str:
    """What a preview gives and a command names, so that nothing is carried out but what was shown: 32 hex digits.

    Of symbols, sides, quantities and worst prices; the ids of the orders come with the command.
    """
    lines = [f"{each.symbol} {each.side} {plain(each.quantity)} {each.protection_price}" for each in orders]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def _as_shown(command: PlanRebalance, orders: tuple[OrderTerms, ...]) -> Refusal | None:
    actual = digest_of(orders)
    if command.expected_orders is None or command.expected_orders == actual:
        return None
    return refuse(
        "PLAN_CHANGED",
        "expected the orders that were shown; prices have moved since, and they would be others now",
        expected=command.expected_orders,
        actual=actual,
    )


def check_wish(command: PlanRebalance, catalog: Catalog) -> Refusal | None:
    """The weights as such."""
    if len(command.weights) > SYMBOLS_MAX:
        text = f"expected at most {SYMBOLS_MAX} symbols, there were {len(command.weights)}"
        return refuse("WEIGHTS_INVALID", text, symbols=len(command.weights))
    for symbol, weight in {**command.weights, "cash_weight": command.cash_weight}.items():
        if not is_sound(weight) or weight < 0:
            text = f"expected a weight of zero or above for {symbol}, it was {weight}"
            return refuse("WEIGHTS_INVALID", text, symbol=symbol, weight=weight)
        if symbol != "cash_weight" and symbol not in catalog:
            return refuse(
                "INSTRUMENT_UNKNOWN", f"expected a symbol that is traded here, it was {symbol!r}", symbol=symbol
            )
    total = sum(command.weights.values(), command.cash_weight)
    if total != ONE:
        text = f"expected weights and cash_weight to sum to 1, they sum to {total}"
        return refuse("WEIGHTS_INVALID", text, total=total)
    for name in ("drift_band", "allowance"):
        share: Decimal = getattr(command, name)
        if not is_sound(share) or not 0 <= share < 1:
            text = f"expected {name} to be a share of one, it was {share}"
            return refuse("WEIGHTS_INVALID", text, **{name: share})
    return None


def _state(account: Account, command: PlanRebalance) -> Refusal | None:
    """Whether the account is as the sender saw it, and idle."""
    if command.expected_version is not None and command.expected_version != account.version:
        return refuse(
            "PORTFOLIO_CHANGED",
            f"expected account version {command.expected_version}, it is {account.version}",
            expected=command.expected_version,
            actual=account.version,
        )
    if account.plans:
        active = next(iter(account.plans))
        return refuse("PLAN_ACTIVE", f"expected no plan under way, {active} is", plan_id=active)
    if account.orders:
        text = f"expected no open orders, there are {len(account.orders)}: cancel them first"
        return refuse("PORTFOLIO_ORDERS_OPEN", text, orders=len(account.orders))
    return None


def _long_and_base(account: Account, command: PlanRebalance, world: World) -> Refusal | None:
    """Whether all that counts is long, and in the account's base currency: weights are of one equity."""
    for symbol in sorted(account.positions.keys() | command.weights.keys()):
        position = account.position(symbol)
        if position.short_quantity:
            text = f"expected long positions, {symbol} is short by {position.short_quantity}"
            return refuse("POSITION_SHORT", text, symbol=symbol, short_quantity=position.short_quantity)
        currency = world.catalog[symbol].currency if symbol in command.weights else position.currency
        if currency != account.currency and (symbol in command.weights or position.quantity):
            text = f"expected instruments in {account.currency}, {symbol} is in {currency}"
            return refuse("CURRENCY_MISMATCH", text, expected=account.currency, actual=currency, symbol=symbol)
    return None


def _change(
    account: Account, command: PlanRebalance, equity: Decimal, symbol: str, mark: Decimal, world: World
) -> Decimal:
    """Units to buy (above zero) or to sell, in whole increments; zero within the band."""
    value = account.position(symbol).quantity * mark
    target = command.weights.get(symbol, ZERO) * equity
    if abs(value - target) <= command.drift_band * equity:
        return ZERO
    increment = world.catalog[symbol].quantity_increment
    return numbers.whole_steps(target - value, mark * increment) * increment


def _orders(
    account: Account,
    command: PlanRebalance,
    wanted: Mapping[str, Decimal],
    marks: Mapping[str, Decimal],
    world: World,
) -> tuple[OrderTerms, ...]:
    """Sales, then purchases, each with its worst price."""
    sales: list[OrderTerms] = []
    purchases: list[OrderTerms] = []
    cash = account.cash
    fee = ONE + account.fee_bps.scaleb(-4)
    for symbol, change in wanted.items():
        if change < 0:
            worst = _worst(marks[symbol], ONE - command.allowance, world.catalog[symbol], ROUND_CEILING)
            quantity = min(-change, account.position(symbol).free)
            if quantity > 0:
                sales.append(_order(command, symbol, "SELL", quantity, worst))
                cash += quantity * worst * (ONE - account.fee_bps.scaleb(-4)) - _commission(account, quantity, worst)
    for symbol, change in wanted.items():
        if change > 0:
            instrument = world.catalog[symbol]
            worst = _worst(marks[symbol], ONE + command.allowance, instrument, ROUND_FLOOR)
            step = instrument.quantity_increment
            quantity = min(change, numbers.whole_steps(max(ZERO, cash), worst * fee * step) * step)
            most = max(ZERO, cash - _commission(account, quantity, worst))
            quantity = min(quantity, numbers.whole_steps(most, worst * fee * step) * step)
            while quantity > 0 and account.hold_for(quantity, worst) + _commission(account, quantity, worst) > cash:
                quantity -= step
            if quantity > 0:
                purchases.append(_order(command, symbol, "BUY", quantity, worst))
                cash -= account.hold_for(quantity, worst) + _commission(account, quantity, worst)
    return (*sales, *purchases)


def _commission(account: Account, quantity: Decimal, price: Decimal) -> Decimal:
    """The most that an order of its own can be charged at this price."""
    if account.fee_schedule is None:
        return ZERO
    return most_of_purchase(Tally(schedule=account.fee_schedule), quantity, price, minor_unit(account.currency))


def _worst(mark: Decimal, factor: Decimal, instrument: Instrument, rounding: str) -> Decimal:
    """The worst price, on the instrument's increment, within the allowance; at least one increment."""
    step = instrument.price_increment
    steps = numbers.whole_steps(mark * factor, step, rounding)
    return max(step, steps * step)


def _order(command: PlanRebalance, symbol: str, side: str, quantity: Decimal, worst: Decimal) -> OrderTerms:
    client_id = ids.derive("rb", command.plan_id, symbol)
    return msgspec.convert(
        {
            "order_id": ids.order_id(command.account_id, client_id),
            "client_order_id": client_id,
            "symbol": symbol,
            "side": side,
            "order_type": "MARKET",
            "quantity": quantity,
            "protection_price": worst,
            "strategy_id": STRATEGY,
        },
        OrderTerms,
    )
