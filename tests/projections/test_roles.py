"""The roles of the database on a real PostgreSQL: what each may do, and above all what it may not.

Goal: a reader that is broken into changes nothing, a projector that is broken into can only write rows. Method: each
role tries every kind of statement through a connection of its own, and the owner looks at what the grants say.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from projections.migrate import migrate
from projections.roles import (
    RoleError,
    ensure_backtests,
    ensure_projector,
    ensure_reader,
    grant,
    role_names,
    with_credentials,
)
from runtime.settings import Settings
from tests.projections.tapes import BARS, TABLES

pytestmark = pytest.mark.integration
PASSWORD = "it's a p@ss/word?"
Refused = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
LATER = "create table later (id integer); create view later_view as select id from later;"


@pytest.fixture(autouse=True)
def _own_passwords(servers: Settings) -> Iterator[None]:
    """Roles belong to the whole server, which other tests use: afterwards they have the passwords of these again."""
    yield
    ensure_reader(servers.database_url, urlsplit(servers.database_reader_url).password or "secret")
    ensure_projector(servers.database_url, urlsplit(servers.database_projector_url).password or "secret")
    ensure_backtests(servers.database_url, urlsplit(servers.database_backtests_url).password or "secret")


def assert_refused(connection: psycopg.Connection[tuple[object, ...]], statement: str) -> None:
    with pytest.raises(Refused):
        connection.execute(statement.encode())


def test_reader_reads_everything_and_writes_nothing(database_url: str, folder: Path) -> None:
    """The reader selects from all tables, those of later migrations too; every kind of change is refused."""
    migrate(database_url, folder)
    url = ensure_reader(database_url, PASSWORD)
    assert ensure_reader(database_url, PASSWORD) == url
    (folder / "0099_later.sql").write_text(LATER)
    migrate(database_url, folder)

    with psycopg.connect(url, autocommit=True) as reader:
        for table in (*TABLES, *BARS, "projection_progress", "schema_migrations", "later", "later_view"):
            reader.execute(f"select * from {table}".encode())
        for statement in (
            "insert into balances values ('a', 'cash', 'USD', 1)",
            "update balances set amount = 0",
            "delete from fills",
            "truncate tape_records",
            "create table mine (id integer)",
            "create schema mine",
            "create temporary table mine (id integer)",
            "drop table fills",
            "alter role tape_reader superuser",
            "set role tape",
            "select pg_read_file('/etc/passwd')",
        ):
            for read_only in ("on", "off"):
                reader.execute(f"set default_transaction_read_only = {read_only}".encode())
                assert_refused(reader, statement)
        assert reader.execute("select current_user, current_setting('statement_timeout')").fetchone() == (
            "tape_reader",
            "5s",
        )


def test_reader_is_cut_short_by_the_clock(database_url: str) -> None:
    """A statement of the reader that runs too long is ended by the database, whoever sends it."""
    migrate(database_url)
    with psycopg.connect(ensure_reader(database_url, PASSWORD), autocommit=True) as reader:
        reader.execute("set statement_timeout = 50")  # less than its own, so that the test need not wait
        with pytest.raises(psycopg.errors.QueryCanceled):
            reader.execute("select pg_sleep(5)")
        reader.execute("reset statement_timeout")

        assert reader.execute("show statement_timeout").fetchone() == ("5s",)


def test_projector_writes_rows_and_changes_no_table(database_url: str, folder: Path) -> None:
    """The projector inserts, updates and deletes; it makes, empties, changes and drops nothing."""
    migrate(database_url, folder)
    url = ensure_projector(database_url, PASSWORD)
    assert ensure_projector(database_url, PASSWORD) == url
    (folder / "0099_later.sql").write_text(LATER)
    migrate(database_url, folder)

    with psycopg.connect(url, autocommit=True) as projector:
        projector.execute("insert into balances values ('a', 'cash', 'USD', 1)")
        projector.execute("update balances set amount = 2")
        assert projector.execute("delete from balances returning amount").fetchall() == [(2,)]
        projector.execute("insert into later values (1)")
        for statement in (
            "truncate balances",
            "drop table balances",
            "drop view bars_1d",
            "alter table balances add column mine integer",
            "create index mine on balances (amount)",
            "create table mine (id integer)",
            "create view mine as select 1",
            "create function mine() returns integer language sql return 1",
            "create schema mine",
            "create temporary table mine (id integer)",
            "drop trigger bars_added on ticks",
            "alter table ticks disable trigger all",
            "create role mine",
            "alter role tape_projector superuser",
            "select * from schema_migrations",
            "insert into schema_migrations values ('0100_mine.sql', '')",
            "delete from schema_migrations",
            "copy (select 1) to program 'true'",
        ):
            assert_refused(projector, statement)


def test_projector_has_exactly_four_rights_on_each_table(database_url: str) -> None:
    """The catalogue says it of every table and view: select, insert, update, delete; and nothing on the migrations."""
    migrate(database_url)
    ensure_projector(database_url, PASSWORD)

    with psycopg.connect(database_url) as owner:
        rows = owner.execute(
            """select relname, array_agg(privilege order by privilege) from pg_class
               cross join lateral unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES',
                   'TRIGGER']) as privilege
               where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')
                   and has_table_privilege('tape_projector', pg_class.oid, privilege)
               group by relname"""
        ).fetchall()
    found = dict(rows)

    assert {name: rights for name, rights in rows if rights != ["DELETE", "INSERT", "SELECT", "UPDATE"]} == {}
    assert set(TABLES) - found.keys() == set()
    assert "schema_migrations" not in found


def test_backtests_write_their_own_tables_and_see_no_other(database_url: str) -> None:
    """The worker's role has the four rights on each table of backtests, and none on any other table or view."""
    migrate(database_url)
    url = ensure_backtests(database_url, PASSWORD)
    assert ensure_backtests(database_url, PASSWORD) == url

    with psycopg.connect(database_url) as owner:
        rows = owner.execute(
            """select relname, array_agg(privilege order by privilege) from pg_class
               cross join lateral unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES',
                   'TRIGGER']) as privilege
               where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')
                   and has_table_privilege('tape_backtests', pg_class.oid, privilege)
               group by relname"""
        ).fetchall()
    own = ("inputs", "jobs", "results", "trades", "equity")
    assert dict(rows) == {f"backtest_{name}": ["DELETE", "INSERT", "SELECT", "UPDATE"] for name in own}
    with psycopg.connect(url, autocommit=True) as backtests:
        backtests.execute("insert into backtest_inputs values ('backtest.requests', 0, 1)")
        for statement in (
            "select * from accounts",
            "select * from access_keys",
            "insert into balances values ('a', 'cash', 'USD', 1)",
            "truncate backtest_jobs",
            "drop table backtest_jobs",
            "create table mine (id integer)",
            "create temporary table mine (id integer)",
            "set role tape",
        ):
            assert_refused(backtests, statement)


def test_grants_reach_another_schema(database_url: str, servers: Settings) -> None:
    """Tables made beside the live ones, before or after the grant, can be used by both roles and by nobody else."""
    migrate(database_url)
    given = ("database_projector_url", "database_reader_url", "database_backtests_url")
    settings = servers.model_copy(update=dict.fromkeys(given, ""))
    reader_url, projector_url = ensure_reader(database_url, PASSWORD), ensure_projector(database_url, PASSWORD)
    backtests_url = ensure_backtests(database_url, PASSWORD)
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("create schema beside")
        owner.execute("create table beside.before (id integer)")
        for kind, role in role_names(settings).items():
            grant(owner, kind, role, "beside")
        owner.execute("create table beside.after (id integer)")

    names = {"reader": "tape_reader", "projector": "tape_projector", "backtests": "tape_backtests"}
    assert role_names(settings) == names
    with psycopg.connect(backtests_url, autocommit=True) as backtests:
        assert_refused(backtests, "select * from beside.after")
    with psycopg.connect(projector_url, autocommit=True) as projector:
        for table in ("before", "after"):
            projector.execute(sql.SQL("insert into beside.{} values (1)").format(sql.Identifier(table)))
        assert_refused(projector, "create table beside.mine (id integer)")
    with psycopg.connect(reader_url, autocommit=True) as reader:
        assert reader.execute("select * from beside.before union all select * from beside.after").fetchall() == [
            (1,),
            (1,),
        ]
        reader.execute("set default_transaction_read_only = off")
        assert_refused(reader, "delete from beside.after")


def test_each_role_has_its_own_password(database_url: str) -> None:
    """The password of one role opens no other."""
    migrate(database_url)
    urls = {"reader": ensure_reader(database_url, "one"), "projector": ensure_projector(database_url, "another")}

    for url in urls.values():
        psycopg.connect(url).close()
    for role, password in (("tape_reader", "another"), ("tape_projector", "one"), ("tape_projector", "")):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(with_credentials(database_url, role, password))


def test_role_needs_a_password(database_url: str) -> None:
    """A role without a password is refused rather than made with none."""
    with pytest.raises(RoleError, match="tape_reader needs a password"):
        ensure_reader(database_url)
    with pytest.raises(RoleError, match="tape_projector needs a password"):
        ensure_projector(database_url)


def test_owner_is_not_made_a_projector(servers: Settings, database_url: str) -> None:
    """Settings that name the owner as the projector are refused: the owner would lose its rights."""
    settings = servers.model_copy(update={"database_url": database_url, "database_projector_url": database_url})

    with pytest.raises(RoleError, match=r"expected a role of its own in DATABASE_PROJECTOR_URL, it was tape"):
        ensure_projector(settings)
    with psycopg.connect(database_url) as owner:
        assert owner.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (True,)


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
def test_role_url(url: str, expected: str) -> None:
    """A role's address is the owner's with another user, whatever form the owner's has."""
    assert with_credentials(url, "r", "p:") == expected
