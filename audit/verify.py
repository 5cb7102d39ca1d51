"""`tape audit verify`: chain in Kafka and archive in PostgreSQL are two whole and equal copies, and the books balance.

Boundaries: says nothing about the read models other than `balances`; that is audit.replay. A record that both copies
lack shows as a gap in the chain; a tape that both copies lack from some record on does not show.
Verification: tests/audit/test_verify.py plants one change after another and expects each to be named.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain as chained

import msgspec

from audit import archive, tapes
from audit.archive import Archived
from audit.books import Books, Causes
from audit.findings import Finding, Findings, Progress, Silent, counted
from audit.tapes import TAPES, Connection, Extent, Reached
from domain.errors import ChainError, UnavailableError
from runtime.settings import Settings
from streams.tape import Chain, Head, TapeRecord, genesis, read_range
from streams.tape.reader import kafka_lookup

_STEP = 500
_WAIT_STALL_S = 60.0


class TapeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One tape. records: of Kafka; archived: rows read; next_offset: how far its archive says it is.

    chain_whole: False when the chain broke; live and dead count up to there, and balances were not compared.
    """

    topic: str
    partition: int
    records: int
    live: int
    dead: int
    archived: int
    next_offset: int
    kafka_end: int
    head_seq: int
    head_hash: str
    chain_whole: bool


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """ok: nothing was found. behind: records that Kafka has and the archive has not taken yet (no finding)."""

    ok: bool
    tapes: list[TapeSummary]
    balances: int
    postings: int
    behind: int
    findings: list[Finding]
    findings_total: int
    duration_s: float

    def text(self) -> str:
        """The verdict in one line."""
        records = sum(tape.records for tape in self.tapes)
        dead = sum(tape.dead for tape in self.tapes)
        archived = sum(tape.archived for tape in self.tapes)
        behind = f", the archive is {self.behind:,} records behind" if self.behind else ""
        findings = f"{counted(self.findings_total, 'finding')} in " if self.findings_total else ""
        return (
            f"{findings}{records:,} records ({dead:,} dead) of {len(self.tapes)} tapes, {archived:,} archived, "
            f"{self.balances:,} balances from {self.postings:,} postings{behind}"
        )


def verify(settings: Settings, progress: Progress | None = None, *, wait: bool = False) -> Verdict:
    """Check every record of every tape, in Kafka and in the archive, and every balance. Changes nothing.

    wait: first wait until the archive has all that Kafka has now. Raises UnavailableError when a server is not there,
    or when the archive does not come on while it is waited for. Memory does not grow with the length of the tapes.
    """
    started = time.monotonic()
    tell = progress or Silent()
    if wait:
        _wait(settings, tell)
    findings = Findings()
    books = Books(findings)
    summaries = []
    behind = 0
    with tapes.snapshot(settings) as connection:
        reached = {name: tapes.reached(connection, TAPES[name], settings.topic(name)) for name in TAPES}
        extents = {name: tapes.extents(settings, settings.topic(name)) for name in TAPES}
        for name, partitions in extents.items():
            topic = settings.topic(name)
            tell.stage(f"verify {topic}", sum(extent.end - extent.start for extent in partitions.values()))
            for partition, extent in partitions.items():
                walk = _Walk(settings, connection, findings, tell, books if name == "ledger.events" else None)
                at = reached[name].get(partition) or Reached(0, Head(0, genesis(topic, partition)))
                summaries.append(walk.run(topic, partition, extent, at))
                behind += max(0, extent.end - at.next_offset)
        for finding in archive.foreign(connection, {(tape.topic, tape.partition) for tape in summaries}):
            findings.add(finding)
        balances = len(books.balances)
        if all(tape.chain_whole for tape in summaries):  # a fold that ends at a broken chain compares with nothing
            tell.stage("compare balances", balances)
            for finding in books.compare(connection, settings.topic("ledger.events")):
                findings.add(finding)
            tell.advance(balances)
    return Verdict(
        ok=findings.total == 0,
        tapes=summaries,
        balances=balances,
        postings=books.postings,
        behind=behind,
        findings=findings.kept,
        findings_total=findings.total,
        duration_s=time.monotonic() - started,
    )


def _wait(settings: Settings, tell: Progress) -> None:
    """Until the archive has what Kafka has now. Raises UnavailableError when it stands still for a minute."""
    ends = {name: tapes.extents(settings, settings.topic(name)) for name in TAPES}
    tell.stage("wait for the archive", sum(extent.end for parts in ends.values() for extent in parts.values()))
    done, deadline = 0, time.monotonic() + _WAIT_STALL_S
    while True:
        with tapes.snapshot(settings) as connection:
            reached = {name: tapes.reached(connection, TAPES[name], settings.topic(name)) for name in TAPES}
        missing = now = 0
        for name, partitions in ends.items():
            for partition, extent in partitions.items():
                next_offset = reached[name][partition].next_offset if partition in reached[name] else 0
                now += min(next_offset, extent.end)
                missing += max(0, extent.end - next_offset)
        tell.advance(now - done)
        if not missing:
            return
        if now > done:
            deadline = time.monotonic() + _WAIT_STALL_S
        elif time.monotonic() > deadline:
            raise UnavailableError(
                f"the archive stands still {missing:,} records behind Kafka; is the projector running (`tape status`)?"
            )
        done = now
        time.sleep(0.2)


class _Walk:
    """One partition, Kafka and archive side by side in the order of offsets."""

    def __init__(
        self, settings: Settings, connection: Connection, findings: Findings, tell: Progress, books: Books | None
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._findings = findings
        self._tell = tell
        self._books = books
        self._causes = Causes(findings)

    def run(self, topic: str, partition: int, extent: Extent, at: Reached) -> TapeSummary:
        """Walk both copies and report what is not as it must be."""
        self._topic, self._partition, self._extent, self._at = topic, partition, extent, at
        chain = Chain(topic, partition, lookup=kafka_lookup(self._settings, topic, partition))
        self._chain: Chain | None = chain
        if extent.start > 0:
            self._add("kafka_truncated", 0, "the first record", "offset 0", f"the partition begins at {extent.start}")
            self._chain = None
        if at.next_offset > extent.end:
            self._add("kafka_shorter", extent.end, "end of the partition", f"offset {at.next_offset}", f"{extent.end}")
        self._rows = archive.walk(self._connection, topic, partition)
        self._row = next(self._rows, None)
        self._archived = records = live = 0
        for record in read_range(self._settings, topic, partition, extent.start, extent.end):
            if record.offset == at.next_offset:
                self._check_head()
            records += 1
            live += self._take(record)
            if records % _STEP == 0:
                self._tell.advance(_STEP)
        self._tell.advance(records % _STEP)
        if at.next_offset == extent.end:
            self._check_head()
        self._rest()
        return TapeSummary(
            topic=topic,
            partition=partition,
            records=records,
            live=live,
            dead=chain.dead,
            archived=self._archived,
            next_offset=at.next_offset,
            kafka_end=extent.end,
            head_seq=chain.head.seq,
            head_hash=chain.head.hash.hex(),
            chain_whole=self._chain is not None,
        )

    def _take(self, record: TapeRecord) -> bool:
        """Check one record of Kafka, and its copy if the archive has come so far. True when it is live."""
        live: bool | None = None
        if self._chain is not None:
            try:
                live = self._chain.accept(record)
            except ChainError as error:
                self._add(
                    "chain_broken", record.offset, "chain", "a record that follows one of this tape", error.problem
                )
                self._chain = None
        projected = record.offset < self._at.next_offset
        if live:
            self._causes.take(record)
            if self._books is not None:
                self._books.take(record, projected=projected)
        if projected:
            self._compare(record, live)
        return bool(live)

    def _compare(self, record: TapeRecord, live: bool | None) -> None:
        for other in self._rows_up_to(record.offset):
            self._extra(other)
        row = self._row
        if row is None or row.offset != record.offset:
            self._add("archive_missing", record.offset, "row", "the record's copy", "no row")
            return
        self._next_row()
        for field, expected, found in archive.differences(record, live, row):
            self._add("archive_differs", row.offset, field, expected, found)
        for _row in self._rows_up_to(record.offset + 1):
            self._add("archive_duplicate", record.offset, "row", "one row", "another row with the same offset")

    def _rest(self) -> None:
        """Rows behind the last record that was compared."""
        remaining = self._rows if self._row is None else chained([self._row], self._rows)
        for row in remaining:
            self._archived += 1
            if row.offset >= self._at.next_offset:
                expected = f"no row, the archive says it has come to {self._at.next_offset}"
                self._add("archive_ahead", row.offset, "row", expected, "a row")
            else:
                self._extra(row)

    def _extra(self, row: Archived) -> None:
        """A row whose record Kafka does not have, or no longer has."""
        if self._extent.start <= row.offset < self._extent.end:
            self._add("archive_extra", row.offset, "row", "no row, Kafka has no such record", "a row")
            return
        self._add("kafka_missing", row.offset, "record", "the record in Kafka", "only its archived copy")
        for field, expected, found in archive.alone(row):
            self._add("archive_differs", row.offset, field, expected, found)

    def _check_head(self) -> None:
        """The head that the projector left must be the chain's at that place."""
        if self._chain is not None and self._chain.head != self._at.head:
            expected, found = self._chain.head, self._at.head
            self._add(
                "progress_head_differs",
                self._at.next_offset,
                "projection_progress head",
                f"number {expected.seq}, {expected.hash.hex()}",
                f"number {found.seq}, {found.hash.hex()}",
            )

    def _rows_up_to(self, offset: int) -> Iterator[Archived]:
        while self._row is not None and self._row.offset < offset:
            yield self._row
            self._next_row()

    def _next_row(self) -> None:
        self._archived += 1
        self._row = next(self._rows, None)

    def _add(self, kind: str, offset: int, subject: str, expected: str, found: str) -> None:
        self._findings.add(
            Finding(
                kind=kind,
                topic=self._topic,
                partition=self._partition,
                offset=offset,
                subject=subject,
                expected=expected,
                found=found,
            )
        )
