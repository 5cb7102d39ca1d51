"""Clients of the application: without servers, and with real ones."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from runtime import patient_redis
from runtime.clients import postgres
from runtime.settings import Settings
from tests.api import rows
from tests.api.tape_story import Projected
from tests.keys import KEYS, ROOT

CLOSED = "127.0.0.1:1"  # nobody listens on port 1 (tcpmux)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a started application, which is stopped in the end; it has the root key."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api", headers=ROOT) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine keeps the loop waiting for longer than Redis may: that is not what these tests ask."""
    monkeypatch.setattr(patient_redis, "TIMEOUT_S", 3.0)


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(scope="session")
def offline_settings() -> Settings:
    """Every server's address is a closed port."""
    return Settings(
        _env_file=None,
        kafka_bootstrap_servers=CLOSED,
        database_url=f"postgresql://owner@{CLOSED}/tape",
        database_reader_url=f"postgresql://tape_reader@{CLOSED}/tape",
        redis_url=f"redis://{CLOSED}/0",
        api_kafka_timeout_ms=300,
        **KEYS,
    )


@pytest.fixture(scope="session")
def offline_app(offline_settings: Settings) -> FastAPI:
    """One application for all tests that never start it."""
    return create_app(offline_settings)


@pytest.fixture
async def offline(offline_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that was not started: for what is decided before any server is needed. It has the root
    key.
    """
    transport = httpx.ASGITransport(offline_app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=ROOT) as client:
        yield client


@pytest.fixture
async def online(ledger_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application on real servers."""
    async with serving(ledger_settings) as client:
        await until_ready(client)
        yield client


@pytest.fixture
def owner(ledger_settings: Settings) -> Iterator[rows.Connection]:
    """A connection that may write."""
    with postgres(ledger_settings, autocommit=True) as connection:
        yield connection


@pytest.fixture
def house(ledger_settings: Settings, owner: rows.Connection) -> Projected:
    """What a real ledger has put on the tape, projected record by record."""
    return Projected(ledger_settings, owner)


async def until_ready(client: httpx.AsyncClient) -> httpx.Response:
    """The first 200 of /readyz, or the last answer after 15 s: a fresh topic takes a moment to have leaders."""
    deadline = time.monotonic() + 15
    while True:
        answer = await client.get("/readyz")
        if answer.status_code == 200 or time.monotonic() > deadline:
            return answer
        await asyncio.sleep(0.05)
