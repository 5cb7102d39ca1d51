"""Reads one group's topic and writes its rows, exactly once (design promise 6).

Rows and progress are written in one transaction, which begins with `update projection_progress … where next_offset =
expected`. That takes the row's lock; when no row is left to update, another projector was faster: all is rolled back,
progress is read again, and reading goes on from there. A server that is away is waited for; a tape that is not what was
written, or an event that this program does not know, ends the runner.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

import psycopg
from confluent_kafka import KafkaException

from domain.errors import ChainError, UnavailableError
from projections.groups import NO_HEAD, Batch, Group, Position, Source, TapeSource, TickSource
from projections.rows import Cursor
from runtime import metrics
from runtime.clients import postgres_projector
from runtime.partitions import check_partitions
from runtime.settings import Settings
from streams.tape import Head, end_offsets, genesis
from streams.tape.chain import Lookup

log = logging.getLogger(__name__)

BATCH_RECORDS_MAX = 5_000
_POLL_S = 0.05
_BACKOFF_S_MAX = 5.0
_OVERTAKEN_PAUSE_S = 0.2
_CONNECTION: Mapping[str, Any] = {
    "autocommit": True,
    "connect_timeout": 5,
    "application_name": "tapeledger projector",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}

_BEGIN = """
insert into projection_progress (projection, topic, partition, next_offset, head_seq, head_hash)
values (%s, %s, %s, 0, 0, %s) on conflict do nothing
"""
_LOAD = """
select partition, next_offset, head_seq, head_hash from projection_progress where projection = %s and topic = %s
"""
_GUARD = """
update projection_progress set next_offset = %s, head_seq = %s, head_hash = %s, updated_at = now()
where projection = %s and topic = %s and partition = %s and next_offset = %s
"""
_KNOWN = """
select 1 from tape_records where topic = %s and partition = %s and hash = %s and seq = %s and record_offset < %s limit 1
"""

Connection = psycopg.Connection[tuple[Any, ...]]


# The row's lock is held until the commit, so numbers are given in the order of commits and none is lost.
_NEXT_FEED = "update feed_head set feed = feed + 1 returning feed"
_FEED = """
insert into feed_batches (feed, projection, topic, partition, next_offset)
select %s, %s, %s, partition, next_offset from unnest(%s::integer[], %s::bigint[]) as ends (partition, next_offset)
"""


class Overtaken(Exception):
    """Another projector has written some of this batch."""


class Runner:
    """One group of projections over all partitions of its topic.

    progress: partition -> its position in the database, as far as this runner knows. turned_at: when its loop last
    turned (monotonic, s). caught_up is set once the end that the topic had at the start is reached.
    """

    def __init__(self, settings: Settings, group: Group, batch_records_max: int = BATCH_RECORDS_MAX) -> None:
        self.group = group
        self.topic = settings.topic(group.topic)
        self.progress: dict[int, Position] = {}
        self.turned_at = time.monotonic()
        self.caught_up = threading.Event()
        self._settings = settings
        self._batch_records_max = batch_records_max
        self._failures = 0  # since the last batch was written

    def run(self, stop: threading.Event) -> None:
        """Project until `stop`.

        Raises ChainError, UnreadableInput, TopologyError, and psycopg's errors that waiting does not heal.
        """
        while not stop.is_set():
            self.turned_at = time.monotonic()
            try:
                with postgres_projector(self._settings, **_CONNECTION) as connection:
                    while not stop.is_set():
                        self._follow(connection, stop)
                        stop.wait(_OVERTAKEN_PAUSE_S)
            except _AWAY as error:
                pause_s = min(_BACKOFF_S_MAX, 0.1 * 2**self._failures)
                self._failures = min(self._failures + 1, 10)
                log.warning("projection %s waits %.1f s: %s", self.group.name, pause_s, error)
                stop.wait(pause_s)

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
                batch = source.poll(self._batch_records_max, _POLL_S)
                if batch.ends:
                    self.write(connection, batch)
        except Overtaken as overtaken:
            log.info("projection %s: %s", self.group.name, overtaken)
        finally:
            source.close()

    def load(self, connection: Connection, partitions: list[int]) -> dict[int, Position]:
        """The progress of these partitions; those that have none yet begin at offset 0."""
        for partition in partitions:
            head = genesis(self.topic, partition) if self.group.is_tape else NO_HEAD.hash
            connection.execute(_BEGIN, (self.group.name, self.topic, partition, head))
        rows = connection.execute(_LOAD, (self.group.name, self.topic)).fetchall()
        return {
            partition: (next_offset, Head(seq, bytes(digest)))
            for partition, next_offset, seq, digest in rows
            if partition in partitions
        }

    def write(self, connection: Connection, batch: Batch) -> None:
        """Rows and progress in one transaction. Raises Overtaken, and then nothing of the batch is written."""
        began = time.perf_counter()
        with connection.transaction(), connection.cursor() as cursor:
            for partition, (next_offset, head) in sorted(batch.ends.items()):
                expected = self.progress[partition][0]
                cursor.execute(
                    _GUARD, (next_offset, head.seq, head.hash, self.group.name, self.topic, partition, expected)
                )
                if cursor.rowcount != 1:
                    raise Overtaken(f"{self.topic}/{partition} is no longer at offset {expected}")
            self.group.apply(cursor, batch.items)
            self._number(cursor, batch.ends)
        self.progress.update(batch.ends)
        self._failures = 0
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
            return TickSource(self._settings, self.topic, self.progress)
        lookups = {partition: self._lookup(connection, partition) for partition in self.progress}
        return TapeSource(self._settings, self.topic, self.progress, lookups)

    def _lookup(self, connection: Connection, partition: int) -> Lookup:
        """What lies behind the head where reading began is in the archive, so Kafka need not be read again."""

        def known(digest: bytes, seq: int, before: int) -> bool:
            row = connection.execute(_KNOWN, (self.topic, partition, digest, seq, before)).fetchone()
            return row is not None

        return known

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


# What heals by waiting: a server that is away or restarts, a deadlock that we lost, tables that are not migrated yet.
_AWAY = (
    UnavailableError,
    KafkaException,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidCatalogName,
)
