"""Goal: nobody who reads or writes notices a switch. Method: real processes, killed and broken off, and readers that
compare what they see with what must be so at any moment."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from projections.progress import Connection
from runtime.clients import postgres, postgres_reader
from runtime.settings import Settings
from tests.nursery import ROOT
from tests.projections.rebuild.test_versions import BY
from tests.projections.tapes import produce
from tests.projections.test_runner import assert_deposits, deposits
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration
PARTITIONS = 3


def projected(connection: Connection, schema: str = "public") -> int:
    (count,) = connection.execute(
        f"""select coalesce(sum(next_offset), 0)::bigint from {schema}.projection_progress
            where projection = 'ledger'""".encode()
    ).fetchone() or (0,)
    return int(count)


class Reader(threading.Thread):
    """Reads through the reader's role all the time, in statements and in transactions of one snapshot.

    Whatever the moment, balances, postings and the archive tell of the same records, and no count ever goes back.
    """

    QUERY = """
        select (select count(*) from accounts), (select count(*) from journal_postings),
            (select coalesce(sum(amount), 0) from balances where book_account = 'cash'),
            (select coalesce(sum(amount), 0) from journal_postings where book_account = 'cash'),
            (select coalesce(sum(next_offset), 0) from projection_progress where projection = 'ledger'),
            (select count(*) from tape_records), (select count(*) from fills_now)
    """

    def __init__(self, settings: Settings, isolation: psycopg.IsolationLevel) -> None:
        super().__init__(daemon=True)
        self.problems: list[str] = []
        self.reads = 0
        self._settings = settings
        self._isolation = isolation
        self._end = threading.Event()

    def run(self) -> None:
        last: tuple[Any, ...] = (0, 0, 0)
        try:
            with postgres_reader(self._settings) as connection:
                connection.isolation_level = self._isolation
                while not self._end.is_set():
                    with connection.transaction():
                        progress = connection.execute("select sum(next_offset) from projection_progress").fetchone()
                        row = connection.execute(self.QUERY).fetchone()
                        again = connection.execute("select sum(next_offset) from projection_progress").fetchone()
                    assert row is not None
                    accounts, postings, cash, posted, offsets, records, _ = row
                    self.reads += 1
                    if cash != posted or records != offsets or postings != 2 * (offsets - accounts):
                        self.problems.append(f"not one moment: {row}")
                    if self._isolation is psycopg.IsolationLevel.REPEATABLE_READ and progress != again:
                        self.problems.append(f"a snapshot that moves: {progress}, {again}")
                    if (accounts, postings, offsets) < last:
                        self.problems.append(f"went back: {row} after {last}")
                    last = (accounts, postings, offsets)
                    self._end.wait(0.01)
        except psycopg.Error as error:
            self.problems.append(repr(error))

    def stop(self) -> None:
        self._end.set()
        self.join(20)


@contextmanager
def reading(settings: Settings) -> Iterator[list[Reader]]:
    readers = [
        Reader(settings, level)
        for level in (psycopg.IsolationLevel.READ_COMMITTED, psycopg.IsolationLevel.REPEATABLE_READ)
    ]
    for reader in readers:
        reader.start()
    try:
        yield readers
    finally:
        for reader in readers:
            reader.stop()


class Writer(threading.Thread):
    """Puts the rest of some tapes on Kafka, little by little, until it is stopped; then all that is left."""

    def __init__(self, settings: Settings, tapes: list[list[Any]], begin: int, size: int) -> None:
        super().__init__(daemon=True)
        self._settings, self._tapes, self._at, self._size = settings, tapes, begin, size
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(0.2) and self._at + self._size < len(self._tapes[0]):
            for records in self._tapes:
                produce(self._settings, records[self._at : self._at + self._size])
            self._at += self._size

    def stop(self) -> None:
        self._end.set()
        self.join(20)
        for records in self._tapes:
            produce(self._settings, records[self._at :])


def command(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    """`tape projections …` as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "runtime.cli", "projections", *arguments],
        cwd=ROOT,
        env={**os.environ, **settings.environ()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_switch_under_load_is_seen_by_nobody(ledger_settings: Settings) -> None:
    """Two projectors write and two readers read while the ledger is rebuilt and switched, twice: none sees an error, a
    row that is missing, or two moments in one; at the end every deposit counts once."""
    each = 4_000
    tapes = [deposits(ledger_settings.topic("ledger.events"), partition, each) for partition in range(PARTITIONS)]
    for records in tapes:
        produce(ledger_settings, records[:1_500])
    writer = Writer(ledger_settings, tapes, 1_500, 20)
    with (
        postgres(ledger_settings, autocommit=True) as connection,
        worker(ledger_settings, "projections.worker") as one,
        worker(ledger_settings, "projections.worker") as other,
    ):
        eventually(lambda: projected(connection) > 0, "the projectors write")
        with reading(ledger_settings) as readers:
            writer.start()
            outcomes = []
            for _ in range(2):
                before = projected(connection)
                with command(ledger_settings, "rebuild", "ledger", "--switch", *BY) as run:
                    outcomes.append((*run.communicate(timeout=120), run.returncode))
                assert projected(connection) > before, "the live projection went on"
            writer.stop()
            eventually(lambda: projected(connection) == PARTITIONS * each, "all is projected")
        assert [(code, error) for _, error, code in outcomes if code] == []
        assert [reader.problems for reader in readers] == [[], []]
        assert min(reader.reads for reader in readers) > 20
        assert (one.process.poll(), other.process.poll()) == (None, None)
        assert_deposits(connection, PARTITIONS, each)
        states = connection.execute(
            "select state, count(*) from projection_versions where projection = 'ledger' group by 1"
        )
        assert dict(states.fetchall()) == {"LIVE": 1, "RETIRED": 2}
