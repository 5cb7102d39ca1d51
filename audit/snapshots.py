"""`tape audit snapshots`: does a start from the ledger's snapshots give what its tapes give?

Each tape is folded from its beginning. When an account, or the desk, comes to the version that the snapshot has of it,
the two must be the same bytes; when the fold comes to the epoch's place, head, causes and the sum over all of them must
be the epoch's.

Boundaries: needs Kafka and no database. A partition without a snapshot, or with one of another version or of other
settings (which a worker passes over), is no finding.
Verification: tests/audit/test_snapshots.py.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import msgspec

from audit import tapes
from audit.findings import Finding, Findings, Progress, Silent, counted
from domain.catalog import catalog
from domain.errors import BooksError, ChainError, SnapshotError, UnreadableInput
from domain.ledger import Ledger
from runtime.settings import Settings
from streams import codec
from streams.desks import desk_key
from streams.snapshots import topic as snapshot_topic
from streams.snapshots.accounts import SNAPSHOTS, AccountStates
from streams.snapshots.form import Codec, Epoch, Members
from streams.snapshots.stored import Reading, Stored
from streams.tape import Chain, TapeRecord, genesis, read_range
from streams.tape.reader import kafka_lookup

TAPE = "ledger.events"
_STEP = 500


class SnapshotSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One partition. accounts: in the snapshot, with the desk where it has laid down anything.

    epoch: its tape offset, None when there is no snapshot to use.

    records: on the tape; behind: of these, behind the epoch. findings: how many.
    """

    partition: int
    accounts: int
    epoch: int | None
    records: int
    behind: int
    findings: int


class SnapshotVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """ok: nothing was found. compared: accounts whose snapshot was held against the fold."""

    ok: bool
    partitions: list[SnapshotSummary]
    compared: int
    findings: list[Finding]
    findings_total: int
    duration_s: float

    def text(self) -> str:
        """The verdict in one line."""
        found = f"{counted(self.findings_total, 'finding')} in " if self.findings_total else ""
        used = sum(one.epoch is not None for one in self.partitions)
        records = sum(one.records for one in self.partitions)
        return (
            f"{found}{counted(self.compared, 'account')} compared with {records:,} records of "
            f"{len(self.partitions)} tapes, {used:,} of which have a snapshot"
        )


def check_snapshots(settings: Settings, progress: Progress | None = None) -> SnapshotVerdict:
    """Fold every partition of the ledger and compare its snapshot. Changes nothing. Raises UnavailableError."""
    started = time.monotonic()
    tell = progress or Silent()
    topic = settings.topic(TAPE)
    partitions = list(tapes.extents(settings, settings.topic(SNAPSHOTS)))
    findings = Findings()
    walks = [_Walk(settings, partition, findings) for partition in partitions]  # before the tapes, which grow
    extents = tapes.extents(settings, topic)
    tell.stage(f"fold {topic}", sum(extent.end for extent in extents.values()))
    summaries = [walk.run(extents[walk.partition].end, tell) for walk in walks]
    return SnapshotVerdict(
        ok=findings.total == 0,
        partitions=summaries,
        compared=sum(walk.compared for walk in walks),
        findings=findings.kept,
        findings_total=findings.total,
        duration_s=time.monotonic() - started,
    )


class _Folded(NamedTuple):
    """What AccountStates takes apart: a ledger that decides nothing."""

    ledger: Ledger


class _Walk:
    """One partition: its snapshot as it is now, and the fold that it is held against."""

    def __init__(self, settings: Settings, partition: int, findings: Findings) -> None:
        self.partition = partition
        self.compared = 0
        self._settings = settings
        self._tape = settings.topic(TAPE)
        self._topic = settings.topic(SNAPSHOTS)
        self._findings = findings
        self._states = AccountStates(settings)
        self._before = findings.total
        self._stored = self._read()
        self._waiting = dict(self._stored.states) if self._stored else {}
        kept_us = settings.client_ids_kept_s * 1_000_000
        own_key = desk_key(partition, settings.partitions)
        self._folded = _Folded(Ledger(catalog(settings.symbols()), ids_kept_us_max=kept_us, desk_key=own_key))
        self._members = Members()
        self._causes: dict[str, int] = {}

    def _read(self) -> Stored | None:
        reading = Reading(self._topic, self.partition, Codec(self._tape, self.partition, self._states.form))
        snapshot_topic.read(self._settings, self._topic, self.partition, reading)
        try:
            stored = reading.stored()
        except SnapshotError as error:
            self._found("snapshot_damaged", error.offset, "record", "what was written", error.problem)
            return None
        return stored if stored.epoch is not None else None

    def run(self, end: int, tell: Progress) -> SnapshotSummary:
        epoch = self._stored.epoch if self._stored else None
        if epoch is not None and epoch.next_offset > end:
            self._found("epoch_ahead", self._at_epoch(), "next offset", f"at most {end}", str(epoch.next_offset))
        try:
            self._fold(end, epoch, tell)
        except (ChainError, BooksError, UnreadableInput) as error:
            self._found("tape_broken", None, self._tape, "a record that follows from those before it", str(error))
        else:
            for state in self._waiting.values():
                version = self._versions().get(state.key, 0)
                self._found("account_ahead", state.offset, state.key, f"at most version {version}", str(state.version))
        return SnapshotSummary(
            partition=self.partition,
            accounts=len(self._stored.states) if self._stored else 0,
            epoch=epoch.next_offset if epoch else None,
            records=end,
            behind=max(0, end - (epoch.next_offset if epoch else 0)),
            findings=self._findings.total - self._before,
        )

    def _fold(self, end: int, epoch: Epoch | None, tell: Progress) -> None:
        chain = Chain(self._tape, self.partition, lookup=kafka_lookup(self._settings, self._tape, self.partition))
        head_offset, waits = -1, epoch is not None
        for record in read_range(self._settings, self._tape, self.partition, 0, end):
            if epoch is not None and waits and record.offset >= epoch.next_offset:
                self._compare_epoch(epoch, chain, head_offset)
                waits = False
            if chain.accept(record):
                head_offset = record.offset
                self._take(record)
            if record.offset % _STEP == _STEP - 1:
                tell.advance(_STEP)
        if epoch is not None and waits and epoch.next_offset <= end:
            self._compare_epoch(epoch, chain, head_offset)
        tell.advance(end % _STEP)

    def _take(self, record: TapeRecord) -> None:
        message = codec.decode(record.value, record.headers)
        self._folded.ledger.fold(message)
        cause = codec.cause_of(record.headers)
        if cause is not None:
            self._causes[cause.topic] = cause.offset
        touched = self._states.touched(message)
        if touched is None:
            return
        key, version = touched
        self._members.move(key, version - 1, version)
        state = self._waiting.get(key)
        if state is None or state.version != version:
            return
        del self._waiting[key]
        self.compared += 1
        folded = self._states.dump(self._folded, key)
        if folded != state.data:
            self._found("account_differs", state.offset, f"{key} version {version}", *_difference(folded, state.data))

    def _compare_epoch(self, epoch: Epoch, chain: Chain, head_offset: int) -> None:
        assert self._stored is not None
        genesis_ = genesis(self._tape, self.partition)
        place = f"{chain.head.seq} {chain.head.hash.hex()} at {head_offset}"
        named = f"{epoch.head_seq} {epoch.head_hash.hex()} at {epoch.head_offset}"
        if place != named:
            expected = place if chain.head.hash != genesis_ else "no record before it"
            self._found("epoch_differs", self._at_epoch(), "head", expected, named)
        if epoch.causes != self._causes:
            self._found("epoch_differs", self._at_epoch(), "causes", str(self._causes), str(epoch.causes))
        sums = [(one.count, one.checksum.hex()) for one in (self._members, epoch)]
        if sums[0] != sums[1]:
            self._found("epoch_differs", self._at_epoch(), "accounts and checksum", *(f"{n}, {c}" for n, c in sums))
        for key, version in self._versions().items():
            state = self._stored.states.get(key)
            if state is None:
                self._found("account_missing", None, key, f"at least version {version}", "nothing")
            elif state.version < version:
                self._waiting.pop(key, None)
                self._found("account_stale", state.offset, key, f"at least version {version}", str(state.version))

    def _versions(self) -> dict[str, int]:
        """Of every state that the fold has."""
        return {key: self._states.version(self._folded, key) for key in self._states.keys(self._folded)}

    def _at_epoch(self) -> int | None:
        return self._stored.epoch_offset if self._stored else None

    def _found(self, kind: str, offset: int | None, subject: str, expected: str, found: str) -> None:
        self._findings.add(
            Finding(
                kind=kind,
                topic=self._topic,
                partition=self.partition,
                offset=offset,
                subject=subject,
                expected=expected,
                found=found,
            )
        )


def _difference(folded: bytes, stored: bytes) -> tuple[str, str]:
    """The first field in which two states differ, as the fold has it and as the snapshot has it."""
    ours: dict[str, Any] = msgspec.msgpack.decode(folded)
    theirs: dict[str, Any] = msgspec.msgpack.decode(stored)
    for name, value in ours.items():
        if value != theirs.get(name):
            return f"{name} {value}", f"{name} {theirs.get(name)}"
    return f"{len(folded)} bytes", f"{len(stored)} bytes"
