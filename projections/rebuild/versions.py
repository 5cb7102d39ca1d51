"""The versions of a projection (table projection_versions): making one, finding one, dropping one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal, NamedTuple, cast

import psycopg
from psycopg import sql

from projections.groups import Group, sharing
from projections.progress import Connection
from projections.rebuild import onrecord, tables
from projections.rebuild.onrecord import Order
from projections.rebuild.tables import LIVE, VersionError
from projections.rows import Cursor
from runtime.clients import postgres
from runtime.settings import Settings

State = Literal["LIVE", "BUILDING", "READY", "RETIRED"]
NEXT = ("BUILDING", "READY")
_LOCK = 0x7265_6275  # "rebu": whoever makes, fills, switches or drops a version holds this, for one group
_COLUMNS = "projection, version, state, since, schema_name, migrations, verified_at, differing_rows"


class Version(NamedTuple):
    """A row of projection_versions. schema: where its tables are."""

    projection: str
    version: int
    state: State
    since: datetime
    schema: str
    migrations: str
    verified_at: datetime | None
    differing_rows: int | None

    def __str__(self) -> str:
        return f"{self.projection} version {self.version}"


@contextmanager
def at_work(settings: Settings, group: Group) -> Iterator[Connection]:
    """A connection that alone works on the versions of a group, until it ends, however it ends.

    Groups that share a table count as one. Raises VersionError when somebody else is at work.
    """
    number = min(sharing(group), key=lambda one: one.name).name
    with postgres(
        settings,
        autocommit=True,
        application_name=f"tapeledger rebuild {group.name}",
        options="-c timezone=UTC",
        prepare_threshold=None,
    ) as connection:
        row = connection.execute("select pg_try_advisory_lock(%s, hashtext(%s))", (_LOCK, number)).fetchone()
        if row != (True,):
            raise VersionError(f"{group.name} is being worked on: {_workers(connection, number)}")
        yield connection
        # Not left to the connection's end, for which the server takes its time: what comes next is to find it free.
        connection.execute("select pg_advisory_unlock(%s, hashtext(%s))", (_LOCK, number))


def _workers(connection: Connection, number: str) -> str:
    rows = connection.execute(
        """select application_name, a.pid, backend_start from pg_locks l join pg_stat_activity a on a.pid = l.pid
           where locktype = 'advisory' and classid = %s and objid::bigint = hashtext(%s)::bigint & 4294967295
               and granted and l.database = (select oid from pg_database where datname = current_database())""",
        (_LOCK, number),
    ).fetchall()
    return "; ".join(f"{name}, connection {pid} since {since:%H:%M:%S}" for name, pid, since in rows) or "by another"


def versions(connection: Connection, projection: str | None = None) -> list[Version]:
    """All versions, or those of one projection, the newest first."""
    rows = connection.execute(
        f"""select {_COLUMNS} from {LIVE}.projection_versions where projection = coalesce(%s, projection)
            order by projection, version desc""".encode(),
        (projection,),
    ).fetchall()
    return [Version(*cast(Any, row)) for row in rows]


def live(connection: Connection, group: Group) -> Version:
    return next(one for one in versions(connection, group.name) if one.state == "LIVE")


def under_construction(connection: Connection, group: Group) -> Version | None:
    """The version that is being built or is ready. Raises VersionError when its tables are not as the live ones are."""
    found = next((one for one in versions(connection, group.name) if one.state in NEXT), None)
    if found is not None and found.migrations != migrations(connection):
        raise VersionError(
            f"{found} was begun before the newest migrations, so its tables are not like the live ones any more; "
            f"drop it (`tape projections drop {group.name}`) and rebuild"
        )
    return found


def begin(connection: Connection, group: Group) -> Version:
    """Make the tables of a new version. Raises VersionError: a group that shares a table has one under construction."""
    for other in sharing(group):
        if (one := next((v for v in versions(connection, other.name) if v.state in NEXT), None)) is not None:
            shared = ", ".join(sorted(set(other.tables) & set(group.tables)))
            raise VersionError(
                f"{one} is under construction and shares {shared} with {group.name}; switch it in or drop it first"
            )
    number = 1 + max(one.version for one in versions(connection, group.name))
    schema = f"tape_{group.name}_v{number}"
    with connection.transaction(), connection.cursor() as cursor:
        tables.make(cursor, schema, group.tables)
        cursor.execute(
            """insert into projection_versions (projection, version, state, schema_name, migrations)
               values (%s, %s, 'BUILDING', %s, %s)""",
            (group.name, number, schema, migrations(connection)),
        )
    return versions(connection, group.name)[0]


def mark(cursor: Cursor, version: Version, state: State) -> None:
    """It is in another state from now on."""
    cursor.execute(
        """update projection_versions set state = %s, since = case when state = %s then since else now() end
           where projection = %s and version = %s""",
        (state, state, version.projection, version.version),
    )


def change_places(cursor: Cursor, old: Version, retired: str, new: Version) -> None:
    """The live version is retired, its tables in the schema `retired`, and the new one is live."""
    mark(cursor, old, "RETIRED")
    mark(cursor, new, "LIVE")
    for version, schema in ((old, retired), (new, LIVE)):
        cursor.execute(
            "update projection_versions set schema_name = %s where projection = %s and version = %s",
            (schema, version.projection, version.version),
        )


def drop(connection: Connection, group: Group, number: int | None, order: Order) -> Version:
    """Remove a version that is not live, rows and all, and say so on record. number: None, where there is one only."""
    found = [one for one in versions(connection, group.name) if one.state != "LIVE" and number in (None, one.version)]
    if len(found) != 1:
        those = ", ".join(f"{one.version} ({one.state})" for one in versions(connection, group.name))
        what = "no version to drop" if not found else "more than one version to drop, name one with --version"
        raise VersionError(f"{group.name} has {what}: there are {those}")
    (version,) = found
    with connection.transaction(), connection.cursor() as cursor:
        for name in reversed(tables.aggregates(cursor, version.schema, group.tables)):
            cursor.execute(sql.SQL("drop materialized view {}").format(sql.Identifier(version.schema, name)))
        rows = cursor.execute(
            "select relname from pg_class where relnamespace = %s::regnamespace and relkind in ('r', 'p')",
            (version.schema,),
        ).fetchall()
        for (name,) in rows:
            cursor.execute(sql.SQL("drop table {}").format(sql.Identifier(version.schema, name)))
        cursor.execute(sql.SQL("drop schema {}").format(sql.Identifier(version.schema)))
        cursor.execute(
            "delete from projection_versions where projection = %s and version = %s", (group.name, version.version)
        )
        details = {"version": str(version.version), "state": version.state}
        onrecord.put(cursor, onrecord.DROPPED, f"projection {group.name}", order, details)
    return version


def working_in(settings: Settings, version: Version) -> Connection:
    """A connection that reads and writes the tables of a version, and all else where it is.

    What it commits may be lost in a crash, never torn: progress is in the same transaction. A switch makes it durable.
    """
    path = version.schema if version.schema == LIVE else f"{version.schema},{LIVE}"
    return psycopg.connect(
        settings.database_url,
        autocommit=True,
        application_name=f"tapeledger rebuild {version.projection}",
        options=f"-c search_path={path} -c timezone=UTC -c synchronous_commit=off",
    )


def migrations(connection: Connection) -> str:
    """The migrations that this database has had, as one SHA-256."""
    (digest,) = connection.execute(
        f"""select encode(sha256(convert_to(string_agg(name || ' ' || sha256, ' ' order by name), 'UTF8')), 'hex')
            from {LIVE}.schema_migrations""".encode()
    ).fetchone() or ("",)
    return str(digest)
