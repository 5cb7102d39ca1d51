"""Migrations of the read side's database.

infra/timescale holds numbered files: `NNNN_name.sql` for every database, `NNNN_name.timescale.sql` where the
TimescaleDB extension is, `NNNN_name.plain.sql` where it is not. They are applied in that order, once, each in a
transaction, and recorded in `schema_migrations` with the SHA-256 of the file.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, Literal, NamedTuple

import psycopg

from domain.errors import TapeledgerError
from projections.roles import Connection, locked

Flavour = Literal["timescale", "plain"]

MIGRATIONS = Path(__file__).resolve().parent.parent / "infra" / "timescale"
_NAME = re.compile(r"(?P<number>[0-9]{4})_(?P<name>[a-z0-9_]+?)(?:\.(?P<flavour>timescale|plain))?\.sql")


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
    with psycopg.connect(database_url, autocommit=True) as connection, locked(connection):
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


def _create_extension(database_url: str) -> None:
    """In a session of its own: TimescaleDB wants to be loaded before anything else happens in a session."""
    with psycopg.connect(database_url, autocommit=True) as connection, locked(connection):
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
