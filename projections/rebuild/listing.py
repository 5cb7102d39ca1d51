"""What `tape projections list` shows: every version, where it stands, and what is the matter with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from domain.errors import UnavailableError
from projections import marks
from projections.groups import GROUPS, Group
from projections.marks import Skip, Stop
from projections.progress import Connection
from projections.rebuild import hypertables, tables, versions
from projections.rebuild.versions import Version
from projections.rows import Cursor
from runtime.clients import postgres
from runtime.settings import Settings
from streams.tape import end_offsets


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One version. positions: partition -> the first offset that it does not have.

    lag: records on the broker that it does not have; None while Kafka does not answer. size: bytes on disk, indexes
    included. skipped: records that the projection passes over. stopped: where and why it stands still.
    """

    projection: str
    version: int
    state: str
    since: datetime
    positions: dict[int, int]
    lag: int | None
    size: int
    skipped: int
    stopped: str | None
    verified_at: datetime | None
    differing_rows: int | None


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """A record that is passed over. sha256: hexadecimal."""

    projection: str
    place: str
    type: str | None
    sha256: str
    actor: str
    reason: str
    marked_at: datetime


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Every version and every skipped record."""

    versions: list[Row]
    skipped: list[Skipped]


def listing(settings: Settings) -> Listing:
    """Ask database and broker. Raises psycopg.Error when the database does not answer."""
    with postgres(settings, autocommit=True, options="-c timezone=UTC") as connection:
        skips = marks.all_skips(connection)
        rows = []
        for group in (tables.present(connection, group) for group in GROUPS):
            ends = _ends(settings, group)
            own = [skip for skip in skips if skip.projection == group.name]
            rows += [
                _row(settings, connection, group, one, ends, own) for one in versions.versions(connection, group.name)
            ]
    return Listing(versions=rows, skipped=[_skipped(skip) for skip in skips])


def _ends(settings: Settings, group: Group) -> dict[int, int] | None:
    try:
        return end_offsets(settings, settings.topic(group.topic))
    except UnavailableError:
        return None


def _row(
    settings: Settings,
    connection: Connection,
    group: Group,
    version: Version,
    ends: dict[int, int] | None,
    skips: Sequence[Skip],
) -> Row:
    positions = _positions(connection, version, settings.topic(group.topic))
    stop: Stop | None = None
    if version.state != "RETIRED":
        stop = marks.stop_of(connection, group.name, version.schema)
    lag = None if ends is None else sum(max(0, end - positions.get(partition, 0)) for partition, end in ends.items())
    return Row(
        projection=group.name,
        version=version.version,
        state=version.state,
        since=version.since,
        positions=positions,
        lag=lag,
        size=_size(connection.cursor(), version.schema, group),
        skipped=len(skips),
        stopped=None if stop is None else str(stop),
        verified_at=version.verified_at,
        differing_rows=version.differing_rows,
    )


def _positions(connection: Connection, version: Version, topic: str) -> dict[int, int]:
    rows = connection.execute(
        f"""select partition, next_offset from {version.schema}.projection_progress
            where projection = %s and topic = %s order by partition""".encode(),
        (version.projection, topic),
    ).fetchall()
    return dict(rows)


def _size(cursor: Cursor, schema: str, group: Group) -> int:
    """Bytes of the version's tables, chunks and indexes included."""
    found = cursor.execute(
        "select c.oid::regclass::text, pg_total_relation_size(c.oid)::bigint from pg_class c "
        "where c.oid = any(%s::text[]::regclass[])",
        ([f"{schema}.{table}" for table in group.tables],),
    ).fetchall()
    total = sum(size for _, size in found)
    if hypertables.is_there(cursor):
        rows = cursor.execute(
            """select coalesce(sum(hypertable_size(format('%%I.%%I', hypertable_schema, hypertable_name)::regclass)), 0)
               from timescaledb_information.hypertables where hypertable_schema = %s and hypertable_name = any(%s)""",
            (schema, list(group.tables)),
        ).fetchall()
        total += int(rows[0][0])
    return int(total)


def _skipped(skip: Skip) -> Skipped:
    return Skipped(
        projection=skip.projection,
        place=f"{skip.topic}:{skip.partition}:{skip.offset}",
        type=skip.type,
        sha256=skip.sha256.hex(),
        actor=skip.actor,
        reason=skip.reason,
        marked_at=skip.marked_at,
    )
