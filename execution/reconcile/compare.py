"""What differs between the ledger's picture of orders and executions and the venue's. Pure.

A difference of two pictures of different moments is not a break yet: see execution.reconcile.suspicions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from domain import checks, ids
from domain.breaks import BreakKind
from domain.numbers import ZERO, exact, plain
from execution.venue import VenueExecution, VenueOrder


class LedgerOrder(NamedTuple):
    """An order of the ledger. is_open: it may still fill. is_held: this venue has acknowledged it under its epoch.

    is_changing: a replacement is asked for and not answered, so either quantity is right.
    """

    order_id: str
    account_id: str
    symbol: str
    side: str
    status: str
    quantity: Decimal
    is_open: bool
    is_held: bool
    is_changing: bool


class LedgerFill(NamedTuple):
    """An execution in the books. is_due: this venue must have it among what it was asked for.

    at_us: when it happened on the clock by which the venue is asked, microseconds UTC.
    """

    execution_id: str
    order_id: str
    account_id: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    at_us: int
    is_due: bool


class LedgerSide(NamedTuple):
    """By id. orders: all that are open, and those that the venue names. fills: all that are due or that it names."""

    orders: Mapping[str, LedgerOrder]
    fills: Mapping[str, LedgerFill]


class VenueSide(NamedTuple):
    orders: Sequence[VenueOrder]
    executions: Sequence[VenueExecution]


class Difference(NamedTuple):
    """expected: what the ledger has; actual: what the venue has. account_id: None when the order is nobody's.

    at_us: when the execution happened, microseconds UTC; None for differences of orders.
    """

    kind: BreakKind
    order_id: str
    execution_id: str | None
    account_id: str | None
    symbol: str
    expected: str
    actual: str
    at_us: int | None = None

    @property
    def break_id(self) -> str:
        return ids.break_id(self.kind, self.order_id, self.execution_id)


def compare(ledger: LedgerSide, venue: VenueSide) -> dict[str, Difference]:
    """All differences by break id, each once."""
    found = [*_orders(ledger, venue.orders), *_executions(ledger, venue.executions)]
    return {difference.break_id: difference for difference in found}


def _orders(ledger: LedgerSide, at_venue: Iterable[VenueOrder]) -> Iterator[Difference]:
    working: dict[str, list[VenueOrder]] = {}
    for order in at_venue:
        working.setdefault(order.order_id, []).append(order)
    for order_id, parts in working.items():
        known = ledger.orders.get(order_id)
        if known is None or not known.is_open:
            has = "no such order" if known is None else _of_ledger(known)
            account_id = None if known is None else known.account_id
            symbol = (parts[0].symbol or (known.symbol if known else "")) or "?"
            yield _difference("ORDER_UNKNOWN_TO_LEDGER", order_id, account_id, symbol, has, _of_venue(parts))
        elif not known.is_changing and not _is_of_quantity(parts, known.quantity):
            yield _difference(
                "ORDER_QUANTITY_DIFFERS",
                order_id,
                known.account_id,
                known.symbol,
                _of_ledger(known),
                _of_venue(parts),
            )
    for known in ledger.orders.values():
        if known.is_open and known.is_held and known.order_id not in working:
            yield _difference(
                "ORDER_MISSING_AT_VENUE",
                known.order_id,
                known.account_id,
                known.symbol,
                _of_ledger(known),
                "no such open order",
            )


def _executions(ledger: LedgerSide, at_venue: Iterable[VenueExecution]) -> Iterator[Difference]:
    named: set[str] = set()
    for one in at_venue:
        named.add(one.execution_id)
        fill = ledger.fills.get(one.execution_id)
        if fill is None:
            order = ledger.orders.get(one.order_id)
            yield _difference(
                "EXECUTION_MISSING_IN_LEDGER",
                one.order_id,
                None if order is None else order.account_id,
                one.symbol or "?",
                "no such execution",
                _executed(one),
                one.execution_id,
                one.market_time_us,
            )
        elif (fill.order_id, fill.quantity, fill.price) != (one.order_id, one.quantity, one.price):
            moved = "" if fill.order_id == one.order_id else f", of order {one.order_id}"
            yield _of_fill("EXECUTION_DIFFERS", fill, _executed(one) + moved)
    for fill in ledger.fills.values():
        if fill.is_due and fill.execution_id not in named:
            yield _of_fill("EXECUTION_UNKNOWN_TO_VENUE", fill, "no such execution")


def _of_fill(kind: BreakKind, fill: LedgerFill, actual: str) -> Difference:
    return _difference(
        kind, fill.order_id, fill.account_id, fill.symbol, _executed(fill), actual, fill.execution_id, fill.at_us
    )


def _difference(
    kind: BreakKind,
    order_id: str,
    account_id: str | None,
    symbol: str,
    expected: str,
    actual: str,
    execution_id: str | None = None,
    at_us: int | None = None,
) -> Difference:
    """Texts as the ledger takes them: what a venue says may be anything."""
    said = checks.clean(execution_id) if execution_id is not None else None
    return Difference(
        kind,
        checks.clean(order_id),
        said,
        account_id,
        checks.clean(symbol),
        checks.clean(expected),
        checks.clean(actual),
        at_us,
    )


def _is_of_quantity(parts: Iterable[VenueOrder], quantity: Decimal) -> bool:
    """Two orders of the venue's for one of ours are too much, whatever each asks for. None: it keeps no quantity."""
    given = [part.quantity for part in parts]
    with exact():
        return None in given or sum((part for part in given if part is not None), ZERO) == quantity


def _of_ledger(order: LedgerOrder) -> str:
    return f"{order.side} {plain(order.quantity)}, {order.status}"


def _of_venue(parts: Iterable[VenueOrder]) -> str:
    return " and ".join(_one_of_venue(order) for order in parts)


def _one_of_venue(order: VenueOrder) -> str:
    quantity = "" if order.quantity is None else f" {plain(order.quantity)}"
    return f"{order.side}{quantity}, {order.status}"


def _executed(one: LedgerFill | VenueExecution) -> str:
    return f"{one.side} {plain(one.quantity)} at {plain(one.price)}"
