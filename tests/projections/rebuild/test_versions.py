"""Goal: a rebuilt version is the live one's equal in rows and in form, and takes its place. Real servers."""

from __future__ import annotations

import json
import threading
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from audit.replay import replay
from audit.verify import verify
from projections.groups import GROUPS, LEDGER, group_of
from projections.rebuild import versions, work
from projections.rebuild.cli import app
from projections.rebuild.onrecord import Order
from runtime.clients import postgres, postgres_reader
from runtime.settings import Settings
from tests.audit.world import story
from tests.projections.rebuild.quiet import Quiet, nobody
from tests.projections.tapes import BARS, TABLES, digest, dump, produce
from tests.projections.test_runner import deposits, project_to
from tests.workers import eventually

pytestmark = pytest.mark.integration
NAMES = [group.name for group in GROUPS]
VIEWS = ("fills_now", "transfers", "reconciliation_breaks_all", "model_accuracy", *BARS)
BY = ("--by", "Carol", "--reason", "a new program")


def tape(monkeypatch: pytest.MonkeyPatch, settings: Settings, *arguments: str, code: int = 0) -> Result:
    """`tape projections …` in this process; fails unless it ends with that exit code."""
    monkeypatch.setattr("runtime.settings.settings", lambda: settings)
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, f"{result.output}\n{result.exc_info}"
    return result


def listed(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[dict[str, Any]]:
    """The versions that `list` shows."""
    found: list[dict[str, Any]] = json.loads(tape(monkeypatch, settings, "list", "--json").stdout)["versions"]
    return found


def form(connection: psycopg.Connection[Any], schema: str, table: str) -> list[Any]:
    """All that the catalog says of a table: columns, constraints, indexes, options; nothing of where it is."""
    found: list[Any] = []
    for query in (
        """select attname, format_type(atttypid, atttypmod), attnotnull, attgenerated, attidentity, attstattarget,
               attcollation, attstorage, pg_get_expr(adbin, adrelid) from pg_attribute
           left join pg_attrdef on adrelid = attrelid and adnum = attnum
           where attrelid = %s::regclass and attnum > 0 order by attnum""",
        """select conname, contype, pg_get_constraintdef(oid) from pg_constraint where conrelid = %s::regclass
           order by conname""",
        """select replace(pg_get_indexdef(indexrelid), ' ON ' || %s || '.', ' ON '), indisunique, indisprimary
           from pg_index where indrelid = %s::regclass order by 1""",
        """select reloptions, relpersistence, relreplident, obj_description(oid, 'pg_class') from pg_class
           where oid = %s::regclass""",
        """select tgname, replace(pg_get_triggerdef(oid), ' ON ' || %s || '.', ' ON ') from pg_trigger
           where tgrelid = %s::regclass and not tgisinternal order by 1""",
        """select coalesce(array_agg(case when grantee = 0 then 'public' else grantee::regrole::text end || ' '
               || privilege_type order by 1), '{}') from (select 1) one
           left join lateral (select (aclexplode(relacl)).* from pg_class where oid = %s::regclass) acl on true
           where grantee is distinct from null""",
    ):
        name = f"{schema}.{table}"
        found.append(
            connection.execute(query.encode(), (name,) if query.count("%s") == 1 else (schema, name)).fetchall()
        )
    return found


def views(connection: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    return dump(connection, VIEWS)


def test_each_projection_is_rebuilt_and_switched(ledger_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, each group gets a new version with the very rows, and form, that the live one had."""
    world = story(ledger_settings)
    world.project()
    with postgres(ledger_settings, autocommit=True) as connection:
        rows, seen = digest(dump(connection)), digest(views(connection))
        forms = {table: form(connection, "public", table) for table in (*TABLES, "bars")}
        oids = dict(connection.execute("select relname, oid from pg_class where relkind = 'r'").fetchall())

        for name in NAMES:
            tape(monkeypatch, ledger_settings, "rebuild", name, "--switch", *BY)

        assert digest(dump(connection)) == rows
        assert digest(views(connection)) == seen
        assert {table: form(connection, "public", table) for table in (*TABLES, "bars")} == forms
        now = dict(
            connection.execute("select relname, oid from pg_class where oid::regclass::text = relname").fetchall()
        )
        assert {table for table in TABLES if now[table] == oids[table]} == {"tape_records", "tape_causes"}
    assert replay(ledger_settings).ok
    assert verify(ledger_settings).ok
    versions = listed(monkeypatch, ledger_settings)
    assert [(one["projection"], one["version"], one["state"]) for one in versions] == [
        (name, number, state)
        for name in sorted(NAMES, key=NAMES.index)
        for number, state in ((2, "LIVE"), (1, "RETIRED"))
    ]
    assert {one["lag"] for one in versions} == {0}
    assert {one["differing_rows"] for one in versions if one["state"] == "LIVE"} == {0}
    for name in NAMES:
        tape(monkeypatch, ledger_settings, "drop", name, *BY)  # which fails if anything is still bound to them
    with postgres_reader(ledger_settings) as reader:
        assert digest(dump(reader)) == rows
        assert digest(views(reader)) == seen


@pytest.mark.parametrize("name", ["ledger", "ticks"])
def test_what_comes_after_a_build_is_in_what_is_switched(name: str, ledger_settings: Settings) -> None:
    """After the build bars close and fills come, on which the worth of accounts hangs; the switch brings all of it up
    to date, both what the group itself projects and what its neighbour does."""
    world = story(ledger_settings)
    world.project()
    group = group_of(name)
    work.rebuild(ledger_settings, group, Quiet(), nobody)
    day = world.day("IBM", 4, ("102", "108", "101", "107"))
    bought = world.submit("bob", "later", "BUY", "IBM", "2", protection="120")
    world.acknowledge("bob", bought)
    world.fill("bob", bought, "2", "102.00", "0.20", day["open"])
    world.day("AAPL", 4, ("61", "62", "60", "61"))
    world.flush()
    world.project()
    with postgres(ledger_settings, autocommit=True) as connection:
        before = dump(connection)
        newest = connection.execute("select max(market_time) from portfolio_values").fetchone()
        assert newest == connection.execute("select max(market_time) from ticks where closes_bar").fetchone()

        result = work.switch_in(ledger_settings, group, Order("Carol", "a new program"), None, Quiet(), nobody)

        assert result.differing == 0
        assert digest(dump(connection)) == digest(before)


def test_a_reader_of_an_older_moment_is_waited_for(ledger_settings: Settings) -> None:
    """A transaction that reads from one snapshot, taken before the new version's last rows, keeps the switch waiting,
    and reads its own moment from the tables."""
    topic = ledger_settings.topic("ledger.events")
    records = deposits(topic, 0, 60)
    produce(ledger_settings, records[:40])
    project_to(ledger_settings, LEDGER, 0, 40)
    work.rebuild(ledger_settings, LEDGER, Quiet(), nobody)
    with postgres_reader(ledger_settings) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        seen = reader.execute("select sum(next_offset) from projection_progress").fetchone()
        produce(ledger_settings, records[40:])
        project_to(ledger_settings, LEDGER, 0, 60)
        teller = Quiet()
        switching = threading.Thread(
            target=work.switch_in,
            args=(ledger_settings, LEDGER, Order("Carol", "a new program"), None, teller, nobody),
        )
        switching.start()
        eventually(lambda: "waiting for readers that began before" in teller.said, "it waits")
        switching.join(1.0)
        assert switching.is_alive()

        assert reader.execute("select count(*) from journal_postings").fetchone() == (2 * 39,)
        assert seen == (40,)
        reader.rollback()
        switching.join(60)
        assert not switching.is_alive()
        assert reader.execute("select count(*) from journal_postings").fetchone() == (2 * 59,)
    with postgres(ledger_settings) as connection:
        assert [one.state for one in versions.versions(connection, "ledger")] == ["LIVE", "RETIRED"]
