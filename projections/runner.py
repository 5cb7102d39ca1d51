"""Reads one group's topic and writes its rows, exactly once (design promise 6).

Rows and progress are written in one transaction, which begins with `update projection_progress … where next_offset =
expected`. That takes the row's lock; when no row is left to update, another projector was faster: all is rolled back,
progress is read again, and reading goes on from there. A server that is away is waited for. At a tape that is not what
was written, or an event that this program cannot project, the runner stands still: it says where, writes it down, and
goes on when the record is to be passed over, or when trying again helps.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

import psycopg

from domain.errors import ChainError
from projections import marks, progress
from projections.groups import Group
from projections.marks import Stop
from projections.poison import AWAY, Poison, write_up_to
from projections.progress import Connection, Overtaken
from projections.rows import Cursor
from projections.sources import Batch, Position, Skips, Source, TapeSource, TickSource
from runtime import metrics
from runtime.clients import postgres_projector
from runtime.partitions import check_partitions
from runtime.settings import Settings
from streams.tape import end_offsets
from streams.tape.chain import Lookup

log = logging.getLogger(__name__)

BATCH_RECORDS_MAX = 5_000
POLL_S = 0.05
_BACKOFF_S_MAX = 5.0
_OVERTAKEN_PAUSE_S = 0.2
_STOPPED_TURN_S = 1.0
_HEALING_S_MAX = 60.0
_LOCK_TIMEOUT_MS = 10_000
"""While a version is switched in its projector waits; it says so every ten seconds, and asks again."""
_CONNECTION: Mapping[str, Any] = {
    "autocommit": True,
    "connect_timeout": 5,
    "application_name": "tapeledger projector",
    "options": f"-c lock_timeout={_LOCK_TIMEOUT_MS}",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
_KNOWN = """
select 1 from tape_records where topic = %s and partition = %s and hash = %s and seq = %s and record_offset < %s limit 1
"""
# The row's lock is held until the commit, so numbers are given in the order of commits and none is lost.
_NEXT_FEED = "update feed_head set feed = feed + 1 returning feed"
_FEED = """
insert into feed_batches (feed, projection, topic, partition, next_offset)
select %s, %s, %s, partition, next_offset from unnest(%s::integer[], %s::bigint[]) as ends (partition, next_offset)
"""


class Runner:
    """One group of projections over all partitions of its topic.

    progress: partition -> its position in the database, as far as this runner knows. turned_at: when its loop last
    turned (monotonic, s). caught_up is set once the end that the topic had at the start is reached. stopped: where it
    stands still, None while it goes on.
    """

    def __init__(self, settings: Settings, group: Group, batch_records_max: int = BATCH_RECORDS_MAX) -> None:
        self.group = group
        self.topic = settings.topic(group.topic)
        self.progress: dict[int, Position] = {}
        self.turned_at = time.monotonic()
        self.caught_up = threading.Event()
        self.stopped: Stop | None = None
        self._settings = settings
        self._batch_records_max = batch_records_max
        self._failures = 0  # since the last batch was written
        self._tries = 0  # to heal, at the place where it stands still
        self._skips: Skips = {}
        metrics.projection_stopped.labels(group.name).set(0)

    def run(self, stop: threading.Event) -> None:
        """Project until `stop`. Raises TopologyError, and what is no record's fault and waiting does not heal."""
        while not stop.is_set():
            self.turned_at = time.monotonic()
            try:
                with postgres_projector(self._settings, **_CONNECTION) as connection:
                    while not stop.is_set():
                        self._follow(connection, stop)
                        stop.wait(_OVERTAKEN_PAUSE_S)
            except AWAY as error:
                pause_s = min(_BACKOFF_S_MAX, 0.1 * 2**self._failures)
                self._failures = min(self._failures + 1, 10)
                log.warning("projection %s waits %.1f s: %s", self.group.name, pause_s, error)
                stop.wait(pause_s)
            except (ChainError, Poison) as error:
                self._stand_still(error, stop)

    def _follow(self, connection: Connection, stop: threading.Event) -> None:
        """Read and write until `stop`, or until another projector is faster."""
        ends = end_offsets(self._settings, self.topic)
        check_partitions(self._settings, {self.topic: len(ends)}, [self.group.topic])
        self.progress = self.load(connection, list(ends))
        self._check_not_ahead()
        source = self._open(connection)
        try:
            while not stop.is_set():
                self.turned_at = time.monotonic()
                self._see_end(ends)
                batch = source.poll(self._batch_records_max, POLL_S)
                if batch.ends:
                    write_up_to(batch, self.topic, lambda: self.progress, lambda part: self.write(connection, part))
        except Overtaken as overtaken:
            log.info("projection %s: %s", self.group.name, overtaken)
        finally:
            source.close()

    def load(self, connection: Connection, partitions: list[int]) -> dict[int, Position]:
        """The progress of these partitions, and what is passed over on them."""
        self._skips = marks.skips_of(connection, self.group.name, self.topic)
        found = progress.begin(connection, self.group, self.topic, partitions)
        self.stopped = marks.stop_of(connection, self.group.name)
        metrics.projection_stopped.labels(self.group.name).set(self.stopped is not None)
        is_past = self._is_past_stop(found)
        if is_past is not None:
            marks.clear_stop(connection.cursor(), self.group.name, *is_past)
            self._go_on()
        return found

    def write(self, connection: Connection, batch: Batch) -> None:
        """Rows and progress in one transaction. Raises Overtaken, and then nothing of the batch is written."""
        began = time.perf_counter()
        with connection.transaction(), connection.cursor() as cursor:
            progress.advance(cursor, self.group, self.topic, self.progress, batch.ends)
            self.group.apply(cursor, batch.items, self._skips)
            self._number(cursor, batch.ends)
            is_past = self._is_past_stop(batch.ends)
            if is_past is not None:
                marks.clear_stop(cursor, self.group.name, *is_past)
        self.progress.update(batch.ends)
        self._failures = 0
        if is_past is not None:
            self._go_on()
        metrics.projection_batch_milliseconds.labels(self.group.name).observe((time.perf_counter() - began) * 1_000)
        metrics.projection_records_total.labels(self.group.name).inc(len(batch.items))
        if self.group.is_tape:
            dead = sum(1 for _, live in batch.items if not live)
            metrics.projection_dead_records_total.labels(self.topic).inc(dead)

    def _number(self, cursor: Cursor, ends: Mapping[int, Position]) -> None:
        """Give the batch its number on the feed: the last thing before the commit, for all groups wait for it."""
        row = cursor.execute(_NEXT_FEED).fetchone()
        assert row is not None, "feed_head has its one row from the migration on"
        places = [(partition, next_offset) for partition, (next_offset, _) in sorted(ends.items())]
        partitions, offsets = [place[0] for place in places], [place[1] for place in places]
        cursor.execute(_FEED, (row[0], self.group.name, self.topic, partitions, offsets))

    def _open(self, connection: Connection) -> Source:
        if not self.group.is_tape:
            return TickSource(self._settings, self.topic, self.progress, self._skips)
        lookups = {partition: archive_lookup(connection, self.topic, partition) for partition in self.progress}
        return TapeSource(self._settings, self.topic, self.progress, lookups)

    def _check_not_ahead(self) -> None:
        """Raises ChainError when the broker has less than was projected: it lost records, or it is another broker."""
        ends = end_offsets(self._settings, self.topic)
        for partition, (next_offset, _) in self.progress.items():
            if next_offset > ends[partition]:
                raise ChainError(
                    self.topic,
                    partition,
                    ends[partition],
                    f"the partition ends here, but the database has its records up to offset {next_offset - 1}",
                )

    def _see_end(self, ends: Mapping[int, int]) -> None:
        if not self.caught_up.is_set() and all(self.progress[partition][0] >= end for partition, end in ends.items()):
            log.info("projection %s has caught up", self.group.name)
            self.caught_up.set()

    def _is_past_stop(self, ends: Mapping[int, Position]) -> tuple[int, int] | None:
        """Partition and position with which a batch has come past where it stood still."""
        if self.stopped is None or self.stopped.partition not in ends:
            return None
        next_offset = ends[self.stopped.partition][0]
        return (self.stopped.partition, next_offset) if next_offset > self.stopped.offset else None

    def _go_on(self) -> None:
        log.info("projection %s goes on", self.group.name)
        self.stopped, self._tries = None, 0
        metrics.projection_stopped.labels(self.group.name).set(0)

    def _stand_still(self, error: ChainError | Poison, stop: threading.Event) -> None:
        """Say where and why, and wait: until the record is to be passed over, or another projector has come past it, or
        for another try where that may heal.

        Other groups go on. What none of that heals waits for a restart, with a program that knows the event.
        """
        type_ = error.type if isinstance(error, Poison) else None
        is_whole = isinstance(error, Poison)
        found = Stop(self.group.name, error.topic, error.partition, error.offset, type_, error.problem, is_whole)
        if found != self.stopped:
            log.critical("%s", found, exc_info=error.__cause__ if isinstance(error, Poison) and error.heals else None)
        self.stopped = found
        metrics.projection_stopped.labels(self.group.name).set(1)
        heals = isinstance(error, Poison) and error.heals
        again_at = time.monotonic() + min(_HEALING_S_MAX, 2.0 ** min(self._tries, 10)) if heals else None
        self._tries += 1
        is_written = False
        while not stop.is_set() and (again_at is None or time.monotonic() < again_at):
            self.turned_at = time.monotonic()
            try:
                with postgres_projector(self._settings, **_CONNECTION) as connection:
                    if not is_written:
                        marks.put_stop(connection, found)
                        is_written = True
                    skips = marks.skips_of(connection, self.group.name, self.topic)
                    now = progress.load(connection, self.group, self.topic)
                if skips != self._skips or self._is_past_stop(now) is not None:
                    return
            except psycopg.Error as away:
                log.warning("projection %s stands still, and the database is away: %s", self.group.name, away)
            stop.wait(_STOPPED_TURN_S)


def archive_lookup(connection: Connection, topic: str, partition: int) -> Lookup:
    """What lies behind the head where reading began is in the archive, so Kafka need not be read again."""

    def known(digest: bytes, seq: int, before: int) -> bool:
        row = connection.execute(_KNOWN, (topic, partition, digest, seq, before)).fetchone()
        return row is not None

    return known
