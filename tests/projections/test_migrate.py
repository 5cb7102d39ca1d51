"""Migrations on a real PostgreSQL."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest

from projections.migrate import MigrationError, migrate, migrations
from tests.projections.tapes import BARS, TABLES

pytestmark = pytest.mark.integration
FILES = [
    *("0001_tables.sql", "0001_tables.plain.sql", "0002_audit_actions.sql"),
    *("0003_trial_balance.sql", "0004_orders_depth.sql", "0005_corporate.sql"),
    *("0006_desk.sql", "0007_reconciliation.sql", "0008_rebalances.sql"),
    *("0009_accounts_transfers.sql", "0010_read_models.sql", "0010_read_models.plain.sql"),
    *("0010_read_models_comments.sql", "0011_versions.sql", "0012_access.sql", "0013_read_places.sql"),
    *("0014_positions_symbol.sql", "0015_replaced.sql", "0016_backtests.sql", "0017_signal_outcomes.sql"),
]
"""Those of a database without TimescaleDB, in their order."""


def test_migrations_apply_once_and_make_every_table(database_url: str) -> None:
    """The first run applies the common and the plain files in order, the second nothing, and all tables are there."""
    assert migrate(database_url) == FILES
    assert migrate(database_url) == []

    with psycopg.connect(database_url) as connection:
        for table in (*TABLES, "feed_batches", "projection_progress", *BARS):
            assert connection.execute(f"select count(*) from {table}".encode()).fetchone() == (0,)


def test_every_table_says_what_it_holds(database_url: str) -> None:
    """Each table and view has a comment, from which the reference page is made."""
    migrate(database_url)

    with psycopg.connect(database_url) as connection:
        silent = connection.execute(
            """select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')
               and obj_description(oid, 'pg_class') is null"""
        ).fetchall()
    assert silent == []


def test_migrators_do_not_race(database_url: str) -> None:
    """Of five migrators that start together one applies the files, and the others find them applied."""
    applied: list[list[str]] = []
    threads = [threading.Thread(target=lambda: applied.append(migrate(database_url))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(len, applied)) == [0, 0, 0, 0, len(FILES)]


def test_changed_file_is_refused(database_url: str, folder: Path) -> None:
    """A file that was applied and then edited stops the migration, and the error names it."""
    migrate(database_url, folder)
    file = folder / "0001_tables.sql"
    file.write_text(file.read_text() + "\n-- harmless\n")

    with pytest.raises(MigrationError, match=r"0001_tables\.sql was changed after it was applied"):
        migrate(database_url, folder)


def test_missing_file_is_refused(database_url: str, folder: Path) -> None:
    """A database that knows a migration which this program does not is newer, or another program's."""
    later = folder / "0099_later.sql"
    later.write_text("create table later (id integer);")
    migrate(database_url, folder)
    later.unlink()

    with pytest.raises(MigrationError, match=r"0099_later\.sql was applied to this database and is missing"):
        migrate(database_url, folder)


def test_failed_file_leaves_nothing(database_url: str, folder: Path) -> None:
    """A file that fails in its middle is rolled back whole, and is applied by the next run once it is mended."""
    migrate(database_url, folder)
    later = folder / "0099_later.sql"
    later.write_text("create table later (id integer); select 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(database_url, folder)
    later.write_text("create table later (id integer);")

    assert migrate(database_url, folder) == ["0099_later.sql"]


def test_file_with_a_bad_name_is_refused(folder: Path) -> None:
    """A file whose order cannot be known from its name is refused before anything is applied."""
    (folder / "extra.sql").write_text("select 1;")

    with pytest.raises(MigrationError, match=r"extra\.sql is not named"):
        migrations(folder)
