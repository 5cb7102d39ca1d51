"""A broker on loopback, and workers' adapters that trade there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from execution.alpaca import AlpacaVenue
from execution.alpaca.access import access_of
from execution.venue import Outcome
from runtime.settings import Settings
from tests.execution.alpaca.exchange import KEY, SECRET, Exchange
from tests.execution.floor import eventually


class Worker(NamedTuple):
    """An adapter and what its listener heard."""

    venue: AlpacaVenue
    heard: list[tuple[str, Outcome]]

    def outcomes(self) -> list[Outcome]:
        return [outcome for _, outcome in self.heard]

    async def hears(self, number: int) -> list[Outcome]:
        """Wait until so much was heard."""
        await eventually(lambda: len(self.heard) >= number, f"{number} outcomes, they were {self.heard}", 10)
        return self.outcomes()


Hire = Callable[..., Awaitable[Worker]]


def settings_for(exchange: Exchange, **more: Any) -> Settings:
    """Impatient: a request has 400 ms, waits begin at 5 ms, records are compared after gaps only."""
    given: dict[str, Any] = {
        "paper_trade_mode": False,
        "alpaca_api_key": KEY,
        "alpaca_secret_key": SECRET,
        "alpaca_base_url": exchange.base_url,
        "alpaca_stream_url": exchange.stream_url,
        "alpaca_timeout_ms": 400,
        "alpaca_backoff_ms": 5,
        "alpaca_backoff_ms_max": 50,
        "alpaca_attempts_max": 4,
        "alpaca_sweep_s": 3_600.0,
    }
    return Settings(_env_file=None, **{**given, **more})


async def drained(exchange: Exchange, venue: AlpacaVenue) -> None:
    """Wait until the adapter has had all that the broker sent, and has nothing left to ask."""
    await eventually(
        lambda: venue.updates_received >= exchange.sent and venue.is_settled,
        f"{exchange.sent} updates taken, they were {venue.updates_received}, settled: {venue.is_settled}",
        10,
    )


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    made = Exchange()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def hire(exchange: Exchange) -> AsyncIterator[Hire]:
    """Start a worker's adapter. Those that a test starts are stopped after it."""
    hired: list[Worker] = []

    async def start(**more: Any) -> Worker:
        settings = settings_for(exchange, **more)
        worker = Worker(AlpacaVenue(access_of(settings), settings), [])
        hired.append(worker)
        await worker.venue.start(lambda order_id, outcome: worker.heard.append((order_id, outcome)))
        return worker

    yield start
    for worker in hired:
        await worker.venue.stop()
