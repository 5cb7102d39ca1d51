"""The database's login roles besides the owner: who may do what with the read models.

The owner (DATABASE_URL) makes and changes tables. The projector (DATABASE_PROJECTOR_URL) writes their rows and nothing
else: it can make, change, empty or drop no table, and sees nothing of `schema_migrations`. The reader
(DATABASE_READER_URL) can select, for a bounded time. The backtests worker (DATABASE_BACKTESTS_URL) reads and writes
the rows of the tables whose names begin with `backtest_`, and sees no other table. Each has its own password. `grant`
is the one place that says what they may do in a schema.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from domain.errors import TapeledgerError
from runtime.settings import Settings

Connection = psycopg.Connection[tuple[Any, ...]]
Kind = Literal["reader", "projector", "backtests"]

READER, PROJECTOR, BACKTESTS = "tape_reader", "tape_projector", "tape_backtests"
STATEMENT_TIMEOUT_MS = 5_000  # of the reader
_NAMES: dict[Kind, str] = {"reader": READER, "projector": PROJECTOR, "backtests": BACKTESTS}
_ROWS = sql.SQL("select, insert, update, delete")
_TABLE_RIGHTS: dict[Kind, sql.SQL] = {"reader": sql.SQL("select"), "projector": _ROWS, "backtests": _ROWS}
_OF_BACKTESTS = "backtest\\_%"  # a pattern for `like`
_MIGRATIONS = "schema_migrations"
_LOCK = 0x7461_7065  # "tape": one migrator at a time in a database
_TRIES_MAX = 10


class RoleError(TapeledgerError):
    """A role cannot be made as it is asked for; says why."""


def ensure_reader(where: Settings | str, password: str | None = None) -> str:
    """Make the reader's login role, or bring it up to date, and give its libpq URI for the same database.

    where: the owner's URI, and the role is `tape_reader` with `password`; or Settings, whose `database_reader_url`
    names the role and its password. Raises RoleError when no password is given, or when the role is the owner itself.
    """
    return _ensure("reader", where, password)


def ensure_projector(where: Settings | str, password: str | None = None) -> str:
    """The same for the projector's role: `tape_projector`, or what `database_projector_url` names."""
    return _ensure("projector", where, password)


def ensure_backtests(where: Settings | str, password: str | None = None) -> str:
    """The same for the backtests worker's role: `tape_backtests`, or what `database_backtests_url` names."""
    return _ensure("backtests", where, password)


def grant(connection: Connection, kind: Kind, role: str, schema: str = "public") -> None:
    """Give a role its rights on all tables and views of a schema, those that the owner makes there later included.

    connection: the owner's. Only tables of this owner: another role's need a grant of their own. Of `backtests`: on
    those of its tables that are there.
    """
    name, space = sql.Identifier(role), sql.Identifier(schema)
    rights = _TABLE_RIGHTS[kind]
    with connection.transaction():
        connection.execute(sql.SQL("revoke create on schema {} from public").format(space))
        connection.execute(sql.SQL("grant usage on schema {} to {}").format(space, name))
        if kind == "backtests":
            for table in _tables(connection, schema, _OF_BACKTESTS):
                statement = sql.SQL("grant {} on {} to {}").format(rights, sql.Identifier(schema, table), name)
                connection.execute(statement)
            return
        for statement in (
            sql.SQL("grant {} on all tables in schema {} to {}").format(rights, space, name),
            sql.SQL("alter default privileges in schema {} grant {} on tables to {}").format(space, rights, name),
        ):
            connection.execute(statement)
        if kind == "projector" and _exists(connection, schema, _MIGRATIONS):
            migrations = sql.Identifier(schema, _MIGRATIONS)
            connection.execute(sql.SQL("revoke all on {} from {}").format(migrations, name))


def role_names(settings: Settings) -> dict[Kind, str]:
    """The names of the roles: those in their addresses, or the usual ones."""
    return {kind: str(_given(kind, settings).get("user") or name) for kind, name in _NAMES.items()}


def with_credentials(database_url: str, user: str, password: str) -> str:
    """The same database as another user. A socket folder becomes the `host` parameter."""
    given = {key: str(value) for key, value in conninfo_to_dict(database_url).items() if value is not None}
    host, port, database = given.pop("host", ""), given.pop("port", ""), given.pop("dbname", "")
    for key in ("user", "password"):
        given.pop(key, None)
    place = ""
    if host and (host.startswith("/") or "," in host):
        given["host"] = host
        if port:
            given["port"] = port
    else:
        place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    query = f"?{urlencode(given, quote_via=quote)}" if given else ""
    return f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@{place}/{quote(database, safe='')}{query}"


@contextmanager
def locked(connection: Connection) -> Iterator[None]:
    """One migrator or maker of roles at a time in a database."""
    connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("select pg_advisory_unlock(%s)", (_LOCK,))


def _ensure(kind: Kind, where: Settings | str, password: str | None) -> str:
    database_url, role = where if isinstance(where, str) else where.database_url, _NAMES[kind]
    if not isinstance(where, str):
        role = role_names(where)[kind]
        password = password or str(_given(kind, where).get("password") or "")
    if not password:
        raise RoleError(f"the role {role} needs a password: give one, or put it into database_{kind}_url")
    with psycopg.connect(database_url, autocommit=True) as connection, locked(connection):
        _check_not_owner(connection, kind, role)
        _retry_role(connection, kind, role, password)
        database, name = sql.Identifier(str(connection.info.dbname)), sql.Identifier(role)
        connection.execute(sql.SQL("revoke temporary on database {} from public").format(database))
        connection.execute(sql.SQL("grant connect on database {} to {}").format(database, name))
        grant(connection, kind, role)
    return with_credentials(database_url, role, password)


def _given(kind: Kind, settings: Settings) -> dict[str, Any]:
    url: str = getattr(settings, f"database_{kind}_url")
    return conninfo_to_dict(url)


def _check_not_owner(connection: Connection, kind: Kind, role: str) -> None:
    """To make the owner a reader or a projector would take its rights away."""
    (owner,) = connection.execute("select current_user").fetchone() or ("",)
    if role == owner:
        raise RoleError(
            f"expected a role of its own in DATABASE_{kind.upper()}_URL, it was {role}, the owner of DATABASE_URL"
        )


def _exists(connection: Connection, schema: str, table: str) -> bool:
    statement = "select 1 from pg_tables where schemaname = %s and tablename = %s"
    return connection.execute(statement, (schema, table)).fetchone() is not None


def _tables(connection: Connection, schema: str, pattern: str) -> list[str]:
    statement = "select tablename from pg_tables where schemaname = %s and tablename like %s order by tablename"
    return [str(name) for (name,) in connection.execute(statement, (schema, pattern)).fetchall()]


def _retry_role(connection: Connection, kind: Kind, role: str, password: str) -> None:
    """Roles belong to the whole cluster, locks to one database: another database's migrator may be in between."""
    for attempt in range(_TRIES_MAX):
        try:
            with connection.transaction():
                _put_role(connection, kind, role, password)
            return
        except (psycopg.errors.InternalError_, psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            if attempt == _TRIES_MAX - 1:
                raise
            time.sleep(0.05 * (attempt + 1))


def _put_role(connection: Connection, kind: Kind, role: str, password: str) -> None:
    name = sql.Identifier(role)
    if connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone() is None:
        connection.execute(sql.SQL("create role {}").format(name))
    connection.execute(
        sql.SQL("alter role {} login nosuperuser nocreatedb nocreaterole password {}").format(
            name, sql.Literal(password)
        )
    )
    if kind == "reader":
        timeout = sql.Literal(STATEMENT_TIMEOUT_MS)
        connection.execute(sql.SQL("alter role {} set statement_timeout = {}").format(name, timeout))
        connection.execute(sql.SQL("alter role {} set default_transaction_read_only = on").format(name))
