"""From `backtest.requests` to the queue, each request once (design promise 6).

Jobs and the next offset are written in one transaction, which begins with `update backtest_inputs … where next_offset =
expected`: another worker that was faster makes it give up and look again. The consumer group's offsets are not used.
What cannot be read, or cannot be a job, goes to `ledger.deadletters` before the offset moves on, and stops nobody.

Verification: tests/streams/backtests/test_requests.py.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Sequence

import psycopg
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from domain.backtests import BacktestCancelled, BacktestRequested
from domain.errors import TopologyError, UnavailableError, UnreadableInput
from runtime.clients import consume_ready, kafka_consumer, kafka_producer, postgres_backtests
from runtime.settings import Settings
from streams.backtests.queue import Connection, Cursor, Policy, cancel, enqueue
from streams.deadletters import DeadLetters
from streams.tape import TapeRecord, end_offsets

TOPIC = "backtest.requests"
SERVICE = "backtests"
CONNECTION = {
    "autocommit": True,
    "connect_timeout": 5,
    "application_name": "tapeledger backtests",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.UndefinedTable,
    UnavailableError,
    KafkaException,
)
"""What heals by waiting: a server that is away, a deadlock that we lost, tables that are not migrated yet."""
_RECORDS_MAX = 200
_POLL_S = 0.2
_LETTER_MS_MAX = 10_000  # the database waits meanwhile
_BACKOFF_S_MAX = 5.0
_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NAME_CHARACTERS_MAX = 200
_TIME_US_MAX = 253_402_300_799_999_999  # the end of the year 9999
_TRANSIENT = frozenset(
    {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._TIMED_OUT}
)
_BEGIN = "insert into backtest_inputs (topic, partition, next_offset) values (%s, %s, 0) on conflict do nothing"
_LOAD = "select partition, next_offset from backtest_inputs where topic = %s"
_GUARD = """
update backtest_inputs set next_offset = %s where topic = %s and partition = %s and next_offset = %s
"""
log = logging.getLogger(__name__)


class Overtaken(Exception):
    """Another worker has taken in some of this batch."""


class Requests:
    """Takes requests in. turned_at: when its loop last turned (monotonic, s). problem: why it does not, for people.

    caught_up is set once the end that the topic had at the start is reached.
    """

    def __init__(self, settings: Settings) -> None:
        self.topic = settings.topic(TOPIC)
        self.turned_at = time.monotonic()
        self.caught_up = threading.Event()
        self.problem: str | None = None
        self._settings = settings
        self._policy = Policy.of(settings)
        self._producer = kafka_producer(settings, **{"message.timeout.ms": _LETTER_MS_MAX})
        self._dead_letters = DeadLetters(settings, SERVICE, self._producer)
        self._next: dict[int, int] = {}
        self._ends: dict[int, int] = {}

    def run(self, stop: threading.Event) -> None:
        """Until `stop`. Raises TopologyError when the topic has lost records that were taken in."""
        failures = 0
        while not stop.is_set():
            self.turned_at = time.monotonic()
            try:
                with postgres_backtests(self._settings, **CONNECTION) as connection:
                    failures = 0
                    self._follow(connection, stop)
            except AWAY as error:
                self.problem = " ".join(str(error).split())
                pause_s = min(_BACKOFF_S_MAX, 0.1 * 2**failures)
                failures = min(failures + 1, 10)
                log.warning("requests wait %.1f s: %s", pause_s, self.problem)
                stop.wait(pause_s)

    def _follow(self, connection: Connection, stop: threading.Event) -> None:
        """Read and write until `stop`, or until another worker is faster."""
        self._next, self._ends = self._load(connection), end_offsets(self._settings, self.topic)
        self._check_not_ahead()
        consumer = kafka_consumer(self._settings, **{"enable.partition.eof": False})
        try:
            consumer.assign([TopicPartition(self.topic, partition, at) for partition, at in self._next.items()])
            while not stop.is_set():
                self.turned_at = time.monotonic()
                self._see_end()
                records = self._poll(consumer)
                if records:
                    self.take(connection, records)
                self.problem = None
        except Overtaken as overtaken:
            log.info("%s", overtaken)
        finally:
            consumer.close()

    def take(self, connection: Connection, records: Sequence[TapeRecord]) -> None:
        """Records, those of a partition in their order, and their offsets in one transaction. Raises Overtaken."""
        ends = {record.partition: record.offset + 1 for record in records}
        with connection.transaction(), connection.cursor() as cursor:
            for partition, end in sorted(ends.items()):
                cursor.execute(_GUARD, (end, self.topic, partition, self._next[partition]))
                if cursor.rowcount != 1:
                    raise Overtaken(f"{self.topic}/{partition} is no longer at offset {self._next[partition]}")
            for record in records:
                self._put(connection, cursor, record)
            if self._dead_letters.pending:
                self._dead_letters.flush()
        self._next.update(ends)

    def _put(self, connection: Connection, cursor: Cursor, record: TapeRecord) -> None:
        try:
            asked = record.decoded()
            _check(asked)
            with connection.transaction():  # a savepoint
                self._apply(cursor, asked, record)
        except (UnreadableInput, psycopg.DataError, psycopg.IntegrityError) as error:
            self._dead_letters.add(record, " ".join(str(error).split()))

    def _apply(self, cursor: Cursor, asked: BacktestRequested | BacktestCancelled, record: TapeRecord) -> None:
        if isinstance(asked, BacktestRequested):
            is_new = enqueue(cursor, asked, record.partition, record.offset, self._policy)
            log.info("backtest %s %s", asked.backtest_id, "is queued" if is_new else "was asked for before")
        else:
            is_needed = cancel(cursor, asked)
            log.info("backtest %s %s", asked.backtest_id, "is to end" if is_needed else "is not there to be ended")

    def _load(self, connection: Connection) -> dict[int, int]:
        for partition in range(self._settings.partitions):
            connection.execute(_BEGIN, (self.topic, partition))
        return dict(connection.execute(_LOAD, (self.topic,)).fetchall())

    def _check_not_ahead(self) -> None:
        for partition, end in self._ends.items():
            if self._next.get(partition, 0) > end:
                raise TopologyError(
                    f"{self.topic}/{partition} ends at offset {end}, but the database has its requests up to offset "
                    f"{self._next[partition] - 1}: it lost records, or it is another broker"
                )

    def _see_end(self) -> None:
        if not self.caught_up.is_set() and all(self._next[partition] >= end for partition, end in self._ends.items()):
            self.caught_up.set()

    def _poll(self, consumer: Consumer) -> list[TapeRecord]:
        records = []
        for message in consume_ready(consumer, _RECORDS_MAX, _POLL_S):
            error = message.error()
            if error is None:
                records.append(TapeRecord.of(message))
            elif not error.retriable() and error.code() not in _TRANSIENT:
                raise UnavailableError(f"{self.topic} cannot be read: {error}")
        return records


def _check(asked: object) -> None:
    """Raises UnreadableInput for what can be no job, and would stop the database at it."""
    if not isinstance(asked, BacktestRequested | BacktestCancelled):
        raise UnreadableInput(f"expected a BacktestRequested or a BacktestCancelled, it was a {type(asked).__name__}")
    if _ID.fullmatch(asked.backtest_id) is None:
        raise UnreadableInput(f"expected an id of 1 to 64 letters, digits and `_.-`, it was {asked.backtest_id[:80]!r}")
    if not 1 <= len(asked.requested_by) <= _NAME_CHARACTERS_MAX or "\x00" in asked.requested_by:
        raise UnreadableInput(f"expected a name of 1 to {_NAME_CHARACTERS_MAX} characters of who asks")
    if not 0 <= asked.issued_at_us <= _TIME_US_MAX:
        raise UnreadableInput(f"expected a time from 1970 to 9999, it was {asked.issued_at_us} microseconds")
