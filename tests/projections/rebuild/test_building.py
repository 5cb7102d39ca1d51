"""Goal: a build can be killed, broken off and gone on with, works alone, and is refused when it differs."""

from __future__ import annotations

import json
import signal
from typing import Any

import psycopg
import pytest

from domain.errors import ChainError
from projections.groups import LEDGER, TICKS, group_of
from projections.marks import Stop, put_stop
from projections.rebuild import versions, work
from projections.rebuild.build import Build
from projections.rebuild.onrecord import Order
from projections.rebuild.tables import VersionError
from projections.runner import Runner
from runtime.clients import postgres
from runtime.settings import Settings
from streams import codec
from streams.tape import read_range
from tests.audit.world import story
from tests.projections import story as told
from tests.projections.rebuild.quiet import Quiet, nobody
from tests.projections.rebuild.test_under_load import command, projected
from tests.projections.rebuild.test_versions import BY, listed, tape
from tests.projections.tapes import digest, dump, head_of, produce
from tests.projections.test_poison import Strange
from tests.projections.test_runner import assert_deposits, deposits, project_to
from tests.workers import eventually

pytestmark = pytest.mark.integration
EACH = 6_000
ORDER = Order("Carol", "a new program")


def filled(settings: Settings, partitions: int = 1) -> None:
    """A ledger of deposits, projected."""
    topic = settings.topic("ledger.events")
    for partition in range(partitions):
        produce(settings, deposits(topic, partition, EACH))
        project_to(settings, LEDGER, partition, EACH)


def test_a_killed_and_a_broken_off_build_go_on(ledger_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL, then SIGTERM, in the middle: what was written stays, is not written again, and the end is the same."""
    filled(ledger_settings)
    schema = "tape_ledger_v2"
    with postgres(ledger_settings, autocommit=True) as connection:
        with command(ledger_settings, "rebuild", "ledger") as first:
            eventually(lambda: reached(connection, schema) > 0, "the build writes")
            first.kill()
        eventually(lambda: not said(connection), "the database misses the killed one")
        killed_at = reached(connection, schema)
        with command(ledger_settings, "rebuild", "ledger") as second:
            eventually(lambda: reached(connection, schema) >= killed_at and said(connection), "the build goes on")
            second.send_signal(signal.SIGTERM)
            out, error = second.communicate(timeout=60)
        assert second.returncode in (130, 0), f"{out}{error}"
        if second.returncode == 130:
            assert "what was built is kept" in error
        stopped_at = reached(connection, schema)
        assert stopped_at >= killed_at > 0
        found = [one for one in listed(monkeypatch, ledger_settings) if one["projection"] == "ledger"]
        assert [(one["version"], one["state"] in versions.NEXT) for one in found] == [(2, True), (1, False)]

        tape(monkeypatch, ledger_settings, "rebuild", "ledger", "--switch", *BY)

        assert_deposits(connection, 1, EACH)
        assert projected(connection) == EACH


def reached(connection: psycopg.Connection[Any], schema: str) -> int:
    try:
        return projected(connection, schema)
    except psycopg.errors.UndefinedTable:
        return 0


def said(connection: psycopg.Connection[Any]) -> bool:
    """Whether a build is at work."""
    return bool(
        connection.execute(
            "select 1 from pg_stat_activity where application_name = 'tapeledger rebuild ledger' "
            "and datname = current_database()"
        ).fetchall()
    )


def test_a_build_broken_off_between_batches_goes_on_from_there(ledger_settings: Settings) -> None:
    """Broken off after any number of batches it has those batches; the next run writes only what is missing."""
    filled(ledger_settings)
    seen: list[int] = []
    with postgres(ledger_settings, autocommit=True) as connection:
        for wanted in (1, 1_500, 3_000):

            def break_off(_: Any, missing: int, wanted: int = wanted) -> None:
                if missing <= EACH - wanted:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                work.rebuild(ledger_settings, LEDGER, Quiet(), break_off, batch_records_max=700)
            seen.append(projected(connection, "tape_ledger_v2"))
        assert seen == sorted(set(seen))
        assert seen[-1] < EACH
        missing: list[int] = []
        work.rebuild(ledger_settings, LEDGER, Quiet(), lambda _, left: missing.append(left), batch_records_max=700)
        assert missing[0] == EACH - seen[-1]
        assert work.verify(ledger_settings, LEDGER, Quiet()).differing == 0


def test_two_builders_do_not_meet(ledger_settings: Settings) -> None:
    """While one works on a group, or on one that shares a table, the other is refused and told who is at work."""
    filled(ledger_settings)
    with versions.at_work(ledger_settings, LEDGER):
        for name in ("ledger", "ticks"):
            with pytest.raises(VersionError, match=r"is being worked on: tapeledger rebuild ledger, connection [0-9]+"):
                work.rebuild(ledger_settings, group_of(name), Quiet(), nobody)
    work.rebuild(ledger_settings, LEDGER, Quiet(), nobody)
    with postgres(ledger_settings, autocommit=True) as connection:
        Runner(ledger_settings, TICKS).load(connection, [0, 1, 2, 3])
    with pytest.raises(VersionError, match="ledger version 2 is under construction and shares portfolio_values with"):
        work.rebuild(ledger_settings, TICKS, Quiet(), nobody)
    with pytest.raises(VersionError, match="signals has projected nothing yet"):
        work.rebuild(ledger_settings, group_of("signals"), Quiet(), nobody)


def test_differences_are_shown_refused_and_accepted(ledger_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two live rows were changed and one removed: the comparison names them, and only a reason lets the new one in."""
    world = story(ledger_settings)
    world.project()
    with postgres(ledger_settings, autocommit=True) as connection:
        right = digest(dump(connection))
        connection.execute("update orders set status = 'CANCELED' where client_order_id = 'rest-1'")
        connection.execute("update balances set amount = amount + 1 where account_id = 'ann' and book_account = 'cash'")
        connection.execute("delete from fills where execution_id = (select min(execution_id) from fills)")
        wrong = digest(dump(connection))

        refused = tape(monkeypatch, ledger_settings, "rebuild", "ledger", "--switch", *BY, code=1)
        assert "orders: 1 rows differ" in refused.output
        assert "status is 'CANCELED', in the new version 'NEW'" in refused.output
        assert "fills: 1 rows differ" in refused.output
        assert "not in the live version" in refused.output
        assert "balances: 1 rows differ" in refused.output
        assert "nothing was switched" in refused.output
        assert digest(dump(connection)) == wrong
        assert connection.execute("select replaced_at from feed_head").fetchone() == (0,)
        (new,) = [one for one in listed(monkeypatch, ledger_settings) if one["state"] == "READY"]
        assert new["differing_rows"] == 3
        found = json.loads(tape(monkeypatch, ledger_settings, "verify", "ledger", "--json", code=1).stdout)
        assert {table["table"]: table["differing"] for table in found["tables"] if table["differing"]} == {
            "balances": 1,
            "fills": 1,
            "orders": 1,
        }
        tape(monkeypatch, ledger_settings, "switch", "ledger", "--by", "Carol", code=2)

        tape(monkeypatch, ledger_settings, "switch", "ledger", *BY, "--accept-differences", "three rows were edited")

        assert digest(dump(connection)) == right
        assert connection.execute("select replaced_at = feed, feed > 1 from feed_head").fetchone() == (True, True)
        actions = sent_actions(ledger_settings)
        assert [(one.action, one.actor, one.reason, one.subject) for one in actions] == [
            ("projection.switched", "Carol", "a new program", "projection ledger")
        ]
        assert actions[0].details["accepted"] == "three rows were edited"
        assert actions[0].details["verified"].startswith("3 rows of ")


def sent_actions(settings: Settings) -> list[Any]:
    """What was sent to the audit agent."""
    topic = settings.topic("audit.intake")
    records = [record for partition in range(4) for record in read_range(settings, topic, partition)]
    return [codec.decode(record.value, record.headers) for record in records]


def test_the_archive_is_compared_and_left_alone(ledger_settings: Settings) -> None:
    """A record whose archived hash is not Kafka's, or that the archive lacks, stops the build in front of it."""
    filled(ledger_settings)
    with postgres(ledger_settings, autocommit=True) as connection:
        connection.execute("update tape_records set hash = sha256('other') where record_offset = 2500")
        with pytest.raises(ChainError, match="at offset 2500: the archive has another record here than Kafka"):
            work.rebuild(ledger_settings, LEDGER, Quiet(), nobody)
        connection.execute("delete from tape_records where record_offset = 2500")
        with pytest.raises(ChainError, match="at offset 2500: the archive does not have this record"):
            work.rebuild(ledger_settings, LEDGER, Quiet(), nobody)
        assert projected(connection, "tape_ledger_v2") == 2_500, "all before it is written"
        assert connection.execute("select count(*) from tape_records").fetchone() == (EACH - 1,)


def test_a_version_that_migrations_have_left_behind_is_refused(ledger_settings: Settings) -> None:
    """A migration changed the live tables: the version under construction is dropped, and made anew."""
    filled(ledger_settings)
    work.rebuild(ledger_settings, LEDGER, Quiet(), nobody)
    with postgres(ledger_settings, autocommit=True) as connection:
        connection.execute("insert into schema_migrations (name, sha256) values ('0999_more.sql', 'x')")
        for what in (work.verify, lambda s, g, t: work.rebuild(s, g, t, nobody)):
            with pytest.raises(VersionError, match="begun before the newest migrations"):
                what(ledger_settings, LEDGER, Quiet())

        dropped = work.drop(ledger_settings, LEDGER, None, ORDER)

        assert (dropped.version, dropped.state) == (2, "READY")
        assert connection.execute("select count(*) from pg_namespace where nspname like 'tape%'").fetchone() == (0,)
    with pytest.raises(VersionError, match="no version to drop: there are 1 \\(LIVE\\)"):
        work.drop(ledger_settings, LEDGER, None, ORDER)
    work.rebuild(ledger_settings, LEDGER, Quiet(), nobody)
    assert work.verify(ledger_settings, LEDGER, Quiet()).differing == 0


def test_what_the_live_version_passes_over_a_rebuild_passes_over(ledger_settings: Settings) -> None:
    """A build stops at a record that it cannot project, may be told to pass over it, and passes over what is marked."""
    topic = ledger_settings.topic("ledger.events")
    strange = Strange(topic, 0)
    for record in deposits(topic, 0, 10):
        strange.records.append((record, True))
    strange.head = head_of(strange.records[-1][0])
    strange.write_strange(told.ann()[0])
    produce(ledger_settings, [record for record, _ in strange.records])
    with postgres(ledger_settings, autocommit=True) as connection:
        project_to(ledger_settings, LEDGER, 0, 10)
        put_stop(connection, Stop("ledger", topic, 0, 10, "tapeledger.AccountSold.v1", "unknown", is_whole=True))
        work.skip(ledger_settings, LEDGER, 0, 10, ORDER)
        project_to(ledger_settings, LEDGER, 0, 11)

        work.rebuild(ledger_settings, LEDGER, Quiet(), nobody)

        assert work.verify(ledger_settings, LEDGER, Quiet()).differing == 0
        assert projected(connection, "tape_ledger_v2") == 11


def test_a_build_whose_lock_was_lost_does_no_harm(ledger_settings: Settings) -> None:
    """Two builds of one version, as after a lost connection: who comes second writes nothing, and says why."""
    filled(ledger_settings)
    with versions.at_work(ledger_settings, LEDGER) as connection:
        version = versions.begin(connection, LEDGER)
        with versions.working_in(ledger_settings, version) as one, versions.working_in(ledger_settings, version) as two:
            builds = [Build(ledger_settings, LEDGER, version, own) for own in (one, two)]
            for build in builds:
                build.open()
            limits = builds[0].live()
            builds[0].advance(limits, lambda: None)

            with pytest.raises(VersionError, match="somebody else fills ledger version 2 as well"):
                builds[1].advance(limits, lambda: None)

            assert_deposit_rows(one)


def assert_deposit_rows(connection: psycopg.Connection[Any]) -> None:
    """In the version that the connection finds: one opening, and two postings for each deposit."""
    counts = connection.execute("select (select count(*) from accounts), (select count(*) from journal_postings)")
    assert counts.fetchone() == (1, 2 * (EACH - 1))
