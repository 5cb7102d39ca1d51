"""Migrations of the read side's database, and its reader role.

infra/timescale holds numbered files: `NNNN_name.sql` for every database, `NNNN_name.timescale.sql` where the
TimescaleDB extension is, `NNNN_name.plain.sql` where it is not. They are applied in that order, once, each in a
transaction, and recorded in `schema_migrations` with the SHA-256 of the file.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from domain.errors import TapeledgerError
from runtime.settings import Settings

Connection = psycopg.Connection[tuple[Any, ...]]
Flavour = Literal["timescale", "plain"]

MIGRATIONS = Path(__file__).resolve().parent.parent / "infra" / "timescale"
READER = "tape_reader"
_LOCK = 0x7461_7065  # "tape": one migrator at a time in a database
_NAME = re.compile(r"(?P<number>[0-9]{4})_(?P<name>[a-z0-9_]+?)(?:\.(?P<flavour>timescale|plain))?\.sql")
_ROLE_TRIES_MAX = 10


class MigrationError(TapeledgerError):
    """The files and the database do not agree; says which file."""


class Migration(NamedTuple):
    """One file. flavour: None for every database."""

    name: str
    flavour: Flavour | None
    text: str
    sha256: str


def migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """All files by number, the common part of a number first. Raises MigrationError on a bad name."""
    found = []
    for path in folder.glob("*.sql"):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named NNNN_name[.timescale|.plain].sql")
        flavour: Any = match["flavour"]
        text = path.read_bytes()
        migration = Migration(path.name, flavour, text.decode(), hashlib.sha256(text).hexdigest())
        found.append((match["number"], match["name"], flavour or "", migration))
    if not found:
        raise MigrationError(f"no migrations in {folder}")
    return [migration for *_, migration in sorted(found)]


def migrate(database_url: str, folder: Path = MIGRATIONS) -> list[str]:
    """Apply what is missing and give the names of the files that were applied now.

    Raises MigrationError when a file that was applied has changed or is gone. May run in several processes at once.
    """
    files = migrations(folder)
    _create_extension(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection, _locked(connection):
        connection.execute(
            "create table if not exists schema_migrations ("
            "name text primary key, sha256 text not null, applied_at timestamptz not null default now())"
        )
        rows = connection.execute("select name, sha256 from schema_migrations").fetchall()
        applied: dict[str, str] = {str(name): str(sha256) for name, sha256 in rows}
        _refuse_changes(files, applied)
        flavour = _flavour(connection, applied)
        done = []
        for file in files:
            if file.name in applied or file.flavour not in (None, flavour):
                continue
            with connection.transaction():
                connection.execute(file.text.encode())
                connection.execute(
                    "insert into schema_migrations (name, sha256) values (%s, %s)", (file.name, file.sha256)
                )
            done.append(file.name)
        return done


def ensure_reader(where: Settings | str, password: str | None = None, statement_timeout_ms: int = 5_000) -> str:
    """Make the reader's login role, or bring it up to date, and give its libpq URI for the same database.

    where: the owner's URI, and the role is `tape_reader` with `password`; or Settings, whose `database_reader_url`
    names the role and its password. The role can select from all tables and views of this database, those of later
    migrations included, and nothing else. Raises MigrationError when no password is given.
    """
    database_url, role = where if isinstance(where, str) else where.database_url, READER
    if not isinstance(where, str) and where.database_reader_url:
        reader = conninfo_to_dict(where.database_reader_url)
        role, password = str(reader.get("user") or READER), password or str(reader.get("password") or "")
    if not password:
        raise MigrationError(f"the role {role} needs a password: give one, or put it into database_reader_url")
    name = sql.Identifier(role)
    with psycopg.connect(database_url, autocommit=True) as connection, _locked(connection):
        _retry_role(connection, role, password, statement_timeout_ms)
        database = sql.Identifier(str(connection.info.dbname))
        for statement in (
            sql.SQL("revoke temporary on database {} from public").format(database),
            sql.SQL("grant connect on database {} to {}").format(database, name),
            sql.SQL("revoke create on schema public from public"),
            sql.SQL("grant usage on schema public to {}").format(name),
            sql.SQL("grant select on all tables in schema public to {}").format(name),
            sql.SQL("alter default privileges in schema public grant select on tables to {}").format(name),
        ):
            connection.execute(statement)
    return with_credentials(database_url, role, password)


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
def _locked(connection: Connection) -> Iterator[None]:
    connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("select pg_advisory_unlock(%s)", (_LOCK,))


def _create_extension(database_url: str) -> None:
    """In a session of its own: TimescaleDB wants to be loaded before anything else happens in a session."""
    with psycopg.connect(database_url, autocommit=True) as connection, _locked(connection):
        available = connection.execute("select 1 from pg_available_extensions where name = 'timescaledb'").fetchone()
        if available is not None:
            connection.execute("create extension if not exists timescaledb")


def _flavour(connection: Connection, applied: dict[str, str]) -> Flavour:
    """Decided once for a database: the extension's arrival later does not turn its plain tables into hypertables."""
    if any(name.endswith(".plain.sql") for name in applied):
        return "plain"
    if any(name.endswith(".timescale.sql") for name in applied):
        return "timescale"
    row = connection.execute("select 1 from pg_extension where extname = 'timescaledb'").fetchone()
    return "plain" if row is None else "timescale"


def _refuse_changes(files: list[Migration], applied: dict[str, str]) -> None:
    known = {file.name: file.sha256 for file in files}
    for name, sha256 in applied.items():
        if name not in known:
            raise MigrationError(f"{name} was applied to this database and is missing from the migrations now")
        if known[name] != sha256:
            raise MigrationError(
                f"{name} was changed after it was applied: expected SHA-256 {sha256}, it was {known[name]}; "
                "put the change into a new file"
            )


def _retry_role(connection: Connection, role: str, password: str, statement_timeout_ms: int) -> None:
    """Roles belong to the whole cluster, locks to one database: another database's migrator may be in between."""
    for attempt in range(_ROLE_TRIES_MAX):
        try:
            with connection.transaction():
                _put_role(connection, role, password, statement_timeout_ms)
            return
        except (psycopg.errors.InternalError_, psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            if attempt == _ROLE_TRIES_MAX - 1:
                raise
            time.sleep(0.05 * (attempt + 1))


def _put_role(connection: Connection, role: str, password: str, statement_timeout_ms: int) -> None:
    name = sql.Identifier(role)
    if connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone() is None:
        connection.execute(sql.SQL("create role {}").format(name))
    connection.execute(
        sql.SQL("alter role {} login nosuperuser nocreatedb nocreaterole password {}").format(
            name, sql.Literal(password)
        )
    )
    connection.execute(
        sql.SQL("alter role {} set statement_timeout = {}").format(name, sql.Literal(statement_timeout_ms))
    )
    connection.execute(sql.SQL("alter role {} set default_transaction_read_only = on").format(name))
