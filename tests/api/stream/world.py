"""A database that is written batch by batch, the API on a real socket over it, and clients that fold what they get."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, ClassVar

import msgspec
import psycopg
from starlette.requests import HTTPConnection
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_as

from api.app import create_app
from api.problems import ProblemError
from api.stream.service import Stream
from api.worker import ApiServer, configuration
from projections.groups import GROUPS
from projections.runner import Runner
from projections.sources import Batch
from projections.ticks import Print
from runtime.http.server import listening
from runtime.settings import Settings
from streams.tape import Head
from tests.keys import ROOT
from tests.projections.tapes import head_of

LEDGER, SIGNALS, AUDIT, TICKS = GROUPS


class Projector:
    """Writes batches as the real runner does: rows, progress and the feed's number in one transaction."""

    def __init__(self, settings: Settings, partitions: int = 2) -> None:
        self.connection = psycopg.connect(settings.database_url, autocommit=True)
        self._runners = {group.name: Runner(settings, group) for group in GROUPS}
        for runner in self._runners.values():
            runner.progress = runner.load(self.connection, list(range(partitions)))

    def write(self, group: Any, items: Sequence[Any]) -> None:
        """items: records with their verdicts, of a tape; prints, of ticks."""
        ends: dict[int, tuple[int, Head]] = {}
        for item in items:
            if isinstance(item, Print):
                ends[item.partition] = (item.offset + 1, Head(0, b""))
            else:
                ends[item[0].partition] = (item[0].offset + 1, head_of(item[0]))
        self._runners[group.name].write(self.connection, Batch(ends, items))

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement.encode(), parameters).fetchall()

    def feed(self) -> int:
        return int(self.rows("select feed from feed_head")[0][0])


@contextmanager
def projector(settings: Settings, partitions: int = 2) -> Iterator[Projector]:
    made = Projector(settings, partitions)
    try:
        yield made
    finally:
        made.connection.close()


class _InProcess(ApiServer):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Served:
    """A running API. url: of the WebSocket."""

    def __init__(self, server: ApiServer, stream: Stream, sock: socket.socket, task: asyncio.Task[None]) -> None:
        self.server, self.stream, self.task = server, stream, task
        self.port = int(sock.getsockname()[1])
        self.http = f"http://127.0.0.1:{self.port}"
        self.url = f"ws://127.0.0.1:{self.port}/api/stream"

    async def stop(self) -> None:
        self.server.should_exit = True
        await self.task


@asynccontextmanager
async def serving(settings: Settings, access: Any = None) -> AsyncIterator[Served]:
    """uvicorn, as the worker configures it, on a free port."""
    settings = settings.model_copy(update={"api_port": 0})
    app = create_app(settings)
    if access is not None:
        app.state.access, app.state.stream = access, Stream(settings, access)
    server = _InProcess(configuration(app, settings), app.state.stream)
    sock = listening(server.config)
    task = asyncio.create_task(server.serve([sock]))
    while not server.started:
        assert not task.done(), task.exception()
        await asyncio.sleep(0.01)
    served = Served(server, app.state.stream, sock, task)
    try:
        yield served
    finally:
        await served.stop()


def connect(url: str, **options: Any) -> connect_as:
    """A WebSocket of somebody who may follow everything."""
    return connect_as(url, additional_headers=ROOT, **options)


class Follower:
    """A client by the book: snapshots replace a channel, updates change its rows. messages: all that it was told."""

    KEYS: ClassVar[dict[str, tuple[str, ...]]] = {
        "tick": ("symbol",),
        "bar": ("symbol", "interval", "bucket"),
        "signal": ("signal_id",),
        "signal_outcome": ("signal_id",),
        "order": ("order_id",),
        "order_step": ("partition", "record_offset", "leg"),
        "fill": ("execution_id",),
        "position": ("account_id", "symbol"),
        "portfolio": ("account_id",),
        "level": ("symbol", "side", "price"),
        "alert": ("alert_id",),
    }

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], dict[tuple[Any, ...], dict[str, Any]]] = {}
        self.seen: list[tuple[int, str, tuple[Any, ...]]] = []
        self.changes: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.seq: int | None = None
        self._parts: dict[str, list[Any]] = {}

    def table(self, kind: str) -> dict[tuple[Any, ...], dict[str, Any]]:
        return {key: row for (_, name), rows in self.rows.items() if name == kind for key, row in rows.items()}

    def lost(self) -> None:
        """The connection is gone; parts of a message that is not whole are nothing."""
        self._parts.clear()

    def take(self, text: str | bytes) -> dict[str, Any]:
        message: dict[str, Any] = msgspec.json.decode(text)
        self.messages.append(message)
        if message["type"] == "snapshot":
            rows = self._whole(message["channel"], message["data"], message["more"])
            if rows is not None:
                self.rows = {key: held for key, held in self.rows.items() if key[0] != message["channel"]}
                for row in rows:
                    self._put(message["channel"], row)
        elif message["type"] == "update":
            changes = self._whole("", message["changes"], message["more"])
            if changes is not None:
                for change in changes:
                    row = change["data"]
                    self.changes.append(row)
                    self.seen.append((change["seq"], row["kind"], self._put(change["channel"], row)))
                self.seq = message["seq"]
        return message

    def _whole(self, name: str, part: list[Any], more: bool) -> list[Any] | None:
        parts = self._parts.setdefault(name, [])
        parts += part
        return None if more else self._parts.pop(name)

    def _put(self, channel: str, row: dict[str, Any]) -> tuple[Any, ...]:
        key = tuple(row[name] for name in self.KEYS[row["kind"]])
        rows = self.rows.setdefault((channel, row["kind"]), {})
        rows[key] = row
        if row["kind"] == "level" and row["orders"] == 0:
            del rows[key]
        return key

    async def read(self, socket: ClientConnection, within_s: float = 10.0) -> dict[str, Any]:
        async with asyncio.timeout(within_s):
            return self.take(await socket.recv())

    async def until(self, socket: ClientConnection, type_: str, within_s: float = 10.0) -> dict[str, Any]:
        """The next message of a type."""
        async with asyncio.timeout(within_s):
            while True:
                message = self.take(await socket.recv())
                if message["type"] == type_:
                    return message

    async def reach(self, socket: ClientConnection, seq: int, within_s: float = 20.0) -> None:
        """Read until everything up to a batch is here: an update or a heartbeat says so."""
        async with asyncio.timeout(within_s):
            while (self.seq or 0) < seq:
                message = self.take(await socket.recv())
                if message["type"] == "heartbeat":
                    self.seq = max(self.seq or 0, message["seq"] or 0)


def say(type_: str, **fields: Any) -> str:
    return msgspec.json.encode({"type": type_, **fields}).decode()


@asynccontextmanager
async def following(served: Served, *channels: str, **fields: Any) -> AsyncIterator[tuple[ClientConnection, Follower]]:
    """A client that has subscribed, and has its snapshots or what it missed."""
    follower = Follower()
    async with connect(served.url, max_size=None) as socket:
        await socket.send(say("subscribe", channels=list(channels), **fields))
        await follower.until(socket, "update")
        yield socket, follower


class Person(msgspec.Struct, frozen=True):
    """A principal of these tests."""

    user_id: str
    role: str = "viewer"
    scopes: frozenset[str] = frozenset({"read"})
    accounts: frozenset[str] | None = frozenset()


class Register:
    """Access by tokens that the test hands out and takes back."""

    def __init__(self, **people: Person) -> None:
        self.people = people

    async def authenticate(self, connection: HTTPConnection) -> Person:
        given = connection.headers.get("authorization", "").removeprefix("Bearer ")
        token = given or connection.cookies.get("session", "")
        if token not in self.people:
            raise ProblemError(401, "CREDENTIAL_UNKNOWN", "no such credential")
        return self.people[token]

    async def authenticate_again(self, connection: HTTPConnection) -> Person:
        return await self.authenticate(connection)

    async def may_read(self, principal: Any, account_id: str) -> bool:
        return principal.accounts is None or account_id in principal.accounts

    async def visible_accounts(self, principal: Any) -> frozenset[str] | None:
        accounts: frozenset[str] | None = principal.accounts
        return accounts

    def start(self) -> None:
        """Nothing is to be done in the background."""

    async def stop(self) -> None:
        """Nor to be ended."""

    def is_open(self, connection: HTTPConnection) -> bool:
        return False

    async def limit(self, principal: Any) -> None:
        """Nobody has a quota."""

    def denied(self, connection: HTTPConnection, principal: Any, code: str) -> None:
        """Nobody keeps a trail."""


async def until(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    """Wait for what the other side does."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  # nobody tells the test
            await asyncio.sleep(0.01)
