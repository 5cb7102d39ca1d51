"""Who follows what, and what happened lately: from each batch's changes to the clients that follow them.

Clients of one shape share one message, and shapes that let the same changes through share its bytes. Nothing here
waits: between two awaits of the loop, a client is either before a batch or behind it. So who begins to follow gets what
its snapshot lacks from the ring, and everything after that as it comes: no change is lost or told twice.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from api.stream.changes import Encoded, update
from api.stream.client import Client, Payload, Shape
from api.stream.snapshots import Filter
from api.stream.views import MARKET, Channel
from runtime import metrics

MESSAGE_BYTES_MAX = 256 * 1024
"""Changes beyond this are sent in another part of the same update."""


def lets_through(filter_: Filter, change: Encoded) -> bool:
    """What is left to check once a change was found by its key."""
    if filter_.symbols is not None and change.symbol is not None and change.symbol not in filter_.symbols:
        return False
    return change.interval is None or change.interval in filter_.intervals


def keys(channel: Channel, filter_: Filter) -> Iterator[tuple[Channel, str | None]]:
    """The keys of the changes that a channel's filter may let through; (channel, EVERYTHING) for all."""
    names = filter_.symbols if channel in MARKET else filter_.accounts
    if names is None:
        yield channel, EVERYTHING
        return
    for name in names:
        yield channel, name
    if channel == "alerts":
        yield channel, ""


EVERYTHING = "*"


class Hub:
    """The clients of this process. seq: the newest batch told. oldest: what came after this batch is in the ring.

    generation: counts how often all began anew; 0 before the reader has read anything.
    """

    def __init__(self, changes_max: int) -> None:
        self.seq = self.oldest = self.generation = self._generations = 0
        self.wanted = asyncio.Event()
        self._changes_max = changes_max
        self._ring: deque[Encoded] = deque()
        self._clients: set[Client] = set()
        self._shapes: dict[Shape, set[Client]] = {}
        self._index: dict[tuple[Channel, str | None], dict[Shape, Filter]] = defaultdict(dict)
        self._expected: list[frozenset[str] | None] = []
        self._reached: list[tuple[int, asyncio.Future[None]]] = []

    def __len__(self) -> int:
        return len(self._clients)

    def clients(self) -> list[Client]:
        return list(self._clients)

    def add(self, client: Client) -> None:
        self._clients.add(client)
        self.wanted.set()
        metrics.stream_clients.set(len(self._clients))

    def remove(self, client: Client) -> None:
        self._clients.discard(client)
        self._unfollow(client)
        if not self._clients:
            self.wanted.clear()
        metrics.stream_clients.set(len(self._clients))

    def follow(self, client: Client, shape: Shape) -> None:
        """From the next batch on, the client gets what this shape lets through."""
        self._unfollow(client)
        client.shape = shape
        if not shape:
            return
        if shape not in self._shapes:
            self._shapes[shape] = set()
            for channel, filter_ in shape:
                for key in keys(channel, filter_):
                    self._index[key][shape] = filter_
        self._shapes[shape].add(client)

    def _unfollow(self, client: Client) -> None:
        members = self._shapes.get(client.shape)
        if members is None:
            return
        members.discard(client)
        if not members:
            del self._shapes[client.shape]
            for channel, filter_ in client.shape:
                for key in keys(channel, filter_):
                    self._index[key].pop(client.shape, None)
                    if not self._index[key]:
                        del self._index[key]
        client.shape = frozenset()

    @contextmanager
    def expecting(self, filter_: Filter | None) -> Iterator[None]:
        """While somebody is about to follow what accounts are worth: what moves behind the snapshot is told already."""
        if filter_ is None:
            yield
            return
        self._expected.append(filter_.accounts)
        try:
            yield
        finally:
            self._expected.remove(filter_.accounts)

    def accounts_valued(self) -> frozenset[str] | None:
        """The accounts of which somebody follows the worth, or is about to; None: all."""
        if None in self._expected:
            return None
        found = {name for accounts in self._expected for name in accounts or ()}
        for key, name in self._index:
            if key == "portfolio":
                if name == EVERYTHING:
                    return None
                found.add(name or "")
        return frozenset(found)

    def since(self, start: Mapping[Channel, int], shape: Shape) -> list[Encoded]:
        """What the ring has, after the batch that is given for each channel, of what this shape lets through."""
        filters = dict(shape)
        names = {channel: {name for _, name in keys(channel, filter_)} for channel, filter_ in shape}
        first = min(start.values(), default=self.seq)
        found: list[Encoded] = []
        for change in reversed(self._ring):
            if change.seq <= first:
                break
            filter_ = filters.get(change.channel)
            if filter_ is None or change.seq <= start[change.channel]:
                continue
            if names[change.channel] & {EVERYTHING, change.key[1]} and lets_through(filter_, change):
                found.append(change)
        found.reverse()
        return found

    def start(self, seq: int, oldest: int, changes: Iterable[Encoded]) -> None:
        """Begin anew: the ring holds the changes of (oldest, seq]. Who follows something must get a snapshot."""
        self._ring.clear()
        self._ring.extend(sorted(changes, key=lambda change: change.seq))
        self.seq, self.oldest = seq, oldest
        self._generations += 1
        self.generation = self._generations
        self._trim()
        self._wake()

    def forget(self) -> None:
        """Nothing is read any more, until `start`."""
        self.generation = 0
        self._ring.clear()

    def publish(self, seq: int, changes: Sequence[Encoded]) -> None:
        """The changes of the batches (self.seq, seq] to all who follow them."""
        ordered = sorted(changes, key=lambda change: change.seq)
        self._ring.extend(ordered)
        self.seq = seq
        self._trim()
        chosen: dict[Shape, list[int]] = defaultdict(list)
        for place, change in enumerate(ordered):
            channel, name = change.key
            for key in ((channel, name), (channel, EVERYTHING)):
                for shape, filter_ in self._index.get(key, {}).items():
                    if lets_through(filter_, change):
                        chosen[shape].append(place)
        made: dict[tuple[int, ...], list[Payload]] = {}
        for shape, places in chosen.items():
            which = tuple(places)
            payloads = made.get(which)
            if payloads is None:
                payloads = made[which] = parts(seq, [ordered[place] for place in which])
            for client in self._shapes[shape]:
                for payload in payloads:
                    client.push(payload)
        metrics.stream_changes_total.inc(len(ordered))
        self._wake()

    def tell(self, payload: Payload) -> None:
        """A message to everybody."""
        for client in self._clients:
            client.push(payload)

    async def reach(self, seq: int, within_s: float) -> bool:
        """Wait until the reader has told this batch; False when it has not in time."""
        if self._has(seq):
            return True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reached.append((seq, future))
        try:
            async with asyncio.timeout(within_s):
                await future
        except TimeoutError:
            return False
        finally:
            self._reached = [entry for entry in self._reached if entry[1] is not future]
        return True

    def _has(self, seq: int) -> bool:
        return self.generation > 0 and self.seq >= seq

    def _wake(self) -> None:
        for seq, future in self._reached:
            if self._has(seq) and not future.done():
                future.set_result(None)

    def _trim(self) -> None:
        """Whole batches leave the ring, so that what it has of a batch is all of it."""
        while len(self._ring) > self._changes_max:
            self.oldest = self._ring[0].seq
            while self._ring and self._ring[0].seq <= self.oldest:
                self._ring.popleft()


def parts(seq: int, changes: Sequence[Encoded]) -> list[Payload]:
    """An update, cut where it grows too large."""
    found: list[Payload] = []
    begin = size = 0
    for place, change in enumerate(changes):
        if size and size + len(change.json) > MESSAGE_BYTES_MAX:
            found.append(Payload("update", update(seq, changes[begin:place], more=True)))
            begin, size = place, 0
        size += len(change.json)
    found.append(Payload("update", update(seq, changes[begin:]), seq))
    return found
