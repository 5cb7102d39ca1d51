"""The stream of one process: its reader, its clients, and what happens to all of them from time to time."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection

from api.security.principal import Principal
from api.stream import messages as m
from api.stream.access import Access
from api.stream.cache import Snapshots
from api.stream.client import Client, Payload
from api.stream.closing import FORBIDDEN, GOING_AWAY, INTERNAL, TOO_MANY_CONNECTIONS, Closing
from api.stream.hub import Hub
from api.stream.reader import Reader
from api.stream.session import Session, World
from api.stream.source import Source
from api.stream.staleness import Staleness
from runtime import metrics
from runtime.settings import Settings

_log = logging.getLogger(__name__)
_LOOK_S = 1.0
_CHECKS_AT_ONCE_MAX = 20
_STOP_S = 3.0


class Refusal(Exception):
    """A connection that may not stay."""

    def __init__(self, closing: Closing) -> None:
        super().__init__(closing.name)
        self.closing = closing


class Stream:
    """Verification: tests/api/stream."""

    def __init__(self, settings: Settings, access: Access) -> None:
        self.settings = settings
        self.access = access
        self.hub = Hub(settings.stream_resume_changes_max)
        self._source = Source(settings)
        self._reader = Reader(settings, self._source, self.hub, self._restart)
        self._staleness = Staleness(settings, self._reader)
        symbols = settings.symbols()
        self._snapshots = Snapshots(self._source, symbols)
        self._world = World(
            self.hub, self._snapshots, self.access, frozenset(symbols), settings.stream_subscriptions_max
        )
        self._sessions: set[Session] = set()
        self._users: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._counter = 0
        self.stopping = self._failed = False

    async def start(self) -> None:
        await self._source.open()
        for work in (self._reader.run, self._heartbeats, self._looks, self._checks):
            self._spawn(work())

    async def stop(self) -> None:
        """Tell every client, and wait a moment until they are gone."""
        self.stopping = True
        self._empty.clear()
        for session in self._sessions:
            session.client.close(GOING_AWAY)
        try:
            async with asyncio.timeout(_STOP_S):
                if self._sessions:
                    await self._empty.wait()
        except TimeoutError:
            _log.warning("%d clients of the stream did not go in %.0f s", len(self._sessions), _STOP_S)

    async def close(self) -> None:
        """End the reader, after `stop`."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._source.close()

    def admit(self, connection: HTTPConnection, principal: Principal) -> Session:
        """A session for an authenticated caller. Raises Refusal."""
        if self.stopping:
            raise Refusal(GOING_AWAY)
        if self._failed:
            raise Refusal(INTERNAL)
        if "read" not in principal.scopes:
            raise Refusal(FORBIDDEN)
        if (
            len(self._sessions) >= self.settings.stream_connections_max
            or self._users[principal.user_id] >= self.settings.stream_connections_per_user_max
        ):
            raise Refusal(TOO_MANY_CONNECTIONS)
        session = Session(self._world, Client(self.settings.stream_waiting_bytes_max), connection, principal)
        self._users[principal.user_id] += 1
        self._sessions.add(session)
        self.hub.add(session.client)
        session.say(m.Authenticated(principal.user_id))
        if self._staleness.reason is not None:
            session.say(self._staleness.status(self.hub.seq))
        return session

    def leave(self, session: Session, user_id: str) -> None:
        """user_id: as it was admitted."""
        if session not in self._sessions:
            return
        self._sessions.discard(session)
        if not self._sessions:
            self._empty.set()
        self.hub.remove(session.client)
        self._users[user_id] -= 1
        if not self._users[user_id]:
            del self._users[user_id]
        why = session.client.closing
        metrics.stream_closed_total.labels("CLIENT_LEFT" if why is None else why.name).inc()

    def _restart(self, because: m.Because) -> None:
        """All that clients have is to be replaced: from here on until its snapshot each gets nothing."""
        self._snapshots.forget()
        for session in self._sessions:
            self.hub.follow(session.client, frozenset())
            self._spawn(session.begin_anew(because))

    def _spawn(self, work: Awaitable[None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.critical("a task of the stream failed: it serves nobody any more", exc_info=task.exception())
            self._failed = True
            for session in self._sessions:
                session.client.close(INTERNAL)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception:  # noqa: BLE001  # one round that fails must not end those after it
                _log.exception("the stream goes on after an unexpected error")

    async def _heartbeats(self) -> None:
        await self._every(self.settings.stream_heartbeat_ms / 1_000, self._beat)

    async def _beat(self) -> None:
        self._counter += 1
        counter, stale, age_s = self._counter, self._staleness.reason is not None, self._staleness.age_s()
        seq = self.hub.seq
        follows = Payload("heartbeat", m.encode(m.Heartbeat(counter, seq, stale, age_s)), seq)
        waits = Payload("heartbeat", m.encode(m.Heartbeat(counter, None, stale, age_s)))
        for client in self.hub.clients():
            client.push(follows if client.shape else waits)

    async def _looks(self) -> None:
        await self._every(_LOOK_S, self._look)

    async def _look(self) -> None:
        if self._sessions and await self._staleness.look():
            status = self._staleness.status(self.hub.seq)
            _log.warning("what the stream tells: %s", status.reason or "keeps up again")
            self.hub.tell(Payload("status", m.encode(status)))

    async def _checks(self) -> None:
        await self._every(self.settings.stream_recheck_ms / 1_000, self._check)

    async def _check(self) -> None:
        sessions = list(self._sessions)
        for begin in range(0, len(sessions), _CHECKS_AT_ONCE_MAX):
            part = sessions[begin : begin + _CHECKS_AT_ONCE_MAX]
            for result in await asyncio.gather(*(one.check_again() for one in part), return_exceptions=True):
                if isinstance(result, Exception):
                    _log.error("a client's rights could not be checked again", exc_info=result)
