"""The queries of the API, with TimescaleDB and without it: one set of tests, the same answers.

Goal: whoever reads does not learn which of the two databases it is. Method: the projections write the story, and busy
ticks, to both; the API's own queries read them, page by page, as the reader's role. What they must say was worked out
by hand or in Python. The WebAssembly server takes one connection at a time, so writing ends before reading begins.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import psycopg
import pytest
from psycopg.rows import dict_row

from api.fields import rfc3339, time_of_us
from api.query import accounts_sql, accuracy_sql, market_sql, order_book_sql, orders_sql, portfolio_sql, signals_sql
from api.query.database import Row, Rows, Snapshot
from api.query.filters import (
    AccuracyFilters,
    HistoryFilters,
    JournalFilters,
    OrderFilters,
    RejectionFilters,
    SignalFilters,
)
from api.query.market_filters import BarFilters, TickFilters
from api.query.order_book_sql import Moment
from projections.groups import LEDGER, SIGNALS, TICKS
from projections.migrate import migrate
from projections.roles import ensure_reader
from projections.ticks import Print
from tests.api.plans.explain import Explaining
from tests.projections import opinions, story
from tests.projections.candles import busy_prints, candles
from tests.projections.tapes import BARS, story_prints, story_tapes, us
from tests.projections.timescale.harness import make_anew

pytestmark = pytest.mark.integration
Connection = psycopg.Connection[Any]
Read = Callable[[Any, Any], Awaitable[Rows]]
MINUTES = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "1d": 1440}
BUSY = busy_prints(240, 11)


class Store(NamedTuple):
    """A database with fresh tables."""

    url: str
    timescale: bool

    def writing(self) -> Connection:
        return psycopg.connect(self.url, autocommit=True, prepare_threshold=None)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Snapshot]:
        """One snapshot, with the rights of the reader and the clock of the API."""
        connecting = psycopg.AsyncConnection.connect(self.url, prepare_threshold=None, row_factory=dict_row)
        async with await connecting as connection:
            await connection.execute("set transaction isolation level repeatable read, read only")
            await connection.execute("set local time zone 'UTC'")
            await connection.execute("set local role tape_reader")
            yield Snapshot(connection)
            await connection.rollback()


@pytest.fixture(params=["plain", "timescale"])
def store(request: pytest.FixtureRequest) -> Store:
    """The same tables, made by the migrations of either flavour."""
    if request.param == "timescale":
        url = request.getfixturevalue("url")
        make_anew(url)
        return Store(url, timescale=True)
    url = request.getfixturevalue("database_url")
    migrate(url)
    ensure_reader(url, "any")
    return Store(url, timescale=False)


def project(connection: Connection, apply: Any, items: list[Any], size: int = 40) -> None:
    for begin in range(0, len(items), size):
        with connection.transaction(), connection.cursor() as cursor:
            apply(cursor, items[begin : begin + size])


def tell_story(store: Store) -> None:
    first, second = story_tapes("ledger.events")
    with store.writing() as connection:
        project(connection, LEDGER.apply, first.records, 6)
        project(connection, TICKS.apply, story_prints())
        project(connection, LEDGER.apply, second.records, 6)


def write_ticks(store: Store, prints: list[Print], refresh: bool = False) -> None:
    """refresh: bring the continuous aggregates up to date, where there are any."""
    with store.writing() as connection:
        project(connection, TICKS.apply, prints)
        for view in BARS if refresh and store.timescale else ():
            connection.execute("call refresh_continuous_aggregate(%s::regclass, null, null)", (view,))


async def paged(read: Read, filters: Any, key: Callable[[Row], Any], after: Any, limit: int) -> Rows:
    """All rows, page by page, as a client gets them by following the cursors."""
    rows: Rows = []
    cursor = None
    while True:
        page = await read(filters.model_copy(update={"limit": limit}), cursor)
        rows += page[:limit]
        if len(page) <= limit:
            return rows
        cursor = after(*key(page[limit - 1]))
        assert len(rows) < 10_000


def bars_of(prints: list[Print], symbol: str, interval: str) -> list[Any]:
    """Newest first, with the bucket as a time."""
    rows = [(time_of_us(row[1]), *row[2:]) for row in candles(prints, MINUTES[interval]) if row[0] == symbol]
    return rows[::-1]


async def read_bars(snapshot: Snapshot, interval: str, limit: int = 7, **filters: Any) -> list[Any]:
    async def read(given: BarFilters, after: Any) -> Rows:
        return await market_sql.bars(snapshot, "X", given, after)

    chosen = BarFilters(interval=interval, **filters)
    rows = await paged(read, chosen, market_sql.bar_key, market_sql.AfterBar, limit)
    return [tuple(row.values()) for row in rows]


@pytest.mark.parametrize("interval", MINUTES)
async def test_bars(store: Store, interval: str) -> None:
    """Bars of every width, page by page, half of their ticks materialized: those that Python makes of the ticks."""
    write_ticks(store, BUSY[:120], refresh=True)
    later = [each._replace(tick=_moved(each, days=7), offset=each.offset + 1_000) for each in BUSY[120:]]
    write_ticks(store, later)

    async with store.reading() as snapshot:
        assert await read_bars(snapshot, interval) == bars_of(BUSY[:120] + later, "X", interval)


async def test_a_page_of_bars_looks_at_few_rows(url: str) -> None:
    """With 40,000 ticks materialized and some above, a page is read by the aggregate's index and that of the ticks."""
    make_anew(url)
    store = Store(url, timescale=True)
    ticks = """insert into ticks select (array['X', 'Y'])[1 + n % 2],
        timestamptz '2011-01-01 00:00Z' + n * interval '20 s', 100 + n % 9, 1, false, 0, n
        from generate_series({0}, {1}) n"""
    with store.writing() as connection:
        connection.execute(ticks.format(1, 40_000).encode())
        connection.execute("call refresh_continuous_aggregate('bars_1m', null, null)")
        connection.execute(ticks.format(40_001, 40_400).encode())
        connection.execute("analyze")

    async with store.reading() as snapshot:
        explaining = Explaining(snapshot._connection)
        rows = await market_sql.bars(explaining, "X", BarFilters(interval="1m", limit=200), None)

    (plan,) = explaining.plans
    assert len(rows) == 201
    assert plan.scanned == frozenset()
    assert any("ticks_symbol" in name for name in plan.indexes)
    assert any("materialized_hypertable" in name for name in plan.indexes)
    assert plan.rows <= 1_000


async def test_bars_between(store: Store) -> None:
    """From is inclusive, to is not, and neither need be a bar's first moment."""
    write_ticks(store, BUSY, refresh=True)
    expected = bars_of(BUSY, "X", "5m")
    start, end = expected[-3][0], expected[2][0]

    async with store.reading() as snapshot:
        exact = await read_bars(snapshot, "5m", **{"from": rfc3339(start), "to": rfc3339(end)})
        inside = await read_bars(snapshot, "5m", **{"from": rfc3339(start + timedelta(microseconds=1))})

    assert exact == [row for row in expected if start <= row[0] < end]
    assert inside == [row for row in expected if row[0] > start]


@pytest.mark.parametrize("limit", [1, 7, 500])
async def test_ticks(store: Store, limit: int) -> None:
    """Every tick once, newest first by market time, then by place on the topic, whatever the size of a page."""
    write_ticks(store, BUSY)

    async with store.reading() as snapshot:

        async def read(given: TickFilters, after: Any) -> Rows:
            return await market_sql.ticks(snapshot, "X", given, after)

        rows = await paged(read, TickFilters(), market_sql.tick_key, market_sql.AfterTick, limit)

    mine = [each for each in BUSY if each.tick.symbol == "X"]
    mine.sort(key=lambda each: (each.tick.market_time_us, each.offset), reverse=True)
    assert [(us(row["market_time"]), row["offset"], row["price"], row["volume"]) for row in rows] == [
        (each.tick.market_time_us, each.offset, each.tick.price, each.tick.volume) for each in mine
    ]


async def test_ticks_between(store: Store) -> None:
    """From is inclusive, to is not."""
    write_ticks(store, BUSY)
    times = sorted({each.tick.market_time_us for each in BUSY if each.tick.symbol == "X"})
    start_us, end_us = times[10], times[-10]
    filters = TickFilters(**{"from": rfc3339(time_of_us(start_us)), "to": rfc3339(time_of_us(end_us)), "limit": 500})

    async with store.reading() as snapshot:
        rows = await market_sql.ticks(snapshot, "X", filters, None)
        known = [await market_sql.is_known(snapshot, symbol) for symbol in ("X", "Z")]

    assert {us(row["market_time"]) for row in rows} == {time for time in times if start_us <= time < end_us}
    assert known == [True, False]


async def test_orders(store: Store) -> None:
    """Orders page by page, by account, status and time; one with its steps, events and fills."""
    tell_story(store)

    async with store.reading() as snapshot:

        async def read(given: OrderFilters, after: Any) -> Rows:
            return await orders_sql.page(snapshot, given, after)

        async def ids(limit: int = 2, **filters: Any) -> list[str]:
            rows = await paged(read, OrderFilters(**filters), orders_sql.key, orders_sql.After, limit)
            return [row["order_id"] for row in rows]

        everything = await ids()
        found = [await ids(account_id="acc_fifo"), await ids(status="NEW"), await ids(symbol="Y"), await ids(3)]
        order = await orders_sql.one(snapshot, "o2")
        steps = [row["event_type"] for row in await orders_sql.history(snapshot, "o2", HistoryFilters(limit=10), None)]
        events = [row["event_type"] for row in await orders_sql.events(snapshot, "o2")]
        fills = await orders_sql.fills(snapshot, "o1")

    assert sorted(everything) == sorted(story.ORDERS)
    # o4 and o9 were submitted in the same millisecond.
    assert found == [["o4", "o3", "o2", "o1"], ["o9", "o4"], ["o9", "o4"], everything]
    assert order is not None
    assert [order[name] for name in ("status", "filled_quantity", "average_price")] == ["CANCELED", 5, Decimal("110.2")]
    assert events == ["OrderAccepted", "OrderAcknowledged", "OrderFilled", "OrderCancelRequested", "OrderCanceled"]
    assert steps == events[::-1]
    assert [(row["execution_id"], row["quantity"], row["price"]) for row in fills] == [
        ("e1", 4, Decimal("99.50")),
        ("e2", 6, 100),
    ]


async def test_journal(store: Store) -> None:
    """An account's postings, newest event first, page by page and between times of record; its trial balance."""
    tell_story(store)
    legs = [(event, leg) for event in story.ann() for leg in event.postings][::-1]
    half = story.ann()[6].timestamp

    async with store.reading() as snapshot:

        async def read(given: JournalFilters, after: Any) -> Rows:
            return await accounts_sql.journal(snapshot, "acc_fifo", given, after)

        async def postings(**filters: Any) -> list[Any]:
            given = JournalFilters(**filters)
            rows = await paged(read, given, accounts_sql.posting_key, accounts_sql.AfterPosting, 4)
            return [(row["book_account"], row["commodity"], row["amount"]) for row in rows]

        everything = await postings()
        since = await postings(**{"from": rfc3339(time_of_us(half))})
        before = await postings(to=rfc3339(time_of_us(half)))
        trial = await accounts_sql.trial_balance(snapshot, "acc_fifo", 0, 10**9, None, None)
        balances = await accounts_sql.balances(snapshot, "acc_fifo")

    assert everything == [(leg.account, leg.commodity, leg.amount) for _, leg in legs]
    assert since == [(leg.account, leg.commodity, leg.amount) for event, leg in legs if event.timestamp >= half]
    assert before == everything[len(since) :]
    expected = {key[1:]: Decimal(amount) for key, amount in story.BALANCES.items() if key[0] == "acc_fifo"}
    assert {(row["book_account"], row["commodity"]): row["balance"] for row in trial} == expected
    assert {(row["book_account"], row["commodity"]): row["amount"] for row in balances} == expected


async def test_rejections(store: Store) -> None:
    """A refused command is found by its id."""
    tell_story(store)

    async with store.reading() as snapshot:
        refused = await accounts_sql.rejections(snapshot, "acc_fifo", RejectionFilters(command_id="c5"), None)

    assert [(row["command_type"], row["code"]) for row in refused] == [("Withdraw", "CASH_NOT_ENOUGH")]


async def test_signals(store: Store) -> None:
    """Signals page by page with what came of them; how often models were right, by version and symbol."""
    with store.writing() as connection:
        for tape in opinions.signal_tapes("trading.signals"):
            project(connection, SIGNALS.apply, list(tape.records), 3)

    async with store.reading() as snapshot:

        async def read(given: SignalFilters, after: Any) -> Rows:
            return await signals_sql.page(snapshot, given, after)

        async def read_cells(given: AccuracyFilters, after: Any) -> Rows:
            return await accuracy_sql.page(snapshot, given, after)

        signals = await paged(read, SignalFilters(symbol="X"), signals_sql.key, signals_sql.After, 4)
        cells = await paged(read_cells, AccuracyFilters(), accuracy_sql.key, accuracy_sql.AfterModel, 1)

    told = [row["realised"] and (row["realised"], row["exit_price"], us(row["known_at"])) for row in signals]
    expected = {row[0]: (row[5], Decimal(row[7]), row[9]) for row in opinions.OUTCOMES.values()}
    assert told == [expected.get(f"sig_x{number}") for number in (6, 5, 4, 3, 2, 1)]
    found = {
        (*accuracy_sql.key(row), said, realised): [count] for row in cells for said, realised, count in row["cells"]
    }
    assert found == opinions.COUNTS
    assert [accuracy_sql.key(row) for row in cells] == [("m", "7", "X"), ("m", "7", "Y"), ("m", "8", "X")]


async def test_portfolio(store: Store) -> None:
    """Positions at the newest prices, lots, and the history of equity."""
    tell_story(store)

    async with store.reading() as snapshot:
        (position,) = await portfolio_sql.positions(snapshot, "acc_fifo")
        (lot,) = await portfolio_sql.lots(snapshot, "acc_fifo")
        history = await portfolio_sql.history(snapshot, "acc_fifo", 600)
        (newest,) = await portfolio_sql.history(snapshot, "acc_fifo", 1)

    names = ("quantity", "held_quantity", "cost", "realized_pnl", "fees", "last_price", "market_value")
    assert [position[name] for name in names] == [
        Decimal(text) for text in ("5", "0", "500", "53", "1.55", "112", "560")
    ]
    assert (lot["lot_id"], lot["quantity"], us(lot["opened_at"])) == ("e2", 5, story.T3)
    expected = {time: figures for (account, time), figures in story.PORTFOLIO.items() if account == "acc_fifo"}
    assert [us(row["market_time"]) for row in history] == sorted(expected)
    for row in history:
        cash, value, equity = map(Decimal, expected[us(row["market_time"])])
        assert (row["cash"], row["positions_value"], row["equity"]) == (cash, value, equity)
    assert newest["equity"] == history[-1]["equity"]


async def test_order_book(store: Store) -> None:
    """The levels that stand now, and those of the moment at which only Ann's order stood there."""
    tell_story(store)
    ann_s, bob_s = (len(events()) for events in (story.ann, story.bob))

    async with store.reading() as snapshot:

        async def levels(places: dict[int, int]) -> list[Any]:
            rows = await order_book_sql.levels(snapshot, "Y", Moment(places), 10, "acc_fifo")
            return [(row["side"], row["price"], row["quantity"], row["own_quantity"]) for row in rows]

        now, alone = await levels({0: ann_s, 1: bob_s}), await levels({0: ann_s, 1: 0})
        trade = await order_book_sql.last_trade(snapshot, "Y", None)

    assert (now, alone) == ([("BUY", 50, 25, 20)], [("BUY", 50, 20, 20)])
    assert trade is not None
    assert (trade["price"], us(trade["market_time"])) == (49, story.CLOSE_3)


def _moved(each: Print, days: int) -> Any:
    return msgspec.structs.replace(each.tick, market_time_us=each.tick.market_time_us + days * story.DAY_US)
