"""The one reader of a process: it looks for new batches, reads what they changed once, and hands it to the hub.

It polls one row (`feed_head`); the projector does nothing for it. Each look that finds something reads all the batches
that came since, in one snapshot of the database, however many they are: the longer the loop takes for its clients, the
more batches go into one message. While nobody is connected nothing is read.

A database that is away is waited for, and reading goes on with the batch after the last one told. Only when more came
meanwhile than the ring may hold, when a rebuilt projection with other rows was switched in, or when the feed began anew
(another database), do clients get fresh snapshots.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import psycopg

from api.stream import alerts, ledger_rows, market_rows
from api.stream.bars import Bars
from api.stream.changes import Encoded, encoded
from api.stream.hub import Hub
from api.stream.messages import Because
from api.stream.places import Batches, batches, window
from api.stream.portfolios import Portfolios
from api.stream.source import AWAY, Head, Read, Source
from runtime import metrics
from runtime.settings import Settings

_log = logging.getLogger(__name__)
_BACKOFF_S_MAX = 2.0
_LINGER_S = 30.0

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class Reader:
    """on_restart: called, with the reason, when clients must get fresh snapshots.

    read_at: when the database last answered, or somebody began to want it to (monotonic, s). places: (topic, partition)
    -> the first record that is not projected.
    """

    def __init__(self, settings: Settings, source: Source, hub: Hub, on_restart: Callable[[Because], None]) -> None:
        self.read_at = time.monotonic()
        self.places: dict[tuple[str, int], int] = {}
        self._hub, self._source, self._on_restart = hub, source, on_restart
        self._poll_s = settings.stream_poll_ms / 1_000
        self._batches_max = settings.stream_resume_batches_max
        self._records_max = settings.stream_resume_changes_max
        self._bars = Bars()
        self._portfolios = Portfolios(settings.stream_portfolio_ms, hub.accounts_valued)

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            if not self._hub.wanted.is_set():
                await self._hub.wanted.wait()
                self.read_at = time.monotonic()
            try:
                async with self._source.follow() as connection:
                    failures = 0
                    await self._follow(connection)
            except AWAY as error:
                self._bars.forget()  # they may have ticks of a batch that was not told
                pause_s = min(_BACKOFF_S_MAX, 0.1 * 2**failures)
                failures = min(failures + 1, 10)
                _log.warning("the stream waits %.1f s for the database: %s", pause_s, str(error).strip())
                await asyncio.sleep(pause_s)

    async def _follow(self, connection: Connection) -> None:
        """Until nobody has been connected for a while. Raises one of AWAY."""
        wanted_at = time.monotonic()
        while True:
            began = time.monotonic()
            if len(self._hub):
                wanted_at = began
            elif began - wanted_at > _LINGER_S:
                self._hub.forget()
                return
            cursor = await connection.execute("select feed from feed_head")
            row = await cursor.fetchone()
            feed = 0 if row is None else int(row[0])
            self.read_at = time.monotonic()
            if not self._hub.generation or feed != self._hub.seq or self._portfolios.due():
                async with connection.transaction():
                    await self._advance(Read(connection))
            await asyncio.sleep(max(0.0, began + self._poll_s - time.monotonic()))

    async def _advance(self, read: Read) -> None:
        began, told, head = time.perf_counter(), self._hub.seq, await read.head()
        feed = head.feed
        if self._hub.generation and feed >= told >= head.replaced_at:
            found = await batches(read, told, feed)
            if found.records() <= self._records_max:
                changes = await self._changes(read, found)
                self._hub.publish(feed, changes)
                metrics.stream_read_milliseconds.observe((time.perf_counter() - began) * 1_000)
                return
            _log.warning("%d records came at once: clients get snapshots", found.records())
        await self._begin(read, head, "REBUILT" if told < head.replaced_at else "OVERRUN")

    async def _begin(self, read: Read, head: Head, because: Because) -> None:
        """Fill the ring with what came last, and go on from here."""
        feed = head.feed
        after = max(head.replaced_at, await window(read, feed, self._batches_max, self._records_max))
        self._bars.forget()
        found = await batches(read, after, feed)
        changes = await self._changes(read, found)
        rows = await read.all("select topic, partition, next_offset from projection_progress", {})
        self.places = {(topic, partition): offset for topic, partition, offset in rows}
        restarts = self._hub.generation > 0
        self._hub.start(feed, after, changes)
        if restarts:
            metrics.stream_restarts_total.inc()
            self._on_restart(because)

    async def _changes(self, read: Read, found: Batches) -> list[Encoded]:
        of_market, priced = await market_rows.changes(read, found, self._bars)
        of_ledger, accounts, traded = await ledger_rows.changes(read, found)
        of_alerts = await alerts.changes(read, found)
        self._portfolios.moved(accounts, priced | traded)  # where there is no tick, a fill's price counts for everybody
        valued = await self._portfolios.value(read) if self._portfolios.due() else []
        self.places.update(found.places())
        return [
            *of_market,
            *of_ledger,
            *of_alerts,
            *(encoded(found.feed, "portfolio", portfolio) for portfolio in valued),
        ]
