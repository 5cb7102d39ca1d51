"""Migrations and the reader's role on a real PostgreSQL."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from projections.migrate import MIGRATIONS, MigrationError, ensure_reader, migrate, migrations, with_credentials
from runtime.settings import Settings
from tests.projections.tapes import TABLES

pytestmark = pytest.mark.integration


@pytest.fixture
def database_url(servers: Settings) -> Iterator[str]:
    """An empty database."""
    name = f"m{uuid.uuid4().hex[:12]}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        base, _, query = servers.database_url.partition("?")
        yield f"{base.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations that a test may change."""
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))


def test_migrations_apply_once_and_make_every_table(database_url: str) -> None:
    """The first run applies the common and the plain files in order, the second nothing, and all tables are there."""
    assert migrate(database_url) == [
        *("0001_tables.sql", "0001_tables.plain.sql", "0002_audit_actions.sql"),
        *("0003_trial_balance.sql", "0004_orders_depth.sql", "0005_corporate.sql"),
        *("0006_desk.sql", "0007_reconciliation.sql", "0008_rebalances.sql"),
        "0009_accounts_transfers.sql",
    ]
    assert migrate(database_url) == []

    with psycopg.connect(database_url) as connection:
        for table in (*TABLES, "feed_batches", "projection_progress", "bars_1d"):
            assert connection.execute(f"select count(*) from {table}".encode()).fetchone() == (0,)


def test_migrators_do_not_race(database_url: str) -> None:
    """Of five migrators that start together one applies the files, and the others find them applied."""
    applied: list[list[str]] = []
    threads = [threading.Thread(target=lambda: applied.append(migrate(database_url))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(len, applied)) == [0, 0, 0, 0, 10]


def test_changed_file_is_refused(database_url: str, folder: Path) -> None:
    """A file that was applied and then edited stops the migration, and the error names it."""
    migrate(database_url, folder)
    file = folder / "0001_tables.sql"
    file.write_text(file.read_text() + "\n-- harmless\n")

    with pytest.raises(MigrationError, match=r"0001_tables\.sql was changed after it was applied"):
        migrate(database_url, folder)


def test_missing_file_is_refused(database_url: str, folder: Path) -> None:
    """A database that knows a migration which this program does not is newer, or another program's."""
    later = folder / "0009_later.sql"
    later.write_text("create table later (id integer);")
    migrate(database_url, folder)
    later.unlink()

    with pytest.raises(MigrationError, match=r"0009_later\.sql was applied to this database and is missing"):
        migrate(database_url, folder)


def test_failed_file_leaves_nothing(database_url: str, folder: Path) -> None:
    """A file that fails in its middle is rolled back whole, and is applied by the next run once it is mended."""
    migrate(database_url, folder)
    later = folder / "0009_later.sql"
    later.write_text("create table later (id integer); select 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(database_url, folder)
    later.write_text("create table later (id integer);")

    assert migrate(database_url, folder) == ["0009_later.sql"]


def test_file_with_a_bad_name_is_refused(folder: Path) -> None:
    """A file whose order cannot be known from its name is refused before anything is applied."""
    (folder / "extra.sql").write_text("select 1;")

    with pytest.raises(MigrationError, match=r"extra\.sql is not named"):
        migrations(folder)


def test_reader_reads_everything_and_writes_nothing(database_url: str, folder: Path) -> None:
    """The reader selects from all tables, those of later migrations too; every kind of change is refused."""
    migrate(database_url, folder)
    url = ensure_reader(database_url, "it's a p@ss/word?")
    assert ensure_reader(database_url, "it's a p@ss/word?") == url
    (folder / "0009_later.sql").write_text("create table later (id integer);")
    migrate(database_url, folder)

    with psycopg.connect(url, autocommit=True) as reader:
        for table in (*TABLES, "projection_progress", "bars_1d", "schema_migrations", "later"):
            reader.execute(f"select * from {table}".encode())
        for statement in (
            "insert into balances values ('a', 'cash', 'USD', 1)",
            "update balances set amount = 0",
            "delete from fills",
            "truncate tape_records",
            "create table mine (id integer)",
            "create temporary table mine (id integer)",
            "drop table fills",
            "alter role tape_reader superuser",
        ):
            for read_only in ("on", "off"):
                reader.execute(f"set default_transaction_read_only = {read_only}".encode())
                with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                    reader.execute(statement.encode())
        assert reader.execute("select current_user, current_setting('statement_timeout')").fetchone() == (
            "tape_reader",
            "5s",
        )


def test_reader_needs_a_password(database_url: str) -> None:
    """A reader without a password is refused rather than made with none."""
    with pytest.raises(MigrationError, match="needs a password"):
        ensure_reader(database_url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://o:x@db.example:5433/tape?sslmode=disable",
            "postgresql://r:p%3A@db.example:5433/tape?sslmode=disable",
        ),
        ("postgresql://o@/tape?host=/run/pg", "postgresql://r:p%3A@/tape?host=%2Frun%2Fpg"),
        ("host=::1 dbname=tape user=o", "postgresql://r:p%3A@[::1]/tape"),
    ],
)
def test_reader_url(url: str, expected: str) -> None:
    """The reader's address is the owner's with another user, whatever form the owner's has."""
    assert with_credentials(url, "r", "p:") == expected
