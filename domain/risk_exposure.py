"""The pre-trade checks of what the account's positions may become. Each gives a Refusal or None.

They look into the direction of the order alone, so that an order that makes a position smaller passes, also when the
account is above a limit that was lowered, or that the market has carried it over. SEC rule 15c3-5(c)(1)(i).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from domain.checks import Refusal
from domain.numbers import ZERO
from domain.risk_case import Case, exceeded, no_mark
from domain.scopes import Effective
from domain.terms import OrderTerms


def position_quantity(case: Case) -> Refusal | None:
    """One symbol's position towards the order's side, in units."""
    limit = case.limit("position_quantity_max")
    if limit is None or not case.units():
        return None
    reached = case.reached()
    if reached <= limit.value:
        return None
    return exceeded("POSITION_LIMIT_EXCEEDED", "a position quantity", reached, limit, symbol=case.terms.symbol)


def position_value(case: Case) -> Refusal | None:
    """The same at the mark, in the instrument's currency."""
    code, symbol = "POSITION_LIMIT_EXCEEDED", case.terms.symbol
    limit = case.limit("position_value_max")
    if limit is None or not case.units():
        return None
    reached = case.reached()
    if reached <= 0:
        return None
    mark = case.world.marks.get(symbol)
    if mark is None:
        return no_mark(code, symbol, limit)
    value = reached * mark.price
    if value <= limit.value:
        return None
    return exceeded(code, "a position value", value, limit, symbol=symbol, quantity=reached, mark=mark.price)


def gross(case: Case) -> Refusal | None:
    """The sum over all symbols of the larger side at its mark, in the account's currency."""
    code = "EXPOSURE_GROSS_EXCEEDED"
    limit = case.limit("gross_exposure_max")
    if limit is None:
        return None
    largest, symbol = case.exposures().largest, case.terms.symbol
    more = case.reached() - largest.get(symbol, ZERO)
    if more <= 0:
        return None
    added = {symbol: more}
    for leg in _others(case):
        added[leg.symbol] = added.get(leg.symbol, ZERO) + leg.quantity
    return _within(case, code, "a gross exposure", limit, largest, added)


def net(case: Case) -> Refusal | None:
    """The sum over all symbols towards the order's side at their marks, in the account's currency."""
    code = "EXPOSURE_NET_EXCEEDED"
    limit = case.limit("net_exposure_max")
    if limit is None or not case.units():
        return None
    exposures = case.exposures()
    side = exposures.shortest if case.terms.is_sale else exposures.longest
    added = {case.terms.symbol: case.units()}
    for leg in _others(case):
        if leg.is_sale == case.terms.is_sale:
            added[leg.symbol] = added.get(leg.symbol, ZERO) + leg.quantity
    return _within(case, code, "a net exposure", limit, side, added)


def _others(case: Case) -> Iterable[OrderTerms]:
    """The legs beside the order that are of another symbol; those of its own are in Case.units."""
    return [leg for leg in case.together() if leg.symbol != case.terms.symbol]


def _within(
    case: Case, code: str, what: str, limit: Effective, units: Mapping[str, Decimal], added: Mapping[str, Decimal]
) -> Refusal | None:
    """Compare the sum of units at their marks with a limit. added: units that the order and its group bring."""
    total = _sum(case, units)
    if isinstance(total, str):
        return no_mark(code, total, limit)
    before = total
    for symbol, quantity in added.items():
        price = case.price_of(symbol)
        if price is None:
            return no_mark(code, symbol, limit)
        total += quantity * price
    if total <= limit.value:
        return None
    return exceeded(code, what, total, limit, before=before, symbol=case.terms.symbol)


def _sum(case: Case, units: Mapping[str, Decimal]) -> Decimal | str:
    """The units at their marks in the account's currency; the first symbol by name for which there is none.

    By name, for the order of `units` is none of the state's: another process may have another.
    """
    marks, catalog, currency = case.world.marks, case.world.catalog, case.account.currency
    total = ZERO
    for symbol, quantity in units.items():
        if not quantity:
            continue
        mark = marks.get(symbol)
        if mark is None:
            return _unpriced(case, units)
        instrument = catalog.get(symbol)
        if instrument is None or instrument.currency == currency:
            total += quantity * mark.price
            continue
        price = case.price_of(symbol)
        if price is None:
            return _unpriced(case, units)
        total += quantity * price
    return total


def _unpriced(case: Case, units: Mapping[str, Decimal]) -> str:
    return min(symbol for symbol, quantity in units.items() if quantity and case.price_of(symbol) is None)
