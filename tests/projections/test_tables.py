"""The projections on a real PostgreSQL, without Kafka: the story's tapes, cut into batches in many ways."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from domain import events
from domain.market import TickRef
from domain.signals import SignalGenerated, SignalRefused
from projections import portfolio
from projections.groups import LEDGER, SIGNALS, TICKS
from projections.migrate import migrate
from runtime.settings import Settings
from streams import codec
from streams.codec import Headers
from tests.projections import story
from tests.projections.checks import assert_amounts, assert_portfolio, assert_story
from tests.projections.tapes import Tape, digest, dump, head_of, story_prints, story_tapes, us

pytestmark = pytest.mark.integration
Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(ledger_settings: Settings) -> Iterator[Connection]:
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as opened:
        yield opened


def project(connection: Connection, apply: Any, items: Sequence[Any]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        apply(cursor, items)


def _refusal(message: SignalRefused) -> tuple[bytes, Headers]:
    value, headers = codec.encode(message, id_="evt", source="test", time_us=0, subject="Z")
    return value, [*headers, ("tape-seq", b"2"), ("tape-prev", b"00" * 32), ("tape-hash", b"11" * 32)]


def empty(connection: Connection, settings: Settings) -> None:
    """The same database with nothing in it but fresh tables."""
    connection.execute("drop schema public cascade; create schema public")
    connection.execute("discard all")
    migrate(settings.database_url)


def test_the_story_in_one_batch(connection: Connection) -> None:
    """Both tapes in one batch and all ticks in another give the rows that were worked out by hand."""
    first, second = story_tapes("ledger.events")

    project(connection, LEDGER.apply, first.records + second.records)
    project(connection, TICKS.apply, story_prints())

    assert_story(connection)
    bars = "select symbol, 1 + (bucket::date - date '2011-01-03'), open, high, low, close, volume from bars_1d"
    assert_amounts(connection, bars, 2, story.BARS)


def test_any_cut_into_batches_gives_the_same_tables(connection: Connection, ledger_settings: Settings) -> None:
    """Record by record, or in batches of any size, ticks before, after or in between: always the same tables."""
    chance = random.Random(7)
    digests = set()
    for size_max in (1, 1, 3, 8):
        empty(connection, ledger_settings)
        waiting: list[tuple[Any, list[Any]]] = [
            *((LEDGER.apply, list(tape.records)) for tape in story_tapes("ledger.events")),
            *((TICKS.apply, [row for row in story_prints() if row.partition == number]) for number in (0, 1)),
        ]
        while waiting:
            apply, items = chance.choice(waiting)
            size = chance.randint(1, size_max)
            project(connection, apply, items[:size])
            del items[:size]
            waiting = [(apply, items) for apply, items in waiting if items]
        assert_story(connection)
        digests.add(digest(dump(connection)))

    assert len(digests) == 1


def test_archive_keeps_every_byte(connection: Connection) -> None:
    """A live and a dead record are archived with key, value and headers as they are, a null header included."""
    tape = Tape("ledger.events", 0)
    first = tape.write(story.ann()[0])
    tape.write(story.ann()[1])
    tape.after(head_of(first), story.ann()[2])
    odd = first._replace(
        offset=3,
        key=None,
        value=None,
        headers=[*first.headers, ('a "name" \\', b"\x00\xff"), ("none", None)],  # type: ignore[list-item]
    )

    project(connection, LEDGER.apply, tape.records)
    project(connection, LEDGER.apply, [(odd, False)])

    rows = connection.execute(
        """select topic, partition, record_offset, key, value, header_names, header_values, live, hash, seq
        from tape_records order by record_offset"""
    ).fetchall()
    for row, (record, live) in zip(rows, [*tape.records, (odd, False)], strict=True):
        assert row[:5] == (record.topic, record.partition, record.offset, record.key, record.value)
        assert list(zip(row[5], row[6], strict=True)) == list(record.headers)
        assert row[7:9] == (live, head_of(record).hash)
    assert [row[9] for row in rows] == [1, 2, 2, 1]


def test_dead_record_changes_nothing_else(connection: Connection) -> None:
    """A deposit on a dead record is archived as not live, and no balance knows of it."""
    tape = Tape("ledger.events", 0)
    opened = tape.write(story.ann()[0])
    tape.write(story.ann()[1])
    project(connection, LEDGER.apply, tape.records)
    before = dump(connection)

    dead = tape.after(head_of(opened), story.ann()[1])
    project(connection, LEDGER.apply, [(dead, False)])

    after = dump(connection)
    assert len(after.pop("tape_records")) == len(before.pop("tape_records")) + 1
    assert after == before
    assert connection.execute("select live from tape_records order by record_offset").fetchall() == [
        (True,),
        (True,),
        (False,),
    ]


def test_times_are_exact_to_the_microsecond(connection: Connection) -> None:
    """Times come out as the very microseconds that went in, up to the end of the year 9999."""
    for time_us in (0, 1, 946_684_799_999_999, 1_352_000_000_123_457, 253_402_300_799_999_999):
        row = connection.execute("select (extract(epoch from time_of_us(%s)) * 1000000)::bigint", (time_us,)).fetchone()

        assert row == (time_us,)


def test_late_deposit_counts_from_the_beginning(connection: Connection) -> None:
    """Cash movements have no market time, so a deposit of 100 lifts every portfolio value of its account by 100."""
    first, second = story_tapes("ledger.events")
    project(connection, TICKS.apply, story_prints())
    project(connection, LEDGER.apply, first.records + second.records)
    author = story.Author("acc_fifo")
    author.version = 15
    author.write(
        events.CashDeposited,
        "cash 100 USD, external -100 USD",
        command_id="late",
        amount=Decimal(100),
        currency="USD",
    )

    first.write(author.events[0])
    project(connection, LEDGER.apply, first.records[-1:])

    lifted = {
        key: tuple(
            str(Decimal(value) + (100 if key[0] == "acc_fifo" and column != 1 else 0))
            for column, value in enumerate(row)
        )
        for key, row in story.PORTFOLIO.items()
    }
    query = "select account_id, market_time, cash, positions_value, equity from portfolio_values"
    assert_amounts(connection, query, 2, lifted)


def test_newest_bar_touches_only_its_rows(connection: Connection) -> None:
    """When the third day's bars close, the rows of the first two days are not written again."""
    first, second = story_tapes("ledger.events")
    project(connection, LEDGER.apply, first.records + second.records)
    prints = story_prints()
    project(connection, TICKS.apply, [row for row in prints if row.tick.market_time_us <= story.CLOSE_2])
    query = "select account_id, market_time, xmin::text from portfolio_values order by 1, 2"
    before = connection.execute(query).fetchall()

    project(connection, TICKS.apply, [row for row in prints if row.tick.market_time_us > story.CLOSE_2])

    after = connection.execute(query).fetchall()
    assert len(before) == 4
    assert [row for row in after if us(row[1]) <= story.CLOSE_2] == before
    assert_portfolio(connection)


def test_position_without_a_close_is_worth_its_last_fill(connection: Connection) -> None:
    """Only Y has closed, so Ann's 4 X bought at 99.50 count 398 until X closes."""
    first, _ = story_tapes("ledger.events")
    project(connection, LEDGER.apply, first.records[:5])

    project(connection, TICKS.apply, [row for row in story_prints() if row.tick.symbol == "Y"][:2])

    query = "select account_id, market_time, cash, positions_value, equity from portfolio_values"
    assert_amounts(connection, query, 2, {("acc_fifo", story.CLOSE_1): ("9601.60", "398", "9999.60")})


def test_fills_and_closes_at_once_miss_nothing(ledger_settings: Settings) -> None:
    """A bar that closes while a fill is not yet committed waits for it: whoever is second sees both."""
    first, _ = story_tapes("ledger.events")
    with (
        psycopg.connect(ledger_settings.database_url) as ledger,
        psycopg.connect(ledger_settings.database_url) as market,
    ):
        market.execute("set lock_timeout = '200ms'")
        market.commit()
        LEDGER.apply(ledger.cursor(), first.records[:6])
        with pytest.raises(psycopg.errors.LockNotAvailable):
            TICKS.apply(market.cursor(), story_prints())
        market.rollback()
        ledger.commit()
        TICKS.apply(market.cursor(), story_prints())
        market.commit()

        rows = market.execute("select cash, equity from portfolio_values order by market_time").fetchall()
        assert [tuple(map(str, row)) for row in rows] == [("9601.6", "10005.6"), ("9001", "10071"), ("9001", "10121")]


def test_order_that_comes_again_takes_its_row(connection: Connection) -> None:
    """An id that was rejected for an unknown account and is accepted later has one row, that of the new order."""
    author = story.Author("acc_new")
    author.write(
        events.OrderRejected,
        versioned=False,
        command_id="c1",
        order=story.terms("o1", "BUY", "1", limit="50"),
        code="ACCOUNT_UNKNOWN",
        text="unknown",
        details={},
    )
    author.write(
        events.OrderAccepted,
        "cash -50 USD, hold 50 USD",
        **story.accepted(story.terms("o1", "BUY", "1", limit="50"), "50"),
    )
    tape = Tape("ledger.events", 0)
    for event in author.events:
        tape.write(event)

    for record in tape.records:
        project(connection, LEDGER.apply, [record])

    query = "select order_id, status, reject_code, hold_cash, version from orders"
    assert_amounts(connection, query, 1, {("o1",): ("PENDING_NEW", None, "50", 1)})


def test_signals_and_refusals(connection: Connection) -> None:
    """A signal keeps its probabilities, features and inputs; a refusal goes to a table of its own."""
    tape = Tape("trading.signals", 0)
    tape.write(
        SignalGenerated(
            signal_id="sig_1",
            symbol="X",
            direction="BUY",
            probabilities={"BUY": 0.5, "SELL": 0.2, "HOLD": 0.3},
            model_name="xgboost",
            model_version="7",
            features={"rsi_14": 55.5},
            price=Decimal("101"),
            first_tick=None,
            last_tick=TickRef(partition=0, offset=1, market_time_us=story.CLOSE_1),
            market_time_us=story.CLOSE_1,
            recorded_at_us=story.RECORDED_US,
        )
    )
    refused = SignalRefused(
        request_id="req_1", symbol="Z", code="SYMBOL_UNKNOWN", text="no Z", recorded_at_us=story.RECORDED_US
    )
    key, (value, headers) = b"Z", _refusal(refused)
    tape.records.append((tape.records[0][0]._replace(offset=1, key=key, value=value, headers=headers), True))

    project(connection, SIGNALS.apply, tape.records)

    signal = connection.execute(
        """select signal_id, direction, p_buy, p_sell, p_hold, features, first_tick, last_tick, market_time
        from signals"""
    ).fetchall()
    assert len(signal) == 1
    assert signal[0][:8] == (
        *("sig_1", "BUY", 0.5, 0.2, 0.3, {"rsi_14": 55.5}, None),
        {"partition": 0, "offset": 1, "market_time_us": story.CLOSE_1},
    )
    assert us(signal[0][8]) == story.CLOSE_1
    assert connection.execute("select request_id, symbol, code, record_offset from signal_refusals").fetchall() == [
        ("req_1", "Z", "SYMBOL_UNKNOWN", 1)
    ]
    assert connection.execute("select count(*) from tape_records where live").fetchall() == [(2,)]


def test_affected_accounts_need_a_fill(connection: Connection) -> None:
    """An account that never traded has no portfolio values, whatever it deposits and whatever closes."""
    tape = Tape("ledger.events", 0)
    for event in story.ann()[:4]:
        tape.write(event)

    project(connection, LEDGER.apply, tape.records)
    project(connection, TICKS.apply, story_prints())

    assert connection.execute("select count(*) from portfolio_values").fetchall() == [(0,)]
    assert portfolio.earliest_close_us(story_prints()) == story.CLOSE_1
