"""The order book's past on a real PostgreSQL: hand-worked rows and moments, every record, and the indexes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from projections.groups import LEDGER
from projections.migrate import MIGRATIONS
from projections.order_fold import Fold
from runtime.settings import Settings
from streams.tape import TapeRecord
from tests.projections import depth_story
from tests.projections.checks import assert_amounts
from tests.projections.tapes import Tape, digest, dump
from tests.projections.test_orders import events_of
from tests.projections.test_tables import empty, project

pytestmark = pytest.mark.integration
Connection = psycopg.Connection[Any]
Book = dict[tuple[str, str], tuple[str, str]]
_QUEUE = "side, price, priority_at, partition, priority_offset"


@pytest.fixture
def connection(ledger_settings: Settings) -> Iterator[Connection]:
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as opened:
        yield opened


def depth_tapes(topic: str = "ledger.events") -> list[Tape]:
    """Dan's tape and Eve's."""
    found = [Tape(topic, 0), Tape(topic, 1)]
    for tape, events in zip(found, (depth_story.dan(), depth_story.eve()), strict=True):
        for event in events:
            tape.write(event)
    return found


def tapes() -> list[list[tuple[TapeRecord, bool]]]:
    """Their records, live all of them."""
    return [tape.records for tape in depth_tapes()]


@pytest.fixture
def told(connection: Connection) -> Connection:
    """A database that has the whole story."""
    dan, eve = tapes()
    project(connection, LEDGER.apply, dan + eve)
    return connection


def assert_story(connection: Connection) -> None:
    """orders, the book, its past and its levels hold the rows that were worked out by hand, and no others."""
    orders = """select order_id, status, quantity, limit_price, filled_quantity, leaves_quantity, hold_cash, revision,
        replace_revision, keeps_priority, group_id, group_kind, parent_order_id from orders"""
    entries = """select order_id, side, price, quantity, status, priority_by, priority_offset, since_offset
        from order_book_orders"""
    spans = """select order_id, since_offset, until_offset, price, quantity, status, priority_by, priority_offset
        from order_book_history"""
    levels = "select symbol, side, price, quantity, orders from order_book_levels"
    steps: dict[str, list[Any]] = {}
    for order_id, *step in connection.execute(
        """select order_id, record_offset, event_type, status_before, status_after from order_history
           order by partition, record_offset, leg"""
    ):
        steps.setdefault(order_id, []).append(tuple(step))
    assert_amounts(connection, orders, 1, {(name,): row for name, row in depth_story.ORDERS.items()})
    groups = "select group_id, account_id, kind, hold_cash, hold_quantity from order_groups"

    assert_amounts(connection, groups, 1, {(name,): row for name, row in depth_story.GROUPS.items()})
    assert_amounts(connection, entries, 1, {(name,): row for name, row in depth_story.ENTRIES.items()})
    assert_amounts(connection, spans, 3, depth_story.SPANS)
    assert_amounts(connection, levels, 3, depth_story.LEVELS)
    assert steps == depth_story.STEPS


def book(connection: Connection, function: str, *arguments: Any) -> Book:
    """What one of the two functions of the migration gives: side and price -> units, the orders in their queue."""
    places = ", ".join(["%s"] * len(arguments))
    found: dict[tuple[str, str], list[tuple[str, Decimal]]] = {}
    for side, price, order_id, quantity in connection.execute(
        f"select side, price, order_id, quantity from {function}({places}) order by {_QUEUE}".encode(), arguments
    ):
        found.setdefault((side, str(price)), []).append((order_id, quantity))
    return {
        level: (str(sum(units for _, units in queue)), " ".join(name for name, _ in queue))
        for level, queue in found.items()
    }


def as_of(connection: Connection, *newest: int) -> Book:
    """newest: the newest record of each partition that counts."""
    return book(connection, "order_book_as_of", "Z", list(range(len(newest))), [offset + 1 for offset in newest])


def at(connection: Connection, time_us: int) -> Book:
    row = connection.execute("select time_of_us(%s)", (time_us,)).fetchone()
    assert row is not None
    return book(connection, "order_book_at", "Z", row[0])


def test_the_story_in_one_batch(told: Connection) -> None:
    """All of it at once gives every row that was worked out by hand."""
    assert_story(told)


def test_any_cut_into_batches_gives_the_same_tables(connection: Connection, ledger_settings: Settings) -> None:
    """Record by record or in batches of any size, whichever tape comes first: the same tables, the past included."""
    chance = random.Random(11)
    digests = set()
    for size_max in (1, 3, 7):
        empty(connection, ledger_settings)
        waiting = [list(records) for records in tapes()]
        while waiting:
            records = chance.choice(waiting)
            size = chance.randint(1, size_max)
            project(connection, LEDGER.apply, records[:size])
            del records[:size]
            waiting = [records for records in waiting if records]
        assert_story(connection)
        digests.add(digest(dump(connection)))

    assert len(digests) == 1


def test_the_book_at_moments_worked_out_by_hand(told: Connection) -> None:
    """As of any record of both tapes: units of each level, and its orders from the first in the queue on."""
    assert {moment: as_of(told, *moment) for moment in depth_story.MOMENTS} == depth_story.MOMENTS


def test_the_book_at_every_record(told: Connection) -> None:
    """At every pair of records, and at every record time, it is what a fold of exactly those records has.

    The fold is the projection's own, whose steps other tests hold to hand-worked rows: here it judges how spans are
    found again, which it has no part in.
    """
    dan, eve = events_of(0, depth_story.dan()), events_of(1, depth_story.eve())
    for first in range(-1, len(dan)):
        for second in range(-1, len(eve)):
            assert as_of(told, first, second) == model(dan[: first + 1] + eve[: second + 1])
    for number in range(-1, len(dan)):
        time_us = depth_story.us(number)
        until = model(dan[: number + 1] + eve[: number + 1])

        assert at(told, time_us) == at(told, time_us + 999) == until


def model(events: Sequence[Any]) -> Book:
    fold = Fold()
    for event in events:
        fold.take(event)
    queue = sorted(fold.entries.values(), key=lambda one: (one.priority_at, one.partition, one.priority_offset))
    found: Book = {}
    for one in queue:
        key = (one.side, str(one.price))
        units, names = found.get(key, ("0", ""))
        found[key] = (str(Decimal(units) + one.quantity), f"{names} {one.order_id}".strip())
    return found


def test_the_latest_moment_is_the_book_as_it_is(told: Connection) -> None:
    """The history's newest moment and the table of levels, which is kept by differences, agree."""
    levels = told.execute("select side, price, quantity, orders from order_book_levels").fetchall()
    newest = as_of(told, len(depth_story.dan()) - 1, len(depth_story.eve()) - 1)

    assert {(side, str(price)): (str(quantity), orders) for side, price, quantity, orders in levels} == {
        level: (units, len(queue.split())) for level, (units, queue) in newest.items()
    }


def test_nodes_find_exactly_the_spans_that_contain_a_number(connection: Connection) -> None:
    """Of random spans, short and long, `span_nodes` leads to all that contain a number; none is missed."""
    chance = random.Random(3)
    spans = []
    for _ in range(400):
        since = chance.choice([chance.randrange(2_000), chance.randrange(2**53)])
        spans.append((since, since + chance.choice([1, 2, 7, 1_000, 2**40])))
    numbers = [number for since, until in spans[:60] for number in (since - 1, since, until - 1, until) if number >= 0]
    query = """select count(*) filter (where since <= %(x)s and until > %(x)s),
        count(*) filter (where since <= %(x)s and until > %(x)s and span_node(since, until) = any (span_nodes(%(x)s)))
        from unnest(%(since)s::bigint[], %(until)s::bigint[]) as span (since, until)"""
    since, until = zip(*spans, strict=True)

    for number in numbers:
        row = connection.execute(query, {"x": number, "since": list(since), "until": list(until)}).fetchone()

        assert row is not None
        assert row[0] == row[1]
        assert row[0] == sum(1 for one in spans if one[0] <= number < one[1])
    assert connection.execute("select span_node(5, 5), span_node(5, 4)").fetchone() == (None, None)


def test_the_past_is_read_by_its_indexes(connection: Connection) -> None:
    """With 60,000 spans behind it, a moment of one symbol is found through the nodes' index, reading few rows."""
    connection.execute(
        """insert into order_book_history (order_id, account_id, symbol, side, price, quantity, status, priority_by,
               priority_at, priority_offset, partition, since_offset, since_at, until_offset, until_at)
           select 'o' || n, 'acc', case n % 3 when 0 then 'Z' else 'Y' end, 'BUY', 50 + n % 7, 1, 'NEW', 'ENTERED',
               time_of_us(n * 1000), n, n % 4, n, time_of_us(n * 1000), n + 40, time_of_us((n + 40) * 1000)
           from generate_series(0, 60000) as n"""
    )
    connection.execute("analyze")
    questions = {
        "order_book_history_offset": "order_book_as_of('Z', '{0,1,2,3}', '{30000,30000,30000,30000}')",
        "order_book_history_time": "order_book_at('Z', time_of_us(30000000))",
    }
    for index, question in questions.items():
        row = connection.execute(f"explain (analyze, format json) select * from {question}".encode()).fetchone()
        assert row is not None
        nodes = list(_nodes(row[0][0]["Plan"]))

        assert index in {node.get("Index Name") for node in nodes}, json.dumps(row[0])
        scans = [node for node in nodes if node.get("Relation Name") == "order_book_history"]
        assert {scan["Node Type"] for scan in scans} <= {"Index Scan", "Bitmap Heap Scan"}, json.dumps(row[0])
        read = sum(
            (scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"] for scan in scans
        )
        assert 10 <= row[0][0]["Plan"]["Actual Rows"] <= 14
        assert read < 200, "the work grows with what stood on the book then, not with all that ever did"


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def test_a_database_of_before_is_projected_anew(connection: Connection) -> None:
    """The new tables know all orders from the tape's beginning, so what was projected before is read once more."""
    dan, eve = tapes()
    project(connection, LEDGER.apply, dan + eve)
    connection.execute(
        """insert into projection_progress (projection, topic, partition, next_offset, head_seq, head_hash)
           values ('ledger', 'ledger.events', 0, 21, 21, ''), ('audit', 'audit.logs', 0, 3, 3, '')"""
    )
    text = (MIGRATIONS / "0004_orders_depth.sql").read_text()

    connection.execute(text[text.index("do $$\nbegin\n    if exists (select from projection_progress") :].encode())

    rows = dump(connection)
    left = connection.execute("select projection from projection_progress").fetchall()
    assert {name for name, found in rows.items() if found} == {
        *("order_groups", "order_history", "order_book_orders", "order_book_history"),
        "tape_causes",  # of a later migration, which fills it from the archive
    }
    assert left == [("audit",)]
