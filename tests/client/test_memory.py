"""Goal: what a client remembers is never wrong. Method: the server is a function; calls of a model made here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tapeledger_client import AsyncClient, Client, Model
from tapeledger_client.call import Call
from tapeledger_client.memory import Recent, Written
from tapeledger_client.models import Place
from tests.client.conftest import answer


class Thing(Model, frozen=True, kw_only=True):
    """An answer to a read."""

    name: str


class Taken(Model, frozen=True, kw_only=True):
    """An answer to a write."""

    account_id: str
    order_id: str | None = None
    command_id: str = "cmd_1"
    position: Place
    orders: tuple[Taken, ...] = ()


Calls = list[Call[Any]]
Server = Callable[[httpx.Request], httpx.Response]


def taken(offset: int, **fields: Any) -> dict[str, Any]:
    place = {"topic": "trading.commands", "partition": 2, "offset": offset}
    return {"account_id": "acc_1", "position": place, **fields}


@pytest.fixture(params=["blocking", "awaited"])
def send(request: pytest.FixtureRequest) -> Callable[..., list[Any]]:
    """Send calls one after another with one client."""

    def blocking(server: Server, calls: Calls, **options: Any) -> list[Any]:
        with Client("http://ledger", transport=httpx.MockTransport(server), **options) as client:
            return [client._send(call) for call in calls]

    async def awaited(server: Server, calls: Calls, **options: Any) -> list[Any]:
        async with AsyncClient("http://ledger", transport=httpx.MockTransport(server), **options) as client:
            return [await client._send(call) for call in calls]

    if request.param == "blocking":
        return blocking
    return lambda *arguments, **options: asyncio.run(awaited(*arguments, **options))


def get(path: str, **options: Any) -> Call[Thing]:
    return Call("GET", path, Thing, safe=True, cached=True, **options)


# ETags


def test_an_unchanged_answer_is_kept(send: Callable[..., list[Any]]) -> None:
    """304 gives the answer that the client has; a new one takes its place."""
    versions = iter(["v1", "v1", "v2", "v2"])
    seen = []

    def server(request: httpx.Request) -> httpx.Response:
        version = next(versions)
        seen.append((request.headers.get("if-none-match"), version))
        if request.headers.get("if-none-match") == f'"{version}"':
            same = {"etag": f'"{version}"', "x-request-id": f"http_{len(seen)}", "ratelimit": f"r={len(seen)}"}
            return httpx.Response(304, headers=same)
        ids = {"x_request_id": f"http_{len(seen)}", "ratelimit": f"r={len(seen)}"}
        return answer(200, {"name": version}, etag=f'"{version}"', **ids)

    found = send(server, [get("/a")] * 4, etag_cache=True)

    assert [thing.name for thing in found] == ["v1", "v1", "v2", "v2"]
    assert [given for given, _ in seen] == [None, '"v1"', '"v1"', '"v2"']
    assert [thing.received.status for thing in found] == [200] * 4
    assert [thing.received.request_id for thing in found] == ["http_1", "http_2", "http_3", "http_4"]
    assert [thing.received.headers["ratelimit"] for thing in found] == ["r=1", "r=2", "r=3", "r=4"]


def test_answers_to_other_questions_are_not_mixed_up(send: Callable[..., list[Any]]) -> None:
    """Path, parameters and the form wanted make a question; min_position only says how new its answer must be."""
    seen = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("if-none-match"))
        return answer(200, {"name": str(request.url)}, etag=f'"{len(seen)}"')

    calls = [
        get("/a"),
        get("/b"),
        get("/a", query={"limit": 1}),
        get("/a", placed=True, min_position="trading.commands:0:1"),
    ]
    send(server, calls, etag_cache=True)

    assert seen == [None, None, None, '"1"']


def test_nothing_is_kept_unless_asked_for(send: Callable[..., list[Any]]) -> None:
    """By default each read is a whole one."""
    seen = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("if-none-match"))
        return answer(200, {"name": "a"}, etag='"1"')

    send(server, [get("/a")] * 2)

    assert seen == [None, None]


# Read your writes


def test_a_read_asks_for_what_was_written_before(send: Callable[..., list[Any]]) -> None:
    """Of the same account or order, the last of several; of another nothing; what the caller says goes first."""
    asked: list[str | None] = []
    answers = iter([taken(7, order_id="ord_1"), taken(9)])

    def server(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return answer(202, next(answers))
        asked.append(request.url.params.get("min_position"))
        return answer(200, {"name": "a"})

    write: Call[Any] = Call("POST", "/w", Taken, keyed=True)
    calls: Calls = [
        get("/a", placed=True, ids=("acc_1",)),
        write,
        write,
        get("/a", placed=True, ids=("acc_1",)),
        get("/o", placed=True, ids=("ord_1",)),
        get("/o", placed=True, ids=("ord_1", "acc_1")),
        get("/a", placed=True, ids=("acc_2",)),
        get("/a", placed=True, ids=(None,)),
        get("/a", placed=True, ids=("acc_1",), min_position=Place(topic="ledger.events", partition=0, offset=3)),
        get("/a", ids=("acc_1",)),
    ]
    send(server, calls, read_your_writes=True)

    assert asked == [
        None,
        "trading.commands:2:9",
        "trading.commands:2:7",
        "trading.commands:2:9",
        None,
        None,
        "ledger.events:0:3",
        None,
    ]


def test_nothing_is_asked_for_unless_wanted(send: Callable[..., list[Any]]) -> None:
    """By default a read shows what there is."""
    asked = []

    def server(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("min_position"))
        return answer(202, taken(7)) if request.method == "POST" else answer(200, {"name": "a"})

    write: Call[Any] = Call("POST", "/w", Taken, keyed=True)
    send(server, [write, get("/a", placed=True, ids=("acc_1",))])

    assert asked == [None, None]


def test_a_stored_answer_does_not_turn_back_time() -> None:
    """A repeat is answered with the place of the first request, which is older than what came since."""
    written = Written()
    for offset in (7, 9, 7):
        written.note(Taken(account_id="acc_1", position=Place(topic="trading.commands", partition=2, offset=offset)))

    assert written.place_of(("acc_1",)) == "trading.commands:2:9"


def test_each_order_of_a_batch_is_known() -> None:
    """By its own place."""
    places = [Place(topic="trading.commands", partition=2, offset=offset) for offset in (7, 8)]
    orders = tuple(Taken(account_id="acc_1", order_id=f"ord_{p.offset}", position=p) for p in places)
    written = Written()
    written.note(Taken(account_id="acc_1", position=places[-1], orders=orders))

    assert written.place_of(("ord_7",)) == "trading.commands:2:7"
    assert written.place_of(("ord_8",)) == "trading.commands:2:8"
    assert written.place_of(("acc_1",)) == "trading.commands:2:8"


def test_memory_is_bounded() -> None:
    """What was used longest ago goes first."""
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    recent.get("a")
    recent.put("c", 3)

    assert [recent.get(key) for key in "abc"] == [1, None, 3]


# Waiting


def test_the_server_may_wait_as_long_as_it_was_asked_to(send: Callable[..., list[Any]]) -> None:
    """The client's own patience comes on top, so that it does not hang up on an answer that it has asked for."""
    seen = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append((request.headers["prefer"], request.extensions["timeout"]["read"]))
        return answer(200, {"name": "a"})

    send(server, [get("/a", wait_s=5)], timeout_s=3.0)

    assert seen == [("wait=5", 8.0)]
