"""What one client asked for, and what it gets: subscriptions, the rights they need, and how a channel begins."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from starlette.requests import HTTPConnection

from api.problems import ProblemError
from api.security.principal import Principal
from api.stream import messages as m
from api.stream.access import Access
from api.stream.cache import Snapshots, Taken
from api.stream.client import Client, Payload
from api.stream.closing import CREDENTIAL_ENDED
from api.stream.hub import Hub, parts
from api.stream.snapshots import Filter
from api.stream.source import AWAY
from api.stream.views import CHANNELS, MARKET, Channel
from runtime import metrics

_RESUME_WAIT_S = 2.0
_REACH_S = 3.0
_TRIES_MAX = 5
_AGAIN_S = 1.0
_DAILY = ("1d",)
_AWAY = ("DATABASE_UNAVAILABLE", "the database does not answer; subscribe again in a moment")


class Refused(Exception):
    """A subscription that is not given. code: stable."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class Wish(NamedTuple):
    """How a channel was asked for. accounts: None for all that the user may read."""

    symbols: frozenset[str] | None
    accounts: frozenset[str] | None
    intervals: frozenset[str]

    def size(self) -> int:
        return 1 + len(self.symbols or ()) + len(self.accounts or ())


class World(NamedTuple):
    """What all sessions of a process share. names_max: channels, symbols and accounts of one connection."""

    hub: Hub
    snapshots: Snapshots
    access: Access
    traded: frozenset[str]
    names_max: int


class Session:
    """One client. connection: with the credential that it was authenticated by.

    Verification: tests/api/stream/test_property.py, test_subscriptions.py.
    """

    def __init__(self, world: World, client: Client, connection: HTTPConnection, principal: Principal) -> None:
        self.client, self.principal = client, principal
        self._world, self._connection = world, connection
        self._wishes: dict[Channel, Wish] = {}
        self._busy = asyncio.Lock()

    @property
    def follows(self) -> bool:
        return bool(self._wishes)

    def say(self, message: m.Message) -> None:
        name = type(message).__struct_config__.tag
        self.client.push(Payload(str(name), m.encode(message)))

    async def subscribe(self, asked: m.Subscribe) -> None:
        """Begin to follow; what is refused is answered with an error, and then nothing has changed."""
        try:
            await self.begin(asked)
        except Refused as refused:
            self.say(m.Error(refused.code, refused.detail))

    async def begin(self, asked: m.Subscribe) -> None:
        """Begin to follow. Raises Refused, and then nothing has changed."""
        async with self._busy:
            wishes = self._wishes_of(asked)
            filters = {channel: await self._filter(channel, wish) for channel, wish in wishes.items()}
            try:
                await self._begin(filters, "SUBSCRIBED", asked.from_seq)
            except AWAY as error:
                raise Refused(*_AWAY) from error
            self._wishes.update(wishes)

    async def unsubscribe(self, asked: m.Unsubscribe) -> None:
        async with self._busy:
            channels = frozenset(asked.channels)
            for channel in channels:
                self._wishes.pop(channel, None)
            self._unfollow(channels)
            self.say(m.Unsubscribed(_in_order(channels)))

    async def begin_anew(self, because: m.Because) -> None:
        """A fresh snapshot of everything, however long the database is away."""
        async with self._busy:
            while self.client.closing is None:
                filters = await self._filters_now()
                if not filters:
                    return
                try:
                    await self._begin(filters, because)
                    return
                except (*AWAY, Refused):
                    await asyncio.sleep(_AGAIN_S)

    async def check_again(self) -> None:
        """Ends the connection when its credential does; channels whose accounts have changed begin anew."""
        try:
            self.principal = await self._world.access.authenticate_again(self._connection)
        except ProblemError as problem:
            if problem.status in (401, 403):
                self.client.close(CREDENTIAL_ENDED)
            return
        if self._busy.locked():  # it is being served right now, maybe for long; there is a next time
            return
        async with self._busy:
            now = dict(self.client.shape)
            filters = await self._filters_now()
            changed = {name: filter_ for name, filter_ in filters.items() if now.get(name, filter_) != filter_}
            if changed:
                self._unfollow(frozenset(changed))
                try:
                    await self._begin(changed, "ACCESS_CHANGED")
                except (*AWAY, Refused) as error:
                    self._drop(changed, "SUBSCRIPTION_ENDED", f"subscribe again: {error}")

    async def _filters_now(self) -> dict[Channel, Filter]:
        """What is followed, with the accounts that may be read now; what may not be followed any more is dropped."""
        found = {}
        for channel, wish in list(self._wishes.items()):
            try:
                found[channel] = await self._filter(channel, wish)
            except Refused as refused:
                self._drop([channel], refused.code, refused.detail)
        return found

    def _drop(self, channels: Iterable[Channel], code: str, detail: str) -> None:
        names = frozenset(channels)
        self._unfollow(names)
        for channel in names:
            self._wishes.pop(channel, None)
        self.say(m.Error(code, f"{', '.join(_in_order(names))} is followed no longer: {detail}"))

    def _unfollow(self, channels: frozenset[Channel]) -> None:
        shape = frozenset(part for part in self.client.shape if part[0] not in channels)
        self._world.hub.follow(self.client, shape)

    def _wishes_of(self, asked: m.Subscribe) -> dict[Channel, Wish]:
        symbols = None if asked.symbols is None else frozenset(asked.symbols)
        accounts = None if asked.accounts is None else frozenset(asked.accounts)
        unknown = sorted((symbols or frozenset()) - self._world.traded)
        if unknown:
            raise Refused(
                "INSTRUMENT_UNKNOWN",
                f"expected symbols of {', '.join(sorted(self._world.traded))}; there was {unknown[0]!r}",
            )
        found = {
            channel: Wish(
                symbols,
                None if channel in MARKET else accounts,
                frozenset(asked.intervals or _DAILY) if channel == "bars" else frozenset(),
            )
            for channel in asked.channels
        }
        size = sum(wish.size() for wish in {**self._wishes, **found}.values())
        if size > self._world.names_max:
            raise Refused(
                "TOO_MANY_SUBSCRIPTIONS",
                f"expected at most {self._world.names_max} channels, symbols and accounts together, there were {size}",
            )
        return found

    async def _filter(self, channel: Channel, wish: Wish) -> Filter:
        """The wish with the accounts that it comes to. Raises Refused."""
        access = self._world.access
        if channel in MARKET:
            return Filter(wish.symbols, None, wish.intervals)
        if wish.accounts is None:
            return Filter(wish.symbols, await access.visible_accounts(self.principal), wish.intervals)
        for account_id in sorted(wish.accounts):
            if not await access.may_read(self.principal, account_id):
                metrics.stream_refused_total.labels("FORBIDDEN").inc()
                raise Refused("FORBIDDEN", f"{self.principal.user_id} may not read account {account_id}")
        return Filter(wish.symbols, wish.accounts, wish.intervals)

    async def _begin(self, filters: Mapping[Channel, Filter], because: m.Because, from_seq: int | None = None) -> None:
        """Snapshots, or what came after from_seq, and from there on everything. Raises Refused, and one of AWAY."""
        with self._world.hub.expecting(filters.get("portfolio")):
            await self._begin_expected(filters, because, from_seq)

    async def _begin_expected(
        self, filters: Mapping[Channel, Filter], because: m.Because, from_seq: int | None
    ) -> None:
        hub = self._world.hub
        for _ in range(_TRIES_MAX):
            if not await hub.reach(0, _REACH_S):
                raise Refused(*_AWAY)
            generation = hub.generation
            reason = because
            if from_seq is not None:
                reason = await self._resumable(from_seq)
            resumes = from_seq is not None and reason == because
            needed = [name for name in filters if not resumes or name == "portfolio"]
            taken = [await self._world.snapshots.take(channel, filters[channel]) for channel in needed]
            newest = max((one.seq for one in taken), default=0)
            if not await hub.reach(newest, _REACH_S) or hub.generation != generation:
                continue
            start: dict[Channel, int] = dict.fromkeys(filters, from_seq or 0)
            start.update({one.channel: one.seq for one in taken})
            if min(start.values()) < hub.oldest:
                continue
            self._join(filters, start, taken, reason, resumed=resumes)
            return
        raise Refused("DATABASE_UNAVAILABLE", "too much changes at once; subscribe again in a moment")

    async def _resumable(self, from_seq: int) -> m.Because:
        """SUBSCRIBED when what came after from_seq is at hand; otherwise the client is told why not."""
        hub = self._world.hub
        if not await hub.reach(from_seq, _RESUME_WAIT_S):
            self.say(m.Error("RESUME_UNKNOWN", f"the newest batch is {hub.seq}, from_seq was {from_seq}: a snapshot"))
            return "RESUME_UNKNOWN"
        if from_seq < hub.oldest:
            detail = f"what came after {hub.oldest} is at hand, from_seq was {from_seq}: a snapshot"
            self.say(m.Error("RESUME_TOO_OLD", detail))
            return "RESUME_TOO_OLD"
        return "SUBSCRIBED"

    def _join(
        self,
        filters: Mapping[Channel, Filter],
        start: Mapping[Channel, int],
        taken: list[Taken],
        because: m.Because,
        *,
        resumed: bool,
    ) -> None:
        """Without any wait: what lies between the snapshots and now, and everything after that."""
        hub = self._world.hub
        self.say(m.Subscribed([_followed(name, filters[name]) for name in _in_order(filters.keys())], resumed))
        for one in taken:
            for payload in one.payloads(because):
                self.client.push(payload, counts=False)
        added = frozenset(filters.items())
        for payload in parts(hub.seq, hub.since(start, added)):
            self.client.push(payload, counts=False)
        hub.follow(self.client, added | {part for part in self.client.shape if part[0] not in filters})


def _in_order(channels: Container[Channel]) -> list[Channel]:
    return [channel for channel in CHANNELS if channel in channels]


def _followed(channel: Channel, filter_: Filter) -> m.Followed:
    return m.Followed(
        channel,
        None if filter_.symbols is None else sorted(filter_.symbols),
        None if filter_.accounts is None else sorted(filter_.accounts),
        sorted(filter_.intervals) or None,  # type: ignore[arg-type]
    )
