"""Putting the tables of a version in the place of the live ones, in the transaction of the caller.

Tables, and continuous aggregates over them, change schemas. A view or a function that was bound to the old tables when
it was made is made again from its own text, and finds the new ones. What resolves names when it runs needs nothing: the
database itself plans prepared statements anew. The retired tables keep their rows, so a query that had just looked a
name up reads from them what it would have read from the new ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from projections.groups import Group
from projections.rebuild import hypertables
from projections.rebuild.tables import LIVE, OWN, VersionError, aggregates
from projections.rows import Cursor

_LOCKING_SHARE = 0.8
"""Of the time after which the database looks for deadlocks: so long all locks may be waited for in one try."""
_PAUSE_S = 0.3
_WAIT_S_MAX = 60.0
# Who waits for us, such as a projector in front of its next batch, has nothing of the tables yet.
_OLDER = """
with recursive behind (pid) as (
    select pg_backend_pid()
    union select a.pid from behind join pg_stat_activity a
        on a.wait_event_type = 'Lock' and behind.pid = any (pg_blocking_pids(a.pid))
)
select pid, application_name from pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and backend_xmin is not null
    and xact_start < %s and pid not in (select pid from behind)
"""


class Dependent(NamedTuple):
    """A view or function that is bound to tables that go. statement: makes it again under the names that it has."""

    name: str
    is_view: bool
    statement: str


def lock(cursor: Cursor, group: Group, schema: str, found: Sequence[Dependent], check: Callable[[], None]) -> None:
    """Have the tables, and the views on them, alone.

    A reader that holds one of them and waits for another must not be the one that the database ends as a deadlock: so
    all locks are asked for at once, given back before the database looks for deadlocks, and asked for again. Vacuums,
    which would be let alone by that, are sent away first: with a lock that keeps nobody else out.

    schema: of the new version, whose tables are locked too. check: raises when the caller is to stop. Raises
    VersionError, naming who was in the way, when it takes too long.
    """
    (looks_ms,) = cursor.execute(
        "select setting::integer from pg_settings where name = 'deadlock_timeout'"
    ).fetchone() or (0,)
    most_ms = max(1, int(_LOCKING_SHARE * looks_ms))
    tables = [sql.Identifier(one, name) for one in (LIVE, schema) for name in group.tables]
    cursor.execute(sql.SQL("lock table {} in share update exclusive mode").format(sql.SQL(", ").join(tables)))
    names = [sql.Identifier(LIVE, view.name) for view in found if view.is_view]
    names += [sql.Identifier(LIVE, name) for name in aggregates(cursor, LIVE, group.tables)]
    names += tables
    statement = sql.SQL("lock table {} in access exclusive mode").format(sql.SQL(", ").join(names))
    deadline = time.monotonic() + _WAIT_S_MAX
    while True:
        check()
        try:
            with cursor.connection.transaction():  # a savepoint: what was locked is given back when it fails
                cursor.execute(sql.SQL("set local statement_timeout = {}").format(sql.Literal(most_ms)))
                cursor.execute(statement)
                cursor.execute("set local statement_timeout = 0")
            return
        except (psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected):
            if time.monotonic() > deadline:
                raise VersionError(
                    f"the tables were not free for {_WAIT_S_MAX:.0f} s, nothing was switched; they are read by "
                    f"{_in_the_way(cursor, group)}"
                ) from None
        time.sleep(_PAUSE_S)


def wait_for_older_snapshots(cursor: Cursor, check: Callable[[], None]) -> None:
    """Until nobody looks at the database as it was before the new version's last rows were committed.

    A transaction that goes on reading from one snapshot (REPEATABLE READ) would miss those rows in the new tables.
    Raises VersionError, naming who does not end.
    """
    (now,) = cursor.execute("select clock_timestamp()").fetchone() or (None,)
    deadline = time.monotonic() + _WAIT_S_MAX
    while True:
        check()
        cursor.execute("select pg_stat_clear_snapshot()")  # else a transaction sees its first look again and again
        older = cursor.execute(_OLDER, (now,)).fetchall()
        if not older:
            return
        if time.monotonic() > deadline:
            those = ", ".join(f"{name or 'a client'} (connection {pid})" for pid, name in older)
            raise VersionError(f"a transaction from before reads on for {_WAIT_S_MAX:.0f} s: {those}; try again later")
        time.sleep(0.05)


def _in_the_way(cursor: Cursor, group: Group) -> str:
    cursor.execute("select pg_stat_clear_snapshot()")
    rows = cursor.execute(
        """select distinct application_name, a.pid from pg_locks l join pg_stat_activity a on a.pid = l.pid
           where l.relation = any(%s::text[]::regclass[]) and granted and a.pid <> pg_backend_pid()""",
        ([f"{LIVE}.{table}" for table in group.tables],),
    ).fetchall()
    return ", ".join(f"{name or 'a client'} (connection {pid})" for name, pid in rows) or "nobody any more; try again"


def dependents(cursor: Cursor, group: Group) -> list[Dependent]:
    """Views and functions that are bound to the live tables. Raises VersionError on what cannot be made again."""
    bars = aggregates(cursor, LIVE, group.tables)
    going = [f"{LIVE}.{name}" for name in (*group.tables, *bars)]
    found: list[Dependent] = []
    with hypertables.searching(cursor, LIVE):
        views: list[tuple[Any, ...]] = cursor.execute(
            """select distinct c.relname, c.relkind::text, pg_get_viewdef(c.oid), c.reloptions from pg_depend d
               join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
               join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
               where d.refclassid = 'pg_class'::regclass and d.refobjid = any(%s::text[]::regclass[])
                   and n.nspname = %s and c.relname <> all(%s) order by 1""",
            (going, LIVE, bars),
        ).fetchall()
        functions: list[tuple[Any, ...]] = cursor.execute(
            """select distinct p.proname, pg_get_functiondef(p.oid) from pg_depend d
               join pg_proc p on d.classid = 'pg_proc'::regclass and p.oid = d.objid
               where d.refclassid = 'pg_class'::regclass and d.refobjid = any(%s::text[]::regclass[]) order by 1""",
            (going,),
        ).fetchall()
    for name, kind, definition, options in views:
        if kind != "v":
            raise VersionError(
                f"{name} reads tables of {group.name} and is no plain view: it cannot be switched with them"
            )
        given = f" with ({', '.join(options)})" if options else ""
        found.append(Dependent(name, True, f'create or replace view {LIVE}."{name}"{given} as {definition}'))
    found += [Dependent(name, False, definition) for name, definition in functions]
    return found


def exchange(cursor: Cursor, group: Group, schema: str, retired: str, found: Sequence[Dependent]) -> None:
    """Move the live tables to the schema `retired`, those of `schema` to the live one, and bind what was bound again.

    `schema` is gone afterwards. Rights and owners of the live tables are those of the new ones.
    """
    cursor.execute(sql.SQL("create schema {}").format(sql.Identifier(retired)))
    bars = aggregates(cursor, LIVE, group.tables)
    kinds = [(name, "table") for name in group.tables] + [(name, "materialized view") for name in bars]
    for name, kind in kinds:
        owner, rights = _rights(cursor, name)
        _move(cursor, kind, LIVE, name, retired)
        _move(cursor, kind, schema, name, LIVE)
        _grant(cursor, kind, name, owner, rights)
    for name in OWN:
        _move(cursor, "table", schema, name, retired)
    cursor.execute(sql.SQL("drop schema {}").format(sql.Identifier(schema)))
    with hypertables.searching(cursor, LIVE):
        for one in found:
            cursor.execute(one.statement.encode())


def _move(cursor: Cursor, kind: str, schema: str, name: str, to: str) -> None:
    statement = sql.SQL("alter {} {} set schema {}")
    cursor.execute(statement.format(sql.SQL(kind), sql.Identifier(schema, name), sql.Identifier(to)))


def _rights(cursor: Cursor, name: str) -> tuple[str, list[tuple[Any, ...]]]:
    """The live relation's owner, and who may do what with it besides."""
    (owner,) = cursor.execute(
        "select pg_get_userbyid(relowner) from pg_class where oid = %s::regclass", (f"{LIVE}.{name}",)
    ).fetchone() or ("",)
    rows = cursor.execute(
        """select privilege_type, case when grantee = 0 then null else pg_get_userbyid(grantee) end, is_grantable
           from pg_class, aclexplode(relacl) where oid = %s::regclass and grantee <> relowner""",
        (f"{LIVE}.{name}",),
    ).fetchall()
    return str(owner), rows


def _grant(cursor: Cursor, kind: str, name: str, owner: str, rights: Sequence[tuple[Any, ...]]) -> None:
    table = sql.Identifier(LIVE, name)
    (current,) = cursor.execute(
        "select pg_get_userbyid(relowner) from pg_class where oid = %s::regclass", (f"{LIVE}.{name}",)
    ).fetchone() or ("",)
    if current != owner:
        statement = sql.SQL("alter {} {} owner to {}")
        cursor.execute(statement.format(sql.SQL(kind), table, sql.Identifier(owner)))
    for privilege, grantee, is_grantable in rights:
        cursor.execute(
            sql.SQL("grant {} on {} to {}{}").format(
                sql.SQL(privilege),
                table,
                sql.SQL("public") if grantee is None else sql.Identifier(grantee),
                sql.SQL(" with grant option" if is_grantable else ""),
            )
        )
