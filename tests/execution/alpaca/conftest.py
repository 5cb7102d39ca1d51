"""A broker on loopback, and workers' adapters that trade there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from execution.alpaca import AlpacaVenue
from execution.alpaca.access import access_of
from execution.engine import Engine
from execution.venue import Outcome
from projections.worker import Projector
from runtime.settings import Settings
from tests.execution.alpaca.exchange import KEY, SECRET, Exchange
from tests.execution.floor import eventually
from tests.workers import worker


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
    for former in hired:
        await former.venue.stop()


# A whole house: one engine with its adapter, and behind it the real ledger, audit agent and projector


@pytest.fixture
def settings(ledger_settings: Settings, exchange: Exchange) -> Settings:
    """The broker of the test, compared every 200 ms with a grace of a second."""
    broker = settings_for(exchange)
    names = [name for name in broker.model_fields_set if name.startswith("alpaca_")]
    given: dict[str, Any] = {name: getattr(broker, name) for name in names}
    return ledger_settings.model_copy(
        update={**given, "paper_trade_mode": False, "reconcile_every_s": 0.2, "reconcile_grace_s": 1.0}
    )


@pytest.fixture
def house(settings: Settings) -> Iterator[None]:
    """The ledger, the audit agent and the projector."""
    projector = Projector(settings)
    with worker(settings, "streams.ledger.worker"), worker(settings, "streams.auditlog.worker"):
        projector.start()
        try:
            yield
            projector.check()
        finally:
            projector.stop()


@pytest.fixture
async def engine(settings: Settings, exchange: Exchange, house: None) -> AsyncIterator[Engine]:
    """A worker that trades at the broker, whose clock is ours, some seconds back."""
    exchange.opened_at = datetime.now(UTC) - timedelta(seconds=10)
    made = Engine(settings, AlpacaVenue(access_of(settings), settings), "worker-a")
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(made.run(stop, lambda on: ready.set() if on else None, lambda: None))
    await asyncio.wait_for(ready.wait(), 60)
    yield made
    stop.set()
    await asyncio.wait_for(task, 30)
