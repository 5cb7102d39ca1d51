"""Filling a version under construction from Kafka, up to where the live one is and never beyond.

Rows and progress are written in one transaction, as the live runner writes them, so a build that is killed goes on from
where it was. It has no side effects: no number on the feed, no metric of the live projection. The archive of a tape is
no projection and belongs to no version: each record is compared with its copy there instead of being copied again.

Rows that hang on two groups (portfolio_values) are not kept up while records come by the million; `derive` computes
them from the tables, for what came since it did so last.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from psycopg import sql

from domain.errors import ChainError, UnavailableError
from projections import marks, portfolio, progress
from projections.groups import LEDGER, TICKS, Group
from projections.marks import Stop
from projections.poison import Poison, write_up_to
from projections.progress import Connection
from projections.rebuild import hypertables
from projections.rebuild.tables import LIVE, VersionError
from projections.rebuild.versions import Version
from projections.rows import Cursor
from projections.runner import BATCH_RECORDS_MAX, POLL_S, archive_lookup
from projections.sources import (
    Batch,
    Position,
    Positions,
    Skips,
    Source,
    TapeSource,
    TickSource,
    below,
    record_sha256,
)
from runtime.settings import Settings
from streams.tape import Head, TapeRecord, bounds

_STALL_S = 60.0
_DERIVED = "derived:"  # before a group's name: up to where its records have been looked at for the derived rows
_COMPARE = """
select given.partition, given.record_offset, archived.record_offset is null
from unnest(%s::integer[], %s::bigint[], %s::bytea[], %s::boolean[]) as given (partition, record_offset, hash, live)
left join public.tape_records archived on archived.topic = %s and archived.partition = given.partition
    and archived.record_offset = given.record_offset
where archived.hash is distinct from given.hash or archived.live is distinct from given.live
order by given.partition, given.record_offset limit 1
"""


class Build:
    """One version under construction. progress: partition -> its position there.

    connection: one of versions.working_in, which nobody else uses.
    """

    def __init__(
        self,
        settings: Settings,
        group: Group,
        version: Version,
        connection: Connection,
        batch_records_max: int = BATCH_RECORDS_MAX,
    ) -> None:
        self.group = group
        self.version = version
        self.connection = connection
        self.topic = settings.topic(group.topic)
        self.progress: dict[int, Position] = {}
        self._settings = settings
        self._batch_records_max = batch_records_max
        self._skips: Skips = {}

    def open(self) -> None:
        """Find where it stands. Raises ChainError where Kafka does not reach back so far."""
        self.progress = progress.begin(self.connection, self.group, self.topic, list(self.live()))
        self._skips = marks.skips_of(self.connection, self.group.name, self.topic)
        for partition, (offset, _) in self.progress.items():
            start, _ = bounds(self._settings, self.topic, partition)
            if start > offset:
                problem = f"expected a record here, but the partition begins at offset {start}: it cannot be rebuilt"
                raise ChainError(self.topic, partition, offset, problem)

    def live(self) -> dict[int, Position]:
        """Where the live version is."""
        rows = self.connection.execute(
            """select partition, next_offset, head_seq, head_hash from public.projection_progress
               where projection = %s and topic = %s order by partition""",
            (self.group.name, self.topic),
        ).fetchall()
        return {row[0]: (row[1], Head(row[2], bytes(row[3]))) for row in rows}

    def missing(self, limits: Positions) -> int:
        """Records up to there that it does not have."""
        return sum(max(0, limits[partition][0] - offset) for partition, (offset, _) in self.progress.items())

    def advance(self, limits: Positions, came_on: Callable[[], None]) -> None:
        """Read on and write up to these positions of the live version. came_on: called after each batch and each wait.

        What is read beyond them is left, to be read again. Raises ChainError when tape, archive and the live version's
        head do not agree, Poison, VersionError when somebody else fills it too, and UnavailableError when Kafka gives
        nothing.
        """
        lacking = {partition: at for partition, at in self.progress.items() if at[0] < limits[partition][0]}
        offsets = {partition: offset for partition, (offset, _) in limits.items()}
        deadline = time.monotonic() + _STALL_S
        source = self._open(lacking) if lacking else None
        try:
            while source is not None and self.missing(limits):
                ready = below(source.poll(self._batch_records_max, POLL_S), offsets, self.progress)
                if ready.ends:
                    self._write_up_to(ready)
                    deadline = time.monotonic() + _STALL_S
                elif time.monotonic() > deadline:
                    raise UnavailableError(
                        f"{self.topic}: the broker gave nothing for {_STALL_S:.0f} s, {self.missing(limits)} are left"
                    )
                came_on()
        finally:
            if source is not None:
                source.close()
        self._check_heads(limits)

    def _write_up_to(self, batch: Batch) -> None:
        try:
            write_up_to(batch, self.topic, lambda: self.progress, self._write)
        except Poison as poison:
            place = (poison.topic, poison.partition, poison.offset)
            marks.put_stop(self.connection, Stop(self.group.name, *place, poison.type, poison.problem, is_whole=True))
            raise
        except progress.Overtaken as overtaken:
            raise VersionError(f"somebody else fills {self.version} as well: {overtaken}") from overtaken

    def _write(self, batch: Batch) -> None:
        with self.connection.transaction(), self.connection.cursor() as cursor:
            progress.advance(cursor, self.group, self.topic, self.progress, batch.ends)
            if self.group.is_tape:
                self._compare(cursor, batch.items)
            self.group.project(cursor, self.group.decoded(batch.items, self._skips))
            cursor.execute("delete from projection_stops")
        self.progress.update(batch.ends)

    def _compare(self, cursor: Cursor, records: Sequence[tuple[TapeRecord, bool]]) -> None:
        """The archive has these very records, and has judged them the same."""
        places = [
            (record.partition, record.offset, record_sha256(record, is_tape=True), live) for record, live in records
        ]
        if not places:
            return
        row = cursor.execute(_COMPARE, [*map(list, zip(*places, strict=True)), self.topic]).fetchone()
        if row is not None:
            partition, offset, is_missing = row
            problem = "the archive does not have this record" if is_missing else "the archive has another record here"
            raise ChainError(self.topic, partition, offset, f"{problem} than Kafka; `tape audit verify` says more")

    def _check_heads(self, limits: Positions) -> None:
        """At the same offset both have read the same records."""
        for partition, (offset, head) in self.progress.items():
            if limits[partition][0] == offset and limits[partition][1] != head:
                problem = f"expected the live version's head {limits[partition][1]}, it is {head}"
                raise ChainError(self.topic, partition, offset, problem)

    def _open(self, start: Positions) -> Source:
        if not self.group.is_tape:
            return TickSource(self._settings, self.topic, start, self._skips)
        lookups = {partition: archive_lookup(self.connection, self.topic, partition) for partition in start}
        return TapeSource(self._settings, self.topic, start, lookups)

    def derive(self) -> None:
        """Compute the rows that hang on two groups, for all that came since this was done last."""
        if self.group.derive is None:
            return
        with self.connection.transaction(), self.connection.cursor() as cursor:
            seen = {group: self._offsets(cursor, "", _DERIVED, group) for group in (LEDGER, TICKS)}
            now = {
                group: self._offsets(cursor, "" if group is self.group else f"{LIVE}.", "", group)
                for group in (LEDGER, TICKS)
            }
            first = {
                group: {partition: seen[group].get(partition, 0) for partition in now[group]}
                for group in (LEDGER, TICKS)
            }
            portfolio.apply_since(cursor, first[LEDGER], first[TICKS])
            for group, offsets in now.items():
                for partition, offset in offsets.items():
                    cursor.execute(
                        """insert into projection_progress
                           (projection, topic, partition, next_offset, head_seq, head_hash)
                           values (%s, %s, %s, %s, 0, '') on conflict (projection, topic, partition)
                           do update set next_offset = excluded.next_offset, updated_at = now()""",
                        (_DERIVED + group.name, self._settings.topic(group.topic), partition, offset),
                    )

    def _offsets(self, cursor: Cursor, schema: str, prefix: str, group: Group) -> dict[int, int]:
        """By partition, from a table of progress: the first offset that was not seen."""
        rows: list[tuple[Any, ...]] = cursor.execute(
            f"""select partition, next_offset from {schema}projection_progress
                where projection = %s and topic = %s""".encode(),
            (prefix + group.name, self._settings.topic(group.topic)),
        ).fetchall()
        return dict(rows)

    def settle(self) -> None:
        """After the bulk: statistics for the planner, and continuous aggregates, before anybody reads this version."""
        with self.connection.cursor() as cursor:
            for table in self.group.tables:
                name = sql.Identifier(self.version.schema, table)
                cursor.execute(sql.SQL("analyze {}").format(name))
            hypertables.refresh(cursor, self.version.schema, self.group.tables)
