"""The TimescaleDB path, on PostgreSQL with TimescaleDB in WebAssembly (Node): the same names, the same answers.

It takes one connection at a time and statements of about 64 KB, so batches are small here. Never a store.
"""

from __future__ import annotations

from typing import Any

import msgspec
import psycopg
import pytest

from domain.market import Tick
from projections import portfolio
from projections.groups import GROUPS, LEDGER, SIGNALS, TICKS, Group
from projections.migrate import migrate
from projections.rebuild import compare, hypertables, swap, tables, versions
from projections.rebuild.onrecord import Order
from projections.ticks import Print
from streams.backtests.queue import claim, finish
from streams.backtests.results import delete_old, put_results
from tests.projections import opinions, story
from tests.projections.candles import MINUTES, busy_prints, candles, kept
from tests.projections.checks import assert_amounts, assert_story
from tests.projections.tapes import BARS, TABLES, digest, dump, story_prints, story_tapes
from tests.projections.test_outcomes import assert_opinions
from tests.streams.backtests.house import POLICY, id_of, outcome, put

pytestmark = pytest.mark.integration
PROJECTED = {"tape_records", "journal_postings", "signals", "signal_outcomes", "ticks", "portfolio_values"}
HYPERTABLES = PROJECTED | {"backtest_equity"}
NEVER_DROPPED = {"tape_records", "journal_postings", "portfolio_values", "backtest_equity"}
"""By a policy: equity of backtests is deleted with them, by their worker."""
Connection = psycopg.Connection[Any]


def project(connection: Connection, apply: Any, items: list[Any], size: int = 4) -> None:
    for begin in range(0, len(items), size):
        with connection.transaction(), connection.cursor() as cursor:
            apply(cursor, items[begin : begin + size])


def project_story(connection: Connection) -> None:
    first, second = story_tapes("ledger.events")
    prints = story_prints()
    project(connection, LEDGER.apply, first.records[:8])
    project(connection, TICKS.apply, prints[:6])
    project(connection, LEDGER.apply, second.records)
    project(connection, TICKS.apply, prints[6:])
    project(connection, LEDGER.apply, first.records[8:])


def signal_records() -> list[Any]:
    return [record for tape in opinions.signal_tapes("trading.signals") for record in tape.records]


def a_week_later(tick: Tick) -> Tick:
    return msgspec.structs.replace(tick, market_time_us=tick.market_time_us + 7 * story.DAY_US)


def refresh(connection: Connection) -> None:
    """What the policies do every minute."""
    for view in BARS:
        connection.execute("call refresh_continuous_aggregate(%s::regclass, null, null)", (view,))


def assert_bars(connection: Connection, prints: list[Print]) -> None:
    for view in BARS:
        assert kept(connection, view) == candles(prints, MINUTES[view]), view


def test_hypertables_and_policies(connection: Connection) -> None:
    """Time series are hypertables, all compressed; the archive, the books and the portfolios are never dropped."""
    tables = connection.execute("select hypertable_name from timescaledb_information.hypertables").fetchall()
    jobs = connection.execute(
        "select proc_name, hypertable_name, config from timescaledb_information.jobs where hypertable_name is not null"
    ).fetchall()
    aggregates = connection.execute(
        "select view_name, materialized_only from timescaledb_information.continuous_aggregates"
    ).fetchall()
    refreshed = {table for proc, table, _ in jobs if proc == "policy_refresh_continuous_aggregate"}

    assert {name for (name,) in tables} == HYPERTABLES
    assert {table for proc, table, _ in jobs if proc == "policy_compression"} == HYPERTABLES
    assert {table for proc, table, _ in jobs if proc == "policy_retention"} == HYPERTABLES - NEVER_DROPPED
    assert dict(aggregates) == dict.fromkeys(BARS, False)
    assert refreshed == set(BARS)


def test_backtests_come_and_go_on_hypertables(connection: Connection) -> None:
    """The rights of the worker's role are enough to keep results, in a compressed chunk as well, and to delete those
    that are old and compressed; the curve of each is found by the time at which it was recorded.
    """
    connection.execute("set role tape_backtests")
    put(connection, "old", "new", "next")
    keep(connection)
    with connection.transaction(), connection.cursor() as cursor:  # as it would have been eleven days ago
        for name in ("results", "trades", "equity"):
            cursor.execute(f"delete from backtest_{name}".encode())
        row = cursor.execute(
            "update backtest_jobs set ended_at = ended_at - interval '11 days' where state = 'DONE' returning ended_at"
        ).fetchone()
        assert row is not None
        put_results(cursor, id_of("old"), outcome(), row[0])
    keep(connection)
    connection.execute("reset role")
    compressed = "select compress_chunk(chunk) from show_chunks('backtest_equity') as chunk"
    assert connection.execute(compressed).fetchall()
    connection.execute("set role tape_backtests")
    keep(connection)

    for name in ("old", "new", "next"):
        curve = connection.execute(
            """select equity from backtest_equity join backtest_jobs using (backtest_id)
               where backtest_id = %s and recorded_at = ended_at order by market_time""",
            (id_of(name),),
        )
        assert curve.fetchall() == [(100_000,), (100_001,), (100_002,)]
    assert delete_old(connection, 10) == 1
    left = connection.execute("select distinct backtest_id from backtest_equity").fetchall()
    assert sorted(left) == sorted([(id_of("new"),), (id_of("next"),)])
    for statement in ("truncate backtest_equity", "drop table backtest_jobs", "select * from ticks"):
        with pytest.raises(psycopg.Error, match=r"permission denied|must be owner"):
            connection.execute(statement.encode())


def keep(connection: Connection) -> None:
    """A result of the next job."""
    claimed = claim(connection, "w", POLICY)
    assert claimed is not None
    assert finish(connection, claimed, outcome()) == "MINE"


def test_bars_outlive_their_ticks(connection: Connection) -> None:
    """Refreshes look back less far than ticks are kept, so no refresh empties a bar whose ticks were dropped."""
    jobs = connection.execute("select proc_name, config from timescaledb_information.jobs").fetchall()
    looks_back = {config["start_offset"] for proc, config in jobs if proc == "policy_refresh_continuous_aggregate"}
    kept_for = {config["drop_after"] for proc, config in jobs if proc == "policy_retention"}

    assert (looks_back, kept_for) == ({"39 years"}, {"40 years"})


def test_story_gives_the_same_rows(connection: Connection) -> None:
    """The projections' SQL gives on hypertables the rows that were worked out by hand."""
    project_story(connection)

    assert_story(connection)


def test_what_came_of_signals(connection: Connection) -> None:
    """Outcomes, and how often each model was right, are those that were worked out by hand, also where the chunks that
    more of them go to are compressed."""
    records = signal_records()
    project(connection, SIGNALS.apply, records[:4], 3)
    for table in ("signals", "signal_outcomes"):
        connection.execute("select compress_chunk(chunk) from show_chunks(%s::regclass) as chunk", (table,))
    project(connection, SIGNALS.apply, records[4:], 3)

    assert_opinions(connection)


def test_signals_of_before_are_given_the_model_s_hash(connection: Connection, url: str) -> None:
    """The migration finds compressed signals: they read as before, with a hash that was not told."""
    for what in ("view model_accuracy", "table model_outcomes", "table signal_outcomes"):
        connection.execute(f"drop {what}".encode())
    connection.execute("alter table signals drop column model_sha256")
    connection.execute("delete from schema_migrations where name like '0017%'")
    at = "to_timestamp(1294088400), to_timestamp(1294088400)"
    old = f"""insert into signals (signal_id, symbol, direction, model_name, model_version, features, market_time,
        recorded_at, partition, record_offset) values ('sig_0', 'X', 'BUY', 'm', '6', '{{}}', {at}, 0, 0)"""
    connection.execute(old.encode())
    connection.execute("select compress_chunk(chunk) from show_chunks('signals') as chunk")
    connection.close()

    assert migrate(url) == ["0017_signal_outcomes.sql", "0017_signal_outcomes.timescale.sql"]
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as again:
        assert again.execute("select signal_id, model_sha256 from signals").fetchall() == [("sig_0", "")]


def test_bars_are_real_time(connection: Connection) -> None:
    """Bars of every width are those of all ticks: before a refresh, after it, and with newer ticks on top of it."""
    prints = busy_prints(200, 1)
    project(connection, TICKS.apply, prints, 50)
    assert_bars(connection, prints)

    refresh(connection)
    assert_bars(connection, prints)

    later = [row._replace(offset=row.offset + 1_000, tick=a_week_later(row.tick)) for row in prints]
    project(connection, TICKS.apply, later, 50)
    assert_bars(connection, prints + later)

    refresh(connection)
    assert_bars(connection, prints + later)


def test_bars_of_the_story(connection: Connection) -> None:
    """Daily bars are those that were worked out by hand."""
    project_story(connection)

    bars = "select symbol, 1 + (bucket::date - date '2011-01-03'), open, high, low, close, volume from bars_1d"
    assert_amounts(connection, bars, 2, story.BARS)


def test_late_ticks_come_with_the_next_refresh(connection: Connection) -> None:
    """Ticks below what is materialized are not seen before the refresh of their bars, and are seen after it."""
    prints = busy_prints(200, 2)
    project(connection, TICKS.apply, prints, 50)
    refresh(connection)
    late = [row._replace(offset=row.offset + 1_000) for row in prints[:40]]
    project(connection, TICKS.apply, late, 50)
    for view in BARS:
        assert kept(connection, view) == candles(prints, MINUTES[view]), view

    refresh(connection)

    assert_bars(connection, prints + late)


def test_compressed_rows_read_the_same(connection: Connection) -> None:
    """With every chunk compressed all tables read as before, and more can be added, portfolios be worked out anew."""
    first, second = story_tapes("ledger.events")
    project(connection, LEDGER.apply, first.records)
    project(connection, TICKS.apply, story_prints()[:8])
    before = digest(dump(connection))
    for table in PROJECTED:
        connection.execute("select compress_chunk(chunk) from show_chunks(%s::regclass) as chunk", (table,))

    assert digest(dump(connection)) == before
    compressed = connection.execute("select count(*) from timescaledb_information.chunks where is_compressed")
    assert compressed.fetchall() == [(4,)]

    project(connection, LEDGER.apply, second.records)
    project(connection, TICKS.apply, story_prints()[8:])
    assert_story(connection)


def test_projector_fills_hypertables_and_changes_none(connection: Connection) -> None:
    """The projector's rights are enough for new chunks, compressed ones and portfolios; it drops and makes nothing."""
    connection.execute("set role tape_projector")
    project_story(connection)
    assert_story(connection)
    connection.execute("reset role")
    for table in PROJECTED:
        connection.execute("select compress_chunk(chunk) from show_chunks(%s::regclass) as chunk", (table,))
    connection.execute("set role tape_projector")
    late = [row._replace(offset=row.offset + 1_000) for row in story_prints()]
    project(connection, TICKS.apply, late)

    assert connection.execute("select count(*) from ticks").fetchone() == (2 * len(late),)
    for statement in (
        "truncate ticks",
        "drop table ticks",
        "drop materialized view bars_1d",
        "select drop_chunks('ticks', older_than => now())",
        "select remove_retention_policy('ticks')",
        "call refresh_continuous_aggregate('bars_1d', null, null)",
        "create table mine (id integer)",
        "select * from schema_migrations",
    ):
        with pytest.raises(psycopg.Error, match=r"permission denied|must be owner"):
            connection.execute(statement.encode())


def test_reader_reads_hypertables_and_bars(connection: Connection) -> None:
    """The reader's role selects from every table and from the continuous aggregates, and inserts nowhere."""
    project_story(connection)
    refresh(connection)
    connection.execute("set role tape_reader")

    for table in (*TABLES, *BARS, "projection_progress"):
        connection.execute(f"select * from {table}".encode())
    assert len(kept(connection, "bars_1d")) == 6
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("insert into ticks select * from ticks")


def signature(connection: Connection, schema: str, tables: tuple[str, ...]) -> dict[str, list[Any]]:
    """What TimescaleDB knows of a version's tables: chunks' width, compression, policies, aggregates."""
    queries = {
        "dimensions": "select hypertable_name, column_name, time_interval from timescaledb_information.dimensions "
        "where hypertable_schema = %s",
        "compression": "select hypertable_name, attname, segmentby_column_index, orderby_column_index, orderby_asc, "
        "orderby_nullsfirst from timescaledb_information.compression_settings where hypertable_schema = %s",
        "jobs": "select hypertable_name, proc_name, schedule_interval, config - 'hypertable_id' - 'mat_hypertable_id' "
        "from timescaledb_information.jobs where hypertable_schema = %s",
        "aggregates": "select view_name, materialized_only, finalized from "
        "timescaledb_information.continuous_aggregates where view_schema = %s",
    }
    found = {name: connection.execute(query.encode(), (schema,)).fetchall() for name, query in queries.items()}
    bars = [row[0] for row in found["aggregates"]] if "ticks" in tables else []
    kept = {name: [row for row in rows if row[0] in (*tables, *bars)] for name, rows in found.items()}
    return {name: sorted(rows, key=repr) for name, rows in kept.items()}


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_a_version_is_made_filled_and_switched(connection: Connection, group: Group) -> None:
    """The new version has the live one's hypertables, compression, policies and bars, and the same rows; after the
    switch all read as before, and the retired one can be dropped."""
    project_story(connection)
    project(connection, SIGNALS.apply, signal_records())
    group = tables.present(connection, group)
    connection.execute("call refresh_continuous_aggregate('bars_1d', null, null)")
    rows, bars = digest(dump(connection)), dump(connection, (*BARS, "model_accuracy"))
    before = signature(connection, "public", group.tables)
    items: dict[str, list[Any]] = {"signals": signal_records(), "audit": [], "ticks": story_prints()}
    items["ledger"] = [record for tape in story_tapes("ledger.events") for record in tape.records]
    version = versions.begin(connection, group)
    schema = version.schema
    assert signature(connection, schema, group.tables) == before

    for begin in range(0, len(items[group.name]), 4):
        with connection.transaction(), connection.cursor() as cursor, hypertables.searching(cursor, schema):
            group.project(cursor, group.decoded(items[group.name][begin : begin + 4]))
    with connection.transaction(), connection.cursor() as cursor, hypertables.searching(cursor, schema):
        if group.derive is not None:
            portfolio.apply_since(cursor, {0: 0, 1: 0}, {0: 0, 1: 0})
    with connection.cursor() as cursor:
        hypertables.refresh(cursor, schema, group.tables)
    assert [one.differing for one in compare.compare(connection, schema, group.tables, lambda _: None)] == [0] * len(
        group.tables
    )
    with connection.transaction(), connection.cursor() as cursor:
        found = swap.dependents(cursor, group)
        swap.wait_for_older_snapshots(cursor, lambda: None)
        swap.lock(cursor, group, schema, found, lambda: None)
        old = versions.live(connection, group)
        swap.exchange(cursor, group, schema, f"tape_{group.name}_v1", found)
        versions.change_places(cursor, old, f"tape_{group.name}_v1", version)

    assert digest(dump(connection)) == rows
    assert dump(connection, (*BARS, "model_accuracy")) == bars
    assert signature(connection, "public", group.tables) == before
    later = [Print(row.partition, 50 + row.offset, a_week_later(row.tick)) for row in story_prints()]
    project(connection, TICKS.apply, later)
    assert connection.execute("select count(*) from bars_1d").fetchone() == (12,)
    versions.drop(connection, group, 1, Order("Carol", "it is not needed"))
    assert signature(connection, f"tape_{group.name}_v1", group.tables) == {name: [] for name in before}
    connection.execute("set role tape_reader")
    for table in (*TABLES, *BARS):
        connection.execute(f"select * from {table}".encode())
    connection.execute("reset role")
