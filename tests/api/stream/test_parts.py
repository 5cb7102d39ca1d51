"""The parts of the stream that need no server."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.query.views import Order as OrderView
from api.stream.changes import Encoded, encoded
from api.stream.client import Client, Payload
from api.stream.closing import SLOW_CONSUMER
from api.stream.hub import Hub, parts
from api.stream.places import Batches
from api.stream.snapshots import Filter
from api.stream.staleness import Staleness
from api.stream.views import Alert, Level, Order, Signal
from api.stream.websocket import Pace
from runtime.settings import Settings
from tests.keys import KEYS

SIGNAL = Signal("s", "X", "BUY", 0.5, 0.2, 0.3, "m", "1", "", None, msgspec.Raw(b"{}"), None, None, "", "", 0, 0)


def change(seq: int, symbol: str = "X", side: str = "BUY") -> Encoded:
    return encoded(seq, "order_book", Level(symbol, side, "1", "1", 1))


def test_an_order_has_the_fields_of_the_query_side() -> None:
    """What the stream tells of an order is what GET /api/orders says of it, name by name."""
    assert set(Order.__struct_fields__) == set(OrderView.model_fields)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(0, 3))
def test_each_record_has_its_batch(sizes: list[int], start: int) -> None:
    """Records of batches that follow each other, counted by hand; what lies outside has none."""
    rows, offset, expected = [], start, {}
    for number, size in enumerate(sizes, 7):
        for record in range(offset, offset + size):
            expected[record] = number
        offset += size
        rows.append((number, "ledger", "t", 1, offset))
    batches = Batches(6, 6 + len(sizes), [("ledger", 1, start)], rows)

    assert {record: batches.seq("ledger", 1, record) for record in expected} == expected
    assert [batches.seq(*place) for place in (("ledger", 1, offset), ("ledger", 0, 0), ("ticks", 1, start))] == [
        None
    ] * 3
    assert batches.seq("ledger", 1, start - 1) is None
    assert batches.records() == sum(sizes)
    assert batches.spans("ledger") == [(1, start, offset)]


async def test_kafka_that_misses_one_question_is_not_called_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with the database: stale is what has been unknown for longer than the setting."""
    reader: Any = SimpleNamespace(read_at=math.inf, places={("ticks", 0): 1})
    staleness = Staleness(Settings(_env_file=None, stream_stale_ms=60_000, **KEYS), reader)
    monkeypatch.setattr(staleness, "_ends", lambda places: None)
    assert not await staleness.look()
    assert staleness._silent_since is not None
    staleness._silent_since -= 61
    assert await staleness.look()
    assert staleness.reason == "KAFKA_UNAVAILABLE"

    monkeypatch.setattr(staleness, "_ends", lambda places: places)
    assert await staleness.look()
    assert staleness.reason is None


def test_the_ring_forgets_whole_batches() -> None:
    """What is left of the ring has every change of each of its batches."""
    hub = Hub(changes_max=5)
    hub.start(0, 0, [])
    for seq in range(1, 5):
        hub.publish(seq, [change(seq), change(seq, side="SELL")])
    shape = frozenset({("order_book", Filter(None, None, frozenset()))})

    assert (hub.oldest, hub.seq) == (2, 4)
    assert [one.seq for one in hub.since({"order_book": 2}, shape)] == [3, 3, 4, 4]
    assert [one.seq for one in hub.since({"order_book": 3}, shape)] == [4, 4]


def test_channels_that_began_at_different_batches() -> None:
    """Each gets what came after its own beginning, and not what its snapshot has."""
    hub = Hub(100)
    signals = [encoded(seq, "signals", SIGNAL) for seq in (1, 2, 3)]
    hub.start(3, 0, [*signals, *(change(seq) for seq in (1, 2, 3))])
    shape = frozenset({(channel, Filter(None, None, frozenset())) for channel in ("order_book", "signals")})
    found = hub.since({"order_book": 2, "signals": 1}, shape)  # type: ignore[arg-type]

    assert sorted((one.channel, one.seq) for one in found) == [("order_book", 3), ("signals", 2), ("signals", 3)]


async def test_the_same_shape_gets_the_same_bytes_and_nobody_elses() -> None:
    """Clients by symbol: each gets its symbol's changes, and equal clients one message together."""
    hub = Hub(100)
    hub.start(0, 0, [])
    clients = [Client(10_000) for _ in range(4)]
    for client, symbols in zip(clients, ({"X"}, {"X"}, {"Y"}, {"Z"}), strict=True):
        hub.add(client)
        hub.follow(client, frozenset({("order_book", Filter(frozenset(symbols), None, frozenset()))}))
    hub.publish(1, [change(1, "X"), change(1, "Y")])
    for client in clients[:3]:
        hub.remove(client)
    first, second, third = [await client.take() for client in clients[:3]]

    assert first[0][0] is second[0][0]
    assert b'"symbol":"X"' in first[0][0].json
    assert b'"symbol":"Y"' not in first[0][0].json
    assert b'"symbol":"Y"' in third[0][0].json
    clients[3].push(Payload("end", b"{}"))
    assert [payload.kind for payload, _ in await clients[3].take()] == ["end"]


def test_what_an_account_is_worth_is_computed_for_who_is_about_to_follow() -> None:
    """From before the snapshot on: otherwise what moves between the snapshot and the first update is told to nobody."""
    hub, client = Hub(100), Client(100)
    filter_ = Filter(None, frozenset({"acc_1"}), frozenset())
    told = []
    with hub.expecting(filter_), hub.expecting(None):
        told.append(hub.accounts_valued())
        with hub.expecting(Filter(None, None, frozenset())):
            told.append(hub.accounts_valued())
        hub.follow(client, frozenset({("portfolio", filter_), ("orders", Filter(None, None, frozenset()))}))
    told.append(hub.accounts_valued())
    hub.follow(client, frozenset())
    told.append(hub.accounts_valued())

    assert told == [{"acc_1"}, None, {"acc_1"}, frozenset()]


async def test_a_client_that_takes_nothing_is_dropped() -> None:
    """Bytes that wait are bounded; those that were taken and are not yet sent count, snapshots do not."""
    client = Client(bytes_max=10)
    client.push(Payload("snapshot", b"x" * 50), counts=False)
    client.push(Payload("update", b"x" * 6))
    taken = await client.take()
    client.push(Payload("update", b"x" * 4))
    assert client.closing is None
    for _, size in taken:
        client.sent(size)
    client.push(Payload("update", b"x" * 6))
    assert client.closing is None
    client.push(Payload("update", b"x"))

    assert client.closing is SLOW_CONSUMER
    assert await client.take() == []


def test_alerts_of_the_desk_are_everybodys_and_breaks_of_nobody_are_not() -> None:
    """A halt concerns all who follow alerts; a break of an order that no account has, those who may see all."""

    def alert(kind: str, account_id: str | None) -> Encoded:
        fields = {"symbol": None, "order_id": None, "code": None, "text": "", "by": None, "details": msgspec.Raw(b"{}")}
        return encoded(1, "alerts", Alert("a", kind, account_id, **fields, recorded_at=""))  # type: ignore[arg-type]

    hub = Hub(100)
    hub.start(0, 0, [alert("TRADING_HALTED", None), alert("BREAK_FOUND", None), alert("BREAK_FOUND", "acc_1")])

    def told(accounts: frozenset[str] | None) -> list[str | None]:
        shape = frozenset({("alerts", Filter(None, accounts, frozenset()))})
        return [one.account for one in hub.since({"alerts": 0}, shape)]  # type: ignore[arg-type]

    assert told(frozenset({"acc_1"})) == ["", "acc_1"]
    assert told(frozenset({"acc_2"})) == [""]
    assert told(None) == ["", None, "acc_1"]


def test_a_large_update_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the last say that more follows, and only the last says that the batch is whole."""
    monkeypatch.setattr("api.stream.hub.MESSAGE_BYTES_MAX", 300)
    found = parts(9, [change(9, f"S{number}") for number in range(7)])

    assert len(found) > 2
    assert [b'"more":true' in one.json for one in found] == [True] * (len(found) - 1) + [False]
    assert [one.seq for one in found] == [None] * (len(found) - 1) + [9]
    assert sum(one.json.count(b'"kind":"level"') for one in found) == 7


def test_the_pace_of_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the rate at once, then the rate; a pause is worth no more than that. By a clock of the test's own."""
    now = 100.0
    monkeypatch.setattr("api.stream.websocket.time.monotonic", lambda: now)
    pace = Pace(5)

    assert [pace.allows() for _ in range(11)] == [True] * 10 + [False]
    now += 0.41
    assert [pace.allows() for _ in range(3)] == [True, True, False]
    now += 3_600
    assert [pace.allows() for _ in range(11)] == [True] * 10 + [False]
