"""The TimescaleDB path, on PostgreSQL with TimescaleDB in WebAssembly (Node): the same names, the same answers.

It takes one connection at a time and statements of about 64 KB, so batches are small here. Never a store.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from domain.market import Tick
from projections.groups import apply_ledger, apply_ticks
from projections.migrate import MIGRATIONS, ensure_reader, migrate
from projections.ticks import Print
from tests.projections import story
from tests.projections.checks import assert_amounts, assert_story
from tests.projections.tapes import TABLES, digest, dump, story_prints, story_tapes

pytestmark = pytest.mark.integration
HERE = Path(__file__).resolve().parent
HYPERTABLES = {"tape_records", "journal_postings", "signals", "ticks", "portfolio_values"}
Connection = psycopg.Connection[Any]


def installed() -> None:
    """`npm ci`, unless what the lock names is there."""
    locked = json.loads((HERE / "package-lock.json").read_text())["packages"]
    for place, package in locked.items():
        manifest = HERE / place / "package.json"
        if place and (not manifest.exists() or json.loads(manifest.read_text())["version"] != package["version"]):
            npm = shutil.which("npm")
            assert npm, "npm is not installed; Node 20 or later is needed to test the TimescaleDB path"
            subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=HERE, check=True, timeout=240)
            return


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a database server with TimescaleDB."""
    installed()
    with subprocess.Popen(
        ["node", "server.mjs"], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            port = server.stdout.readline().strip()
            assert port.isdigit(), "the WebAssembly server did not start"
            yield f"postgresql://postgres:any@127.0.0.1:{port}/postgres?sslmode=disable"
        finally:
            server.kill()


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    """Tables made anew, and a reader. The extension stays: this server has one session, which loads it once."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as old:
        old.execute("deallocate all")
        old.execute("reset role")
        old.execute("drop materialized view if exists bars_1d cascade")
        for table in (*TABLES, "feed_head", "feed_batches", "projection_progress", "schema_migrations"):
            old.execute(f"drop table if exists {table} cascade".encode())
        for function in ("account_trial_balance", "time_of_us", "us_of_time", "span_node", "span_nodes"):
            old.execute(f"drop function if exists {function}".encode())
    assert migrate(url) == [
        *("0001_tables.sql", "0001_tables.timescale.sql", "0002_audit_actions.sql"),
        *("0003_trial_balance.sql", "0004_orders_depth.sql", "0005_corporate.sql"),
        *("0006_desk.sql", "0007_reconciliation.sql", "0008_rebalances.sql"),
        "0009_accounts_transfers.sql",
    ]
    assert migrate(url) == []
    ensure_reader(url, "any")
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as opened:
        yield opened


def project(connection: Connection, apply: Any, items: list[Any], size: int = 4) -> None:
    for begin in range(0, len(items), size):
        with connection.transaction(), connection.cursor() as cursor:
            apply(cursor, items[begin : begin + size])


def project_story(connection: Connection) -> None:
    first, second = story_tapes("ledger.events")
    prints = story_prints()
    project(connection, apply_ledger, first.records[:8])
    project(connection, apply_ticks, prints[:6])
    project(connection, apply_ledger, second.records)
    project(connection, apply_ticks, prints[6:])
    project(connection, apply_ledger, first.records[8:])


def a_week_later(tick: Tick) -> Tick:
    return msgspec.structs.replace(tick, market_time_us=tick.market_time_us + 7 * story.DAY_US)


def plain_bars(connection: Connection) -> list[Any]:
    """What the view of plain PostgreSQL, whose text is in the migrations, says of the same ticks."""
    text = (MIGRATIONS / "0001_tables.plain.sql").read_text()
    connection.execute(text.replace("create view bars_1d", "create or replace view bars_plain").encode())
    return connection.execute("select * from bars_plain order by symbol, bucket").fetchall()


def aggregated_bars(connection: Connection) -> list[Any]:
    return connection.execute("select * from bars_1d order by symbol, bucket").fetchall()


def test_hypertables_and_policies(connection: Connection) -> None:
    """Time series are hypertables, all but the portfolios compressed; the archive and the books are never dropped."""
    tables = connection.execute("select hypertable_name from timescaledb_information.hypertables").fetchall()
    jobs = set(
        connection.execute(
            "select proc_name, hypertable_name from timescaledb_information.jobs where hypertable_name is not null"
        ).fetchall()
    )
    (aggregate,) = connection.execute(
        "select view_name, materialized_only from timescaledb_information.continuous_aggregates"
    ).fetchall()

    assert {name for (name,) in tables} == HYPERTABLES
    assert {table for proc, table in jobs if proc == "policy_compression"} == HYPERTABLES - {"portfolio_values"}
    assert {table for proc, table in jobs if proc == "policy_retention"} == {"ticks", "signals"}
    assert len([proc for proc, _ in jobs if proc == "policy_refresh_continuous_aggregate"]) == 1
    assert aggregate == ("bars_1d", False)


def test_story_gives_the_same_rows(connection: Connection) -> None:
    """The projections' SQL gives on hypertables the rows that were worked out by hand."""
    project_story(connection)

    assert_story(connection)


def test_bars_equal_the_plain_view(connection: Connection) -> None:
    """Bars before a refresh, after it, and with a new day on top of it are those of the plain view."""
    project_story(connection)
    bars = "select symbol, 1 + (bucket::date - date '2011-01-03'), open, high, low, close, volume from bars_1d"
    assert_amounts(connection, bars, 2, story.BARS)
    assert aggregated_bars(connection) == plain_bars(connection)

    connection.execute("call refresh_continuous_aggregate('bars_1d', null, null)")
    assert aggregated_bars(connection) == plain_bars(connection)

    offset = len(story_prints())
    later = [Print(row.partition, offset + row.offset, a_week_later(row.tick)) for row in story_prints()]
    project(connection, apply_ticks, later)
    assert len(plain_bars(connection)) == 12
    assert aggregated_bars(connection) == plain_bars(connection)


def test_late_ticks_come_with_the_next_refresh(connection: Connection) -> None:
    """A tick below what is materialized changes its bar once the policy has refreshed it."""
    project_story(connection)
    connection.execute("call refresh_continuous_aggregate('bars_1d', null, null)")
    late = story_prints()[0]
    project(connection, apply_ticks, [late._replace(offset=50)])

    connection.execute("call refresh_continuous_aggregate('bars_1d', null, null)")

    assert aggregated_bars(connection) == plain_bars(connection)
    assert aggregated_bars(connection)[0][-1] == 300


def test_compressed_rows_read_the_same(connection: Connection) -> None:
    """With every chunk compressed all tables read as before, and more records and ticks can be added."""
    first, second = story_tapes("ledger.events")
    project(connection, apply_ledger, first.records)
    project(connection, apply_ticks, story_prints()[:8])
    before = digest(dump(connection))
    for table in HYPERTABLES - {"portfolio_values"}:
        connection.execute("select compress_chunk(chunk) from show_chunks(%s::regclass) as chunk", (table,))

    assert digest(dump(connection)) == before
    compressed = connection.execute("select count(*) from timescaledb_information.chunks where is_compressed")
    assert compressed.fetchall() == [(3,)]

    project(connection, apply_ledger, second.records)
    project(connection, apply_ticks, story_prints()[8:])
    assert_story(connection)


def test_reader_reads_hypertables_and_bars(connection: Connection) -> None:
    """The reader's role selects from every table and from the continuous aggregate, and inserts nowhere."""
    project_story(connection)
    connection.execute("set role tape_reader")

    for table in (*TABLES, "bars_1d", "projection_progress"):
        connection.execute(f"select * from {table}".encode())
    assert len(aggregated_bars(connection)) == 6
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("insert into ticks select * from ticks")
