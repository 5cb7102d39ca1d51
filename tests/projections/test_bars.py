"""Bars where TimescaleDB is missing: rows that follow the ticks, statement by statement.

Goal: at every moment the bars are those that the ticks give. Method: ticks that are hard on bars come in in batches,
and are changed and removed by hand; the expected bars are worked out in Python.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import sql

from projections.groups import TICKS
from projections.migrate import MIGRATIONS, migrate
from projections.roles import ensure_projector
from projections.ticks import Print
from runtime.settings import Settings
from tests.projections.candles import MINUTES, busy_prints, candles, kept
from tests.projections.tapes import BARS

pytestmark = pytest.mark.integration
Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(ledger_settings: Settings) -> Iterator[Connection]:
    """A connection as the owner."""
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as opened:
        yield opened


def project(connection: Connection, prints: list[Print], seed: int) -> None:
    """In batches of any size."""
    chance = random.Random(seed)
    waiting = list(prints)
    while waiting:
        size = chance.randint(1, 60)
        with connection.transaction(), connection.cursor() as cursor:
            TICKS.apply(cursor, waiting[:size])
        del waiting[:size]


def assert_bars(connection: Connection, prints: list[Print]) -> None:
    for view in BARS:
        assert kept(connection, view) == candles(prints, MINUTES[view]), view


@pytest.mark.parametrize("seed", range(3))
def test_bars_follow_the_ticks(connection: Connection, seed: int) -> None:
    """Batches of any size, late ticks and ticks at one instant: the bars of all widths are those of all ticks."""
    prints = busy_prints(600, seed)

    project(connection, prints, seed)

    assert_bars(connection, prints)


def test_bars_do_not_depend_on_the_order_of_batches(connection: Connection) -> None:
    """Ticks of lower offsets that come in later open the bars all the same."""
    prints = busy_prints(300, 4)

    project(connection, prints[150:], 4)
    project(connection, prints[:150], 5)

    assert_bars(connection, prints)


def test_the_projector_s_role_keeps_them(ledger_settings: Settings, connection: Connection) -> None:
    """The rights of the projector are enough for what the trigger does in its name."""
    prints = busy_prints(50, 6)
    with psycopg.connect(ledger_settings.database_projector_url, autocommit=True) as projector:
        project(projector, prints, 6)

    assert_bars(connection, prints)


def test_ticks_changed_by_hand(connection: Connection) -> None:
    """An update, a move to another day and symbol, a delete: the bars are those of the ticks that are left."""
    prints = busy_prints(300, 7)
    project(connection, prints, 7)
    connection.execute("update ticks set price = price + 1 where symbol = 'X' and tick_offset % 10 = 0")
    connection.execute("update ticks set market_time = market_time + interval '1 day 7 minutes' where tick_offset = 11")
    connection.execute("delete from ticks where symbol = 'Y' and tick_offset between 20 and 90")

    changed = []
    for each in prints:
        tick = each.tick
        if tick.symbol == "Y" and 20 <= each.offset <= 90:
            continue
        price = tick.price + 1 if tick.symbol == "X" and each.offset % 10 == 0 else tick.price
        moved_us = (24 * 60 + 7) * 60_000_000 if each.offset == 11 else 0
        fields = {"price": price, "market_time_us": tick.market_time_us + moved_us}
        changed.append(each._replace(tick=msgspec.structs.replace(tick, **fields)))
    assert_bars(connection, changed)

    connection.execute("truncate ticks")
    assert_bars(connection, [])


def test_ticks_of_before_are_counted(database_url: str, folder: Any) -> None:
    """A database that was filled before there were kept bars has those of its ticks after the migration."""
    later = [path for path in folder.glob("*.sql") if path.name >= "0010"]
    texts = {path: path.read_text() for path in later}
    for path in later:
        path.unlink()
    migrate(database_url, folder)
    prints = busy_prints(200, 8)
    with psycopg.connect(database_url, autocommit=True) as connection:
        project(connection, prints, 8)
        for path, text in texts.items():
            path.write_text(text)

        assert "0010_read_models.plain.sql" in migrate(database_url, folder)
        assert_bars(connection, prints)


def test_bars_are_those_beside_the_ticks(database_url: str) -> None:
    """Tables made beside the live ones keep bars of their own, whatever the search_path of who writes is."""
    migrate(database_url)
    ensure_projector(database_url, "secret")
    prints = busy_prints(50, 9)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create schema beside")
        for table in ("ticks", "bars"):
            name = sql.Identifier(table)
            connection.execute(sql.SQL("create table beside.{0} (like public.{0} including all)").format(name))
        connection.execute(
            """create trigger bars_added after insert on beside.ticks referencing new table as added
               for each statement execute function bars_follow()"""
        )
        connection.execute("insert into beside.ticks select 'X', now(), 1, 1, false, 0, 1")
        project(connection, prints, 9)

        assert connection.execute("select count(*) from beside.bars").fetchone() == (5,)
        assert_bars(connection, prints)


def test_daily_bars_are_those_of_the_view_before(connection: Connection) -> None:
    """The view that 0001 made, whose text is in the migrations, says the same of the same ticks."""
    project(connection, busy_prints(300, 10), 10)
    text = (MIGRATIONS / "0001_tables.plain.sql").read_text()
    connection.execute(text.replace("create view bars_1d", "create view bars_of_0001").encode())

    assert kept(connection, "bars_1d") == kept(connection, "bars_of_0001")
