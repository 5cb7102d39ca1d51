"""Both clients alike, and a ledger that runs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from runtime.embedded.ports import free_port
from runtime.settings import Settings
from tapeledger_client import AsyncClient, Client
from tests.keys import ROOT_KEY
from tests.workers import eventually, worker

Handler = Callable[[httpx.Request], httpx.Response]
WORKERS = ("streams.ledger.worker", "projections.worker", "api.worker")


class Clients:
    """A client whose server is a function, blocking or awaited. requests: those that were sent. slept: in seconds."""

    def __init__(self, way: str) -> None:
        self._way = way
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []

    def call(self, handler: Handler, use: Callable[[Any], Any], **options: Any) -> Any:
        """What `use` gives of a client; coroutines are awaited, iterators listed."""

        def answering(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            return handler(request)

        transport = httpx.MockTransport(answering)
        if self._way == "blocking":
            with Client("http://ledger", transport=transport, **options) as client:
                found = use(client)
                return list(found) if isinstance(found, Iterator) else found
        return asyncio.run(self._awaited(use, transport, options))

    async def _awaited(self, use: Callable[[Any], Any], transport: httpx.MockTransport, options: dict[str, Any]) -> Any:
        async with AsyncClient("http://ledger", transport=transport, **options) as client:
            found = use(client)
            if isinstance(found, AsyncIterator):
                return [row async for row in found]
            return await found


@pytest.fixture(params=["blocking", "awaited"])
def clients(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Clients:
    """Each test with either client; pauses are noted and not waited for."""
    made = Clients(request.param)

    async def note(seconds: float) -> None:
        made.slept.append(seconds)

    monkeypatch.setattr(time, "sleep", made.slept.append)
    monkeypatch.setattr(asyncio, "sleep", note)
    monkeypatch.delenv("TAPELEDGER_API_KEY", raising=False)
    return made


def answer(status: int, body: Any = None, **headers: str) -> httpx.Response:
    """JSON, or a problem from 400 on."""
    kind = "application/problem+json" if status >= 400 else "application/json"
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, content=json.dumps(body).encode(), headers={"content-type": kind, **names})


def one_after_another(*answers: httpx.Response | Exception) -> Handler:
    """Each request gets the next of these; a further one fails the test."""
    left = iter(answers)

    def handler(_: httpx.Request) -> httpx.Response:
        found = next(left)
        if isinstance(found, Exception):
            raise found
        return found

    return handler


@pytest.fixture
def running(ledger_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the API of a ledger that decides and projects; no engine, so orders wait.

    The environment has its root key, as a user's has theirs.
    """
    monkeypatch.setenv("TAPELEDGER_API_KEY", ROOT_KEY)
    settings = ledger_settings.model_copy(update={"api_port": free_port()})
    base_url = f"http://127.0.0.1:{settings.api_port}"
    with ExitStack() as stack:
        ports = {module: free_port() for module in WORKERS}
        for module, port in ports.items():
            stack.enter_context(worker(settings.model_copy(update={"worker_port": port}), module))
        for module, port in ports.items():
            eventually(lambda port=port: _ready(port), f"{module} is ready", 120)  # type: ignore[misc]
        yield base_url


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False
