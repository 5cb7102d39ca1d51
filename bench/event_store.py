"""Appended events per second beside the `eventsourcing` library on the same PostgreSQL.

The peer triggers and saves one event at a time, durably, as an application does, and in batches of 500 for comparison.
"""

from __future__ import annotations

import os
import time
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from runtime.settings import Settings


class Order(Aggregate):
    """An aggregate as the library's tutorial has it."""

    @event("Submitted")
    def __init__(self, symbol: str, quantity: str, price: str) -> None:
        self.symbol, self.quantity, self.price = symbol, quantity, price
        self.filled = "0"

    @event("Filled")
    def fill(self, quantity: str) -> None:
        self.filled = quantity


class Round(NamedTuple):
    """Events per second."""

    one_by_one: float
    batches_of_500: float


def run_round(settings: Settings, events: int) -> Round:
    """Save `events` one by one, then as many in batches."""
    application: Application[Any] = Application(env=_env(settings))
    order = Order("AAPL", "10", "12.34")
    application.save(order)
    started = time.perf_counter()
    for _ in range(events):
        order.fill("1")
        application.save(order)
    one_by_one = events / (time.perf_counter() - started)
    started = time.perf_counter()
    for _ in range(max(1, events // 500)):
        for _ in range(500):
            order.fill("1")
        application.save(order)
    batched = max(1, events // 500) * 500 / (time.perf_counter() - started)
    application.close()
    return Round(one_by_one, batched)


def _env(settings: Settings) -> dict[str, str]:
    url = urlsplit(settings.database_url)
    return {
        **os.environ,
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": url.path.lstrip("/"),
        "POSTGRES_HOST": url.hostname or "127.0.0.1",
        "POSTGRES_PORT": str(url.port or 5432),
        "POSTGRES_USER": unquote(url.username or ""),
        "POSTGRES_PASSWORD": unquote(url.password or "") or "none",
    }
