"""The order book over HTTP, against the story that tests/projections works out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from api.query import order_book_sql
from api.query.database import Database
from projections.groups import LEDGER
from runtime.clients import postgres
from runtime.settings import Settings
from tests.api import rows
from tests.projections import depth_story
from tests.projections.tapes import Tape

pytestmark = pytest.mark.integration
BOOK = "/api/orderbook/Z"
BEGAN = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=depth_story.RECORDED_US)
# The book after Dan's record 14 and Eve's 8, worked out by hand: bids 5 (e1), asks 7 (e4) before 10 (g1b).
MOMENT = "position=0:14&position=1:8"


@pytest.fixture
async def told(online: httpx.AsyncClient, ledger_settings: Settings) -> httpx.AsyncClient:
    """The whole story, projected in three batches: Dan's records 0 to 10, Eve's, and Dan's others."""
    dan, eve = Tape("ledger.events", 0), Tape("ledger.events", 1)
    for tape, events in ((dan, depth_story.dan()), (eve, depth_story.eve())):
        for event in events:
            tape.write(event)
    batches = [(0, 11, dan.records[:11]), (1, 13, eve.records), (0, 21, dan.records[11:])]
    with postgres(ledger_settings, autocommit=True) as connection:
        for feed, (partition, next_offset, records) in enumerate(batches, start=1):
            with connection.transaction(), connection.cursor() as cursor:
                LEDGER.apply(cursor, records)
            rows.insert(connection, "feed_batches", feed=feed, projection="ledger", topic="ledger.events",
                        partition=partition, next_offset=next_offset)  # fmt: skip
            connection.execute("update feed_head set feed = %s", (feed,))
        for partition, next_offset in ((0, 21), (1, 13), (2, 0)):
            rows.insert(connection, "projection_progress", projection="ledger", topic="ledger.events",
                        partition=partition, next_offset=next_offset, head_seq=0, head_hash=b"")  # fmt: skip
        for offset, price in ((3, "50.5"), (4, "51")):
            rows.insert(connection, "ticks", symbol="Z", market_time=BEGAN + timedelta(hours=offset), price=price,
                        volume="9", closes_bar=False, partition=2, tick_offset=offset)  # fmt: skip
    return online


async def get(client: httpx.AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def at(number: int) -> str:
    """The record time of the n-th event of either tape, for a URL."""
    return quote((BEGAN + timedelta(milliseconds=number)).isoformat())


def shown(book: dict[str, Any]) -> dict[tuple[str, str], tuple[str, str]]:
    """As depth_story.MOMENTS has it."""
    return {
        (side, level["price"]): (level["quantity"], " ".join(order["order_id"] for order in level["queue"]))
        for side, name in (("BUY", "bids"), ("SELL", "asks"))
        for level in book[name]
    }


async def test_the_book_as_it_is(told: httpx.AsyncClient) -> None:
    """Levels, best prices, the market's last trade, and the number by which this very book can be asked for again."""
    book = await get(told, BOOK)

    assert shown(book) == depth_story.MOMENTS[20, 12]
    assert (book["best_bid"], book["best_ask"], book["spread"]) == ("50", "60", "10")
    assert book["imbalance"] == "-0.16666667"  # (5 - 7) / 12
    assert (book["bid_side"], book["ask_side"]) == (
        {"quantity": "5", "orders": 1, "levels": 1},
        {"quantity": "7", "orders": 1, "levels": 1},
    )
    assert book["last_trade"] == {"price": "51", "volume": "9", "market_time": "2026-01-01T04:00:00.000000Z"}
    assert book["feed"] == 3
    assert book["positions"] == [
        {"partition": 0, "next_offset": 21},
        {"partition": 1, "next_offset": 13},
        {"partition": 2, "next_offset": 0},
    ]
    assert book["bids"][0]["queue"][0]["status"] == "PENDING_CANCEL"


async def test_the_book_as_of_records(told: httpx.AsyncClient) -> None:
    """Every moment that was worked out by hand, by the newest record of each partition; unnamed ones do not count."""
    found = {
        moment: shown(await get(told, f"{BOOK}?position=0:{moment[0]}&position=1:{moment[1]}"))
        for moment in depth_story.MOMENTS
    }
    alone = await get(told, f"{BOOK}?position=1:8")

    assert found == depth_story.MOMENTS
    assert shown(alone) == {("BUY", "50"): ("5", "e1"), ("SELL", "60"): ("7", "e4")}
    assert (alone["feed"], alone["last_trade"]) == (None, None)


async def test_the_book_as_of_a_record_time(told: httpx.AsyncClient) -> None:
    """Everything recorded up to a time, the very microsecond included."""
    before = await get(told, f"{BOOK}?as_of=2025-12-31T00:00:00Z")
    third = await get(told, f"{BOOK}?as_of={at(3)}")

    assert (before["bids"], before["best_bid"], before["imbalance"]) == ([], None, None)
    assert shown(third) == depth_story.MOMENTS[3, 3]
    assert (third["as_of"], third["positions"]) == ("2026-01-01T00:00:00.003000Z", None)


async def test_the_book_as_of_a_batch(told: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """As the read side had it after a committed batch, the market's last trade as of then included."""
    with postgres(ledger_settings, autocommit=True) as connection:
        rows.insert(connection, "feed_batches", feed=4, projection="ticks", topic="market.ticks", partition=2,
                    next_offset=4)  # fmt: skip
        rows.insert(connection, "projection_progress", projection="ticks", topic="market.ticks", partition=2,
                    next_offset=5, head_seq=0, head_hash=b"")  # fmt: skip
        connection.execute("update feed_head set feed = 5")
    books = {feed: await get(told, f"{BOOK}?feed={feed}") for feed in (0, 1, 2, 3, 4)}

    assert {feed: shown(book) for feed, book in books.items()} == {
        0: {},
        1: {},
        2: {("BUY", "50"): ("5", "e1"), ("SELL", "60"): ("7", "e4")},
        3: depth_story.MOMENTS[20, 12],
        4: depth_story.MOMENTS[20, 12],
    }
    assert [book["last_trade"] and book["last_trade"]["price"] for book in books.values()] == [None] * 4 + ["50.5"]
    assert books[2]["positions"] == [{"partition": 0, "next_offset": 11}, {"partition": 1, "next_offset": 13}]


async def test_own_orders_and_what_is_ahead_of_them(told: httpx.AsyncClient) -> None:
    """An account's orders with their places in the queue; the level says how much of it is the account's."""
    book = await get(told, f"{BOOK}?{MOMENT}&account_id=acc_dan&orders=1")
    [ask] = book["asks"]
    [own] = book["own"]

    assert (ask["quantity"], ask["orders"], ask["own_quantity"]) == ("17", 2, "10")
    assert [order["order_id"] for order in ask["queue"]] == ["e4"], "one is listed, and one was asked for"
    assert (own["order_id"], own["side"], own["price"]) == ("g1b", "SELL", "60")
    assert (own["orders_ahead"], own["quantity_ahead"]) == (1, "7")
    assert own["priority_at"] == "2026-01-01T00:00:00.013000Z"


async def test_a_shallow_book(told: httpx.AsyncClient) -> None:
    """One level of each side; its sums count all levels, the imbalance only those shown."""
    book = await get(told, f"{BOOK}?position=0:17&position=1:8&depth=1&orders=0")

    assert shown(book) == {("BUY", "50"): ("5", ""), ("SELL", "44"): ("6", "")}
    assert book["ask_side"] == {"quantity": "19", "orders": 3, "levels": 2}
    assert (book["spread"], book["imbalance"]) == ("-6", "-0.09090909")  # (5 - 6) / 11


REFUSED = {
    "as_of=2011-01-03T00:00:00Z&feed=1": (422, "MOMENT_AMBIGUOUS"),
    "position=0:1&position=0:2": (422, "POSITION_INVALID"),
    "position=99999999999:1": (422, None),
    "position=one": (422, None),
    "depth=0": (422, None),
    "as_of=2211-01-03T00:00:00Z": (404, "AS_OF_IN_FUTURE"),
    "feed=4": (404, "FEED_UNKNOWN"),
    "position=0:21": (404, "POSITION_UNKNOWN"),
    "position=7:0": (404, "POSITION_UNKNOWN"),
}


async def test_moments_that_are_none(told: httpx.AsyncClient) -> None:
    """Two moments at once, one that is written wrong, and one that is still to come: each says what was expected."""
    for query, (status, code) in REFUSED.items():
        answer = await told.get(f"{BOOK}?{query}")

        assert answer.status_code == status, (query, answer.text)
        assert code in (None, answer.json()["code"]), query


async def test_depth_over_time(told: httpx.AsyncClient) -> None:
    """Points every 4 ms: best prices, quantities and orders of each, newest first, in pages."""
    period = f"from={at(3)}&to={at(18)}&interval=4ms"
    found = await get(told, f"{BOOK}/depth?{period}&depth=1")
    first = await get(told, f"{BOOK}/depth?{period}&depth=1&limit=3")
    second = await get(told, f"{BOOK}/depth?{period}&depth=1&limit=3&cursor={first['cursor']}")

    assert [
        (p["time"][-7:-4], p["best_bid"], p["best_ask"], p["bid_quantity"], p["ask_quantity"], p["ask_orders"])
        for p in found["data"]
    ] == [
        ("015", "50", "60", "5", "13", 2),
        ("011", "50", "60", "15", "7", 1),
        ("007", "51", "60", "8", "7", 1),
        ("003", "50", None, "15", "0", 0),
    ]
    assert [point["imbalance"] for point in found["data"]][2:] == ["0.06666667", "1.00000000"]
    assert (found["has_more"], first["has_more"], second["has_more"]) == (False, True, False)
    assert first["data"] + second["data"] == found["data"]


async def test_depth_over_time_has_no_future(told: httpx.AsyncClient) -> None:
    """Points stop at now; a period that ends before it begins is refused, and so is one that has no end."""
    ahead = await get(told, f"{BOOK}/depth?from=2026-01-01T00:00:00Z&to=2999-01-01T00:00:00Z&interval=1h&limit=1")
    empty = await told.get(f"{BOOK}/depth?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z")
    endless = await told.get(f"{BOOK}/depth?from=2026-01-02T00:00:00Z")
    later = await get(told, f"{BOOK}/depth?from=2998-01-01T00:00:00Z&to=2999-01-01T00:00:00Z")

    assert ahead["data"][0]["time"] < f"{datetime.now(UTC) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}Z"
    assert ahead["has_more"]
    assert (empty.status_code, empty.json()["code"]) == (422, "PERIOD_EMPTY")
    assert endless.status_code == 422
    assert (later["data"], later["has_more"]) == ([], False)


async def test_depth_is_read_by_its_index(told: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """Each point of time finds its spans by the nodes' index, not by reading the whole past."""
    with postgres(ledger_settings, autocommit=True) as connection:
        connection.execute(
            """insert into order_book_history (order_id, account_id, symbol, side, price, quantity, status, priority_by,
                   priority_at, priority_offset, partition, since_offset, since_at, until_offset, until_at)
               select 'o' || n, 'acc', 'Z', 'BUY', 50, 1, 'NEW', 'ENTERED', time_of_us(n * 1000), n, 3, n,
                   time_of_us(n * 1000), n + 40, time_of_us((n + 40) * 1000) from generate_series(0, 20000) as n"""
        )
        connection.execute("analyze")
    plans: list[str] = []

    class Explaining(order_book_sql.Snapshot):
        async def all(self, statement: str, parameters: Any) -> Any:
            plans.extend(row["QUERY PLAN"] for row in await super().all(f"explain {statement}", parameters))
            return await super().all(statement, parameters)

    database = Database(ledger_settings)
    await database.open()
    async with database.snapshot() as snapshot:
        explaining = Explaining(snapshot._connection)
        times = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second) for second in range(1, 5)]
        found = await order_book_sql.depth(explaining, "Z", times, 10)
        await order_book_sql.levels(explaining, "Z", order_book_sql.Moment({3: 1_000}), 10, None)
    await database.close()

    assert [row["bid_quantity"] for row in found] == [40] * 4
    for index in ("order_book_history_time", "order_book_history_offset"):
        assert any(index in line for line in plans), "\n".join(plans)
    assert not any("Seq Scan on order_book_history" in line for line in plans), "\n".join(plans)


async def test_an_orders_history(told: httpx.AsyncClient) -> None:
    """Newest first and in pages: its own events, and those of the group's other orders that change it."""
    history = await get(told, "/api/orders/g1c/history")
    first = await get(told, "/api/orders/g1c/history?limit=2")
    rest = await get(told, f"/api/orders/g1c/history?cursor={first['cursor']}")
    steps = history["data"]

    assert [
        (step["record_offset"], step["event_type"], step["status_before"], step["status_after"]) for step in steps
    ] == depth_story.STEPS["g1c"][::-1]
    reduced = steps[3]
    assert (reduced["caused_by"], reduced["effect"], reduced["changes"]) == (
        "g1b",
        "REDUCED",
        {"replace_revision": [None, "1"]},
    )
    assert (steps[1]["last_price"], steps[1]["market_time"]) == ("44.90", "2011-01-04T14:30:00.000000Z")
    assert first["data"] + rest["data"] == steps


async def test_an_order_with_all_its_terms(told: httpx.AsyncClient) -> None:
    """Time in force, stop, group and replacement of an order, and the events of others among its own."""
    day, stop = await get(told, "/api/orders/d1"), await get(told, "/api/orders/g1c")

    assert (day["time_in_force"], day["status"], day["expire_reason"], day["revision"]) == (
        *("DAY", "EXPIRED", "day_over"),
        1,
    )
    assert (day["replace_terms"], day["keeps_priority"]) == (None, False)
    assert (stop["order_type"], stop["stop_price"], stop["trigger_price"]) == ("STOP_LIMIT", "45", "44.90")
    assert stop["triggered_at"] == "2011-01-04T14:30:00.000000Z"
    assert (stop["group_id"], stop["group_kind"], stop["parent_order_id"]) == ("g1", "BRACKET", "g1a")
    assert [(event["event_type"], event["status"]) for event in stop["events"]] == [
        ("OrderGroupAccepted", "SUSPENDED"),
        ("OrderFilled", "PENDING_NEW"),
        ("OrderAcknowledged", "NEW"),
        ("OrderFilled", "PENDING_REPLACE"),
        ("OrderReplaced", "NEW"),
        ("OrderTriggered", None),
        ("OrderFilled", "FILLED"),
    ]
    assert stop["events"][3]["data"]["order_id"] == "g1b"


async def test_a_group(told: httpx.AsyncClient) -> None:
    """Its kind, what it holds for its legs, and its orders, the parent first."""
    group = await get(told, "/api/order-groups/g1")

    assert (group["kind"], group["client_group_id"], group["hold_quantity"]) == ("BRACKET", "client-g1", "0")
    assert [order["order_id"] for order in group["orders"]] == ["g1a", "g1b", "g1c"]
