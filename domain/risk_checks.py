"""The pre-trade checks of one order as such, of the flow of orders, and of who trades what. Each a Refusal or None.

EU 2017/589 (RTS 6) article 15(1): (a) price collars, (b) maximum order value, (c) maximum order volume, (d) maximum
messages. SEC rule 15c3-5(c)(1)(ii) names duplicates, (c)(2) restricted securities and persons.
"""

from __future__ import annotations

from domain import checks
from domain.checks import Refusal
from domain.fingerprints import duplicate_key
from domain.numbers import ONE
from domain.risk_book import WHOLE_ACCOUNT
from domain.risk_case import Case, exceeded, no_mark
from domain.scopes import Effective, Scope, origin


def restricted(case: Case) -> Refusal | None:
    symbol = case.terms.symbol
    for scope in case.scopes:
        if symbol in scope.limits.restricted_symbols:
            return checks.refuse(
                "INSTRUMENT_RESTRICTED",
                f"expected an instrument that is not on the restricted list of the {scope.name.lower()} limits, "
                f"version {scope.version}; it was {symbol}",
                symbol=symbol,
                **origin(scope),
            )
    return None


def trader(case: Case) -> Refusal | None:
    who = case.terms.trader_id
    for scope in case.scopes:
        permitted = scope.limits.permitted_traders
        if permitted and who not in permitted:
            return checks.refuse(
                "TRADER_NOT_PERMITTED",
                f"expected one of the {len(permitted)} traders of the {scope.name.lower()} limits, "
                f"version {scope.version}; it was {'nobody' if who is None else checks.clean(who)}",
                trader_id="" if who is None else who,
                **origin(scope),
            )
    return None


def order_quantity(case: Case) -> Refusal | None:
    limit = case.limit("order_quantity_max")
    if limit is None or case.terms.quantity <= limit.value:
        return None
    return exceeded("ORDER_QUANTITY_EXCEEDED", "a quantity", case.terms.quantity, limit, symbol=case.terms.symbol)


def order_value(case: Case) -> Refusal | None:
    """Quantity x worst price, or x mark where any price will do; in the instrument's currency."""
    code, terms = "ORDER_VALUE_EXCEEDED", case.terms
    limit = case.limit("order_value_max")
    if limit is None:
        return None
    price = terms.worst_price
    if price is None:
        mark = case.world.marks.get(terms.symbol)
        if mark is None:
            return no_mark(code, terms.symbol, limit)
        price = mark.price
    value = terms.quantity * price
    if value <= limit.value:
        return None
    return exceeded(code, "a value", value, limit, symbol=terms.symbol, quantity=terms.quantity, price=price)


def price_collar(case: Case) -> Refusal | None:
    """Each price it has, on the side that costs. An order that would take any price is beyond every collar."""
    code, terms = "PRICE_COLLAR_EXCEEDED", case.terms
    limit = case.limit("price_collar_bps")
    if limit is None:
        return None
    mark = case.world.marks.get(terms.symbol)
    if mark is None:
        return no_mark(code, terms.symbol, limit)
    width = limit.value.scaleb(-4)
    bound = mark.price * (ONE - width if terms.is_sale else ONE + width)
    if terms.worst_price is None:
        return _beyond_collar(case, limit, "price", "none")
    for name in ("limit_price", "stop_price", "protection_price"):
        price = getattr(terms, name)
        if price is not None and (price < bound if terms.is_sale else price > bound):
            return _beyond_collar(case, limit, name, price)
    return None


def _beyond_collar(case: Case, limit: Effective, name: str, price: object) -> Refusal:
    mark = case.world.marks[case.terms.symbol].price
    side = "below" if case.terms.is_sale else "above"
    return checks.refuse(
        "PRICE_COLLAR_EXCEEDED",
        f"expected a {name} at most {limit.value} basis points {side} the mark of {mark} "
        f"({limit.scope.name.lower()} limits, version {limit.scope.version}), it was {price}",
        **{name: price},
        symbol=case.terms.symbol,
        mark=mark,
        limit=limit.value,
        **limit.origin,
    )


def message_rate(case: Case) -> Refusal | None:
    """Orders, replacements and cancels recorded within the window before this one: of a strategy's limits its own."""
    for scope in case.scopes:
        limit = scope.limits.message_rate_max
        if limit is None:
            continue
        times = case.account.risk.messages.get(_whose(case, scope), ())
        since_us = case.now_us - scope.limits.message_rate_window_us
        room = limit - case.legs_of(scope)  # each order of a group is a message
        if room < 1 or (len(times) >= room and times[-room] > since_us):
            return checks.refuse(
                "MESSAGE_RATE_EXCEEDED",
                f"expected at most {limit} messages within {scope.limits.message_rate_window_us} us "
                f"({scope.name.lower()} limits, version {scope.version}), it would be one more",
                limit=limit,
                window_us=scope.limits.message_rate_window_us,
                **origin(scope),
            )
    return None


def _whose(case: Case, scope: Scope) -> str:
    """The key of the messages that a scope's limits count."""
    if scope.name in ("STRATEGY", "DESK_STRATEGY"):
        assert case.terms.strategy_id is not None
        return case.terms.strategy_id
    return WHOLE_ACCOUNT


def duplicate(case: Case) -> Refusal | None:
    """No second order of the same content within the longest window that holds for it; refused ones do not count."""
    if case.replacing is not None:
        return None
    windows = [scope for scope in case.scopes if scope.limits.duplicate_window_us is not None]
    if not windows:
        return None
    key = duplicate_key(case.terms)
    last_us = case.account.risk.recent_orders.get(key)
    if any(duplicate_key(leg) == key for leg in case.beside):
        last_us = case.now_us
    if last_us is None:
        return None
    scope = max(windows, key=lambda one: one.limits.duplicate_window_us or 0)
    window_us = scope.limits.duplicate_window_us
    assert window_us is not None
    if case.now_us - last_us >= window_us:
        return None
    return checks.refuse(
        "ORDER_DUPLICATE",
        f"expected no second order of the same content within {window_us} us ({scope.name.lower()} limits, "
        f"version {scope.version}), the last one was {case.now_us - last_us} us ago",
        symbol=case.terms.symbol,
        window_us=window_us,
        since_us=case.now_us - last_us,
        **origin(scope),
    )


def open_orders(case: Case) -> Refusal | None:
    """Working orders at once, of a strategy's limits its own."""
    if case.replacing is not None:
        return None
    for scope in case.scopes:
        limit = scope.limits.open_orders_max
        if limit is None:
            continue
        working = len(case.account.orders)
        if scope.name in ("STRATEGY", "DESK_STRATEGY"):
            own = case.terms.strategy_id
            working = sum(1 for order in case.account.orders.values() if order.terms.strategy_id == own)
        working += 1 + case.legs_of(scope)
        if working > limit:
            return checks.refuse(
                "OPEN_ORDERS_EXCEEDED",
                f"expected at most {limit} working orders ({scope.name.lower()} limits, version {scope.version}), "
                f"it would be {working}",
                limit=limit,
                actual=working,
                **origin(scope),
            )
    return None
