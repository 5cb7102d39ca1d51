"""Requests: what is waited for, how many at once, and how an answer is read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from domain.errors import UnavailableError
from execution.alpaca.access import access_of
from execution.alpaca.rest import NoAnswer, Rest
from tests.execution.alpaca.conftest import settings_for
from tests.execution.alpaca.exchange import Exchange


@pytest.fixture
async def rest(exchange: Exchange) -> Any:
    settings = settings_for(exchange, alpaca_connections_max=2, alpaca_backoff_ms=1, alpaca_backoff_ms_max=40)
    made = Rest(access_of(settings), settings)
    yield made
    await made.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that were asked for, in seconds; none is waited out."""
    asked: list[float] = []
    sleep = asyncio.sleep

    async def note(delay_s: float) -> None:
        asked.append(delay_s)
        await sleep(0)

    monkeypatch.setattr("execution.alpaca.rest.asyncio.sleep", note)
    return asked


async def test_the_server_says_how_long(exchange: Exchange, rest: Rest, waits: list[float]) -> None:
    """Retry-After is kept, up to the longest wait of the settings: 1 s is asked for, 40 ms is the most."""
    exchange.faults.status, exchange.faults.retry_after = [429], "1"

    answer = await rest.ask_until_answered("GET", "/orders")

    assert answer.status == 200
    assert waits == [0.04]


async def test_waits_grow(exchange: Exchange, rest: Rest, waits: list[float]) -> None:
    """Without a word of the server: at most 1, 2, 4 ms, at least half of each; then it is given up."""
    exchange.faults.status = [500] * 9

    with pytest.raises(UnavailableError, match="does not answer GET /orders after 4 attempts"):
        await rest.ask_until_answered("GET", "/orders")

    assert len(waits) == 3
    assert all(whole / 2 <= wait <= whole for wait, whole in zip(waits, (0.001, 0.002, 0.004), strict=True))


async def test_an_answer_that_comes_too_late(exchange: Exchange, rest: Rest) -> None:
    """The deadline is ours: the request may have been taken, and its error shows no key."""
    exchange.faults.lose_request = 1

    with pytest.raises(NoAnswer) as caught:
        await rest.ask("POST", "/orders", {"client_order_id": "one"})

    assert caught.value.maybe_taken


async def test_no_more_at_once_than_allowed(exchange: Exchange, rest: Rest) -> None:
    """Twenty requests, two connections: all are answered, and no more than two were under way at any time."""
    answers = await asyncio.gather(*(rest.ask("GET", "/orders") for _ in range(20)))

    assert [answer.status for answer in answers] == [200] * 20
    assert exchange.most_at_once <= 2
