"""Orders, executions and pictures for the tests of reconciliation. Quantities and prices as texts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from execution.reconcile.compare import Difference, LedgerFill, LedgerOrder, LedgerSide, VenueSide
from execution.venue import VenueExecution, VenueOrder


def ours(name: str = "a", quantity: str = "10", **more: Any) -> LedgerOrder:
    """An order that the ledger has open and the venue has acknowledged."""
    own = {"is_open": True, "is_held": True, "is_changing": False, "status": "NEW"} | more
    return LedgerOrder(f"ord_{name}", "acc", "AAPL", "BUY", quantity=Decimal(quantity), **own)


def theirs(name: str = "a", quantity: str | None = "10", venue_order_id: str = "v") -> VenueOrder:
    asked = None if quantity is None else Decimal(quantity)
    values = (asked, Decimal(0), None, Decimal(100), None, 1)
    return VenueOrder(f"ord_{name}", f"{venue_order_id}_{name}", "AAPL", "buy", "limit", "gtc", "new", *values)


def fill(name: str = "x", order: str = "a", quantity: str = "5", price: str = "10.01", **more: Any) -> LedgerFill:
    own = {"at_us": 7, "is_due": True} | more
    numbers = (Decimal(quantity), Decimal(price))
    return LedgerFill(f"exe_{name}", f"ord_{order}", "acc", "AAPL", "BUY", *numbers, **own)


def execution(name: str = "x", order: str = "a", quantity: str = "5", price: str = "10.01") -> VenueExecution:
    units = Decimal(quantity)
    return VenueExecution(f"exe_{name}", f"ord_{order}", f"v_{order}", "AAPL", "buy", units, units, Decimal(price), 7)


def ledger(*orders: LedgerOrder, fills: tuple[LedgerFill, ...] = ()) -> LedgerSide:
    return LedgerSide({one.order_id: one for one in orders}, {one.execution_id: one for one in fills})


def venue(*orders: VenueOrder, executions: tuple[VenueExecution, ...] = ()) -> VenueSide:
    return VenueSide(orders, executions)


def names(found: dict[str, Difference]) -> set[tuple[str, str, str | None]]:
    """Kind, order and execution of each."""
    return {(one.kind, one.order_id, one.execution_id) for one in found.values()}
