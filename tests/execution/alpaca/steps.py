"""Steps that the tests of orders share."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import msgspec

from domain.terms import OrderTerms
from execution.order import WorkingOrder
from execution.venue import (
    Execution,
    Outcome,
)
from tests.execution.alpaca.conftest import Worker
from tests.execution.alpaca.exchange import Exchange
from tests.execution.examples import terms, working


def limit_order(name: str = "one", quantity: str = "10", **more: Any) -> WorkingOrder:
    return working(terms(name, quantity=quantity, limit_price="100", **more))


def again(order: WorkingOrder, executed: str = "0") -> WorkingOrder:
    """The same order as another worker gets it: a higher epoch, and what the ledger knows of it."""
    taken = working(order.terms, leaves=str(order.terms.quantity - Decimal(executed)))
    taken.dispatch_epoch = 2
    return taken


def changed(order: WorkingOrder, **more: Any) -> OrderTerms:
    return msgspec.structs.replace(order.terms, **more)


async def placed(exchange: Exchange, worker: Worker, **more: Any) -> WorkingOrder:
    """An order that the broker works."""
    order = limit_order(**more)
    await worker.venue.submit(order)
    await exchange.open(order.order_id)
    return order


def an_order(name: str = "one", quantity: str = "10", **more: object) -> WorkingOrder:
    return working(terms(name, quantity=quantity, **more))


def parts(outcomes: list[Outcome]) -> list[str]:
    """The quantities of the executions among what was heard."""
    return [str(outcome.quantity) for outcome in outcomes if isinstance(outcome, Execution)]


MARKET = {"type": "market", "time_in_force": "gtc"}


async def until(check: Any, what: str, patience_s: float = 60) -> Any:
    """Look until there is something; `check` blocks or is a coroutine function."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while asyncio.get_running_loop().time() < deadline:
        found = await check() if asyncio.iscoroutinefunction(check) else await asyncio.to_thread(check)
        if found:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"expected {what} within {patience_s} s")
