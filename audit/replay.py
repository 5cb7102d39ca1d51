"""`tape audit replay`: fold the log from the beginning and compare the result with the live tables, row by row.

The fold is the domain's own, in memory; the tables are read in one snapshot, and the fold stops where that snapshot
says the projections have come to.
Boundaries: what stands on no tape (ticks, bars, portfolio values) is not compared. Bytes and hashes: audit.verify.
Verification: tests/audit/test_replay.py changes one row of each table after another and expects each to be named.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NoReturn

import msgspec

from audit import tapes
from audit.compare import Difference, LogReader, Place, StateReader, difference, foreign_rows
from audit.expected import STATE_TABLES, Expected
from audit.expected_desk import DESK_EVENTS
from audit.findings import FINDINGS_KEPT_MAX, Progress, Silent, counted
from audit.logtables import AUDIT_LOGS, LEDGER_LOGS, SIGNAL_LOGS, Live, LogTable
from audit.tapes import TAPES, Connection, Extent, Reached
from domain.actions import ActionRecorded
from domain.catalog import catalog
from domain.errors import BooksError, ChainError, UnreadableInput
from domain.events import LedgerEvent
from domain.ledger import Ledger
from domain.signals import SignalGenerated
from projections import marks
from projections.sources import record_sha256
from runtime.settings import Settings
from streams import codec
from streams.tape import Chain, TapeRecord, read_range
from streams.tape.reader import kafka_lookup

_STEP = 500


class TableSummary(msgspec.Struct, frozen=True, kw_only=True):
    """rows: read from the table. differences: values or rows that are not as the fold has them."""

    table: str
    rows: int
    differences: int


class ReplayVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """ok: no difference. events: folded, dead records left out. digest: SHA-256 of the folded ledger (hex).

    skipped: records that a projection passes over on purpose, by whom and why. Their own rows are not expected; what
    else follows from them in the fold, and not in the tables, is among the differences.
    """

    ok: bool
    events: int
    accounts: int
    tables: list[TableSummary]
    digest: str
    differences: list[Difference]
    differences_total: int
    duration_s: float
    skipped: list[str] = []

    def text(self) -> str:
        """The verdict in one line."""
        rows = sum(table.rows for table in self.tables)
        found = f"{counted(self.differences_total, 'difference')} in " if self.differences_total else ""
        skipped = f"; {counted(len(self.skipped), 'record')} passed over on purpose" if self.skipped else ""
        return (
            f"{found}{rows:,} rows of {len(self.tables)} tables against {self.events:,} events of "
            f"{counted(self.accounts, 'account')}, state {self.digest[:16]}{skipped}"
        )


class _Broken(Exception):
    """The log cannot be folded further; what is wrong with it has been noted."""


def replay(settings: Settings, progress: Progress | None = None) -> ReplayVerdict:
    """Fold every tape from its beginning and compare with the tables. Changes nothing.

    A log that does not fold (a broken chain, an event that does not follow) is a difference of table `(tape)`, and then
    no table is compared. Raises UnavailableError when a server is not there.
    """
    with tapes.snapshot(settings) as connection:
        return _Replay(settings, connection, progress or Silent()).run()


class _Replay:
    def __init__(self, settings: Settings, connection: Connection, tell: Progress) -> None:
        self._settings = settings
        self._connection = connection
        self._tell = tell
        self._started = time.monotonic()
        kept_us = settings.client_ids_kept_s * 1_000_000
        self._expected = Expected(Ledger(catalog(settings.symbols()), ids_kept_us_max=kept_us))
        self._events = 0
        self._rows: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._kept: list[Difference] = []
        self._skips = {(one.topic, one.partition, one.offset): one for one in marks.all_skips(connection)}
        self._skipped: list[str] = []

    def run(self) -> ReplayVerdict:
        """Every tape, then the tables that change."""
        try:
            reached = {name: tapes.reached(self._connection, TAPES[name], self._settings.topic(name)) for name in TAPES}
            self._tape("ledger.events", (*LEDGER_LOGS, DESK_EVENTS), reached["ledger.events"])
            self._tape("trading.signals", SIGNAL_LOGS, reached["trading.signals"])
            self._tape("audit.logs", AUDIT_LOGS, reached["audit.logs"])
        except _Broken:
            return self._verdict()
        self._tell.stage("compare tables", len(STATE_TABLES))
        for table in STATE_TABLES:
            reader = StateReader(self._connection, table)
            self._note(reader.differences(self._expected.rows(table), self._expected.last()))
            self._rows[table.name] = reader.rows
            self._tell.advance()
        return self._verdict()

    def _tape(self, name: str, tables: tuple[LogTable, ...], reached: dict[int, Reached]) -> None:
        topic = self._settings.topic(name)
        extents = tapes.extents(self._settings, topic)
        self._tell.stage(f"fold {topic}", sum(at.next_offset for at in reached.values()))
        for partition, extent in extents.items():
            end = reached[partition].next_offset if partition in reached else 0
            self._check_extent(Place(topic, partition, end), extent)
            readers = [
                (table, LogReader(self._connection, table.name, table.columns, table.leg, Place(topic, partition, 0)))
                for table in tables
            ]
            self._partition(topic, partition, end, readers)
            for table, reader in readers:
                self._note(reader.finish())
                self._rows[table.name] = self._rows.get(table.name, 0) + reader.rows
        for table in tables:
            self._note(foreign_rows(self._connection, table.name, list(extents)))

    def _check_extent(self, place: Place, extent: Extent) -> None:
        if extent.start > 0 or extent.end < place.offset:
            expected = f"records 0 up to {place.offset}"
            self._break(place, expected, f"records {extent.start} up to {extent.end}")

    def _partition(self, topic: str, partition: int, end: int, readers: list[tuple[LogTable, LogReader]]) -> None:
        chain = Chain(topic, partition, lookup=kafka_lookup(self._settings, topic, partition))
        count = 0
        for record in read_range(self._settings, topic, partition, 0, end):
            count += 1
            if count % _STEP == 0:
                self._tell.advance(_STEP)
            place = Place(topic, partition, record.offset)
            is_skipped = False
            try:
                if not chain.accept(record):
                    continue
                is_skipped = self._is_skipped(record)
                self._expected.causes.take(record)
                message = codec.decode(record.value, record.headers)
                steps = self._expected.take(message, place) if isinstance(message, LedgerEvent) else []
                if isinstance(message, ActionRecorded):
                    self._expected.access.take(message, place)
                if isinstance(message, SignalGenerated) and not is_skipped:
                    self._expected.outcomes.take(message, place)
            except (ChainError, BooksError, UnreadableInput, KeyError) as error:
                if is_skipped and isinstance(error, UnreadableInput):
                    continue
                self._break(place, "a record that follows from those before it", str(error))
            self._events += 1
            id_ = (codec.header(record.headers, "ce_id") or b"").decode(errors="replace")
            live = Live(record.offset, id_, message, record.value or b"", steps)
            for table, reader in readers:
                self._note(reader.take(record.offset, [] if is_skipped else table.rows(live)))
        self._tell.advance(count % _STEP)

    def _is_skipped(self, record: TapeRecord) -> bool:
        """Whether the projection passes over this very record; then it has no rows of its own."""
        skip = self._skips.get((record.topic, record.partition, record.offset))
        if skip is None or skip.sha256 != record_sha256(record, is_tape=True):
            return False
        place = f"{skip.topic}/{skip.partition} offset {skip.offset}"
        self._skipped.append(f"{place} is passed over by projection {skip.projection}, by {skip.actor}: {skip.reason}")
        return True

    def _break(self, place: Place, expected: str, found: str) -> NoReturn:
        key = f"{place.topic}/{place.partition}"
        self._note([difference("(tape)", key, "record", expected, found, place)])
        raise _Broken

    def _note(self, differences: Iterable[Difference]) -> None:
        for one in differences:
            self._counts[one.table] = self._counts.get(one.table, 0) + 1
            if len(self._kept) < FINDINGS_KEPT_MAX:
                self._kept.append(one)

    def _verdict(self) -> ReplayVerdict:
        names = sorted({*self._rows, *self._counts})
        total = sum(self._counts.values())
        return ReplayVerdict(
            ok=total == 0,
            events=self._events,
            accounts=len(self._expected.ledger.accounts),
            tables=[
                TableSummary(table=name, rows=self._rows.get(name, 0), differences=self._counts.get(name, 0))
                for name in names
            ],
            digest=self._expected.digest().hex(),
            differences=self._kept,
            differences_total=total,
            duration_s=time.monotonic() - self._started,
            skipped=self._skipped,
        )
