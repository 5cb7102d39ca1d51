"""Events as they stand on the tape: with what an answer holds, a stranger computes the hashes again."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.events import OrderFilled
from tests.api import rows
from tests.api.tape_story import Projected
from tests.domain.operators import OperatorDesk

pytestmark = pytest.mark.integration
PATH = "/api/accounts/acc/events"


async def all_of(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await client.get(f"{path}{'&' if '?' in path else '?'}limit=500")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def computed(record: dict[str, Any]) -> str:
    """The hash by the documented formula, written here once more, from nothing but an answer."""

    def raw(text: str | None) -> bytes | None:
        if text is None:
            return None
        return base64.b64decode(text) if record["encoding"] == "base64" else text.encode()

    def sized(content: bytes | None) -> bytes:
        return b"\xff\xff\xff\xff" if content is None else struct.pack(">I", len(content)) + content

    others = [header for header in record["headers"] if header["name"] not in ("tape-seq", "tape-prev", "tape-hash")]
    parts = [b"tapeledger:record:v1\n", struct.pack(">Q", record["seq"]), bytes.fromhex(record["prev"])]
    parts += [sized(raw(record["key"])), sized(raw(record["value"])), struct.pack(">I", len(others))]
    for header in others:
        parts += [sized(header["name"].encode()), sized(raw(header["value"]))]
    return hashlib.sha256(b"".join(parts)).hexdigest()


async def test_a_stranger_checks_the_chain(online: httpx.AsyncClient, house: Projected) -> None:
    """Every hash comes out, each names the one before, the first names its tape; a changed byte shows."""
    desk = OperatorDesk(cash="1000.00", owner="Łuca «Pacioli» 🧾")
    desk.trade("BUY", "10", "10.00", "0.10", client_order_id="c-1")
    for event in desk.events:
        house.write(event)

    records = list(reversed(await all_of(online, PATH)))

    name = house.topic.encode()
    first = hashlib.sha256(b"tapeledger:genesis:v1\n" + struct.pack(">I", len(name)) + name + struct.pack(">I", 0))
    prevs = [first.hexdigest(), *[record["hash"] for record in records[:-1]]]
    assert [record["seq"] for record in records] == list(range(1, len(desk.events) + 1))
    assert [record["prev"] for record in records] == prevs
    assert [computed(record) for record in records] == [record["hash"] for record in records]
    changed = records[1] | {"value": records[1]["value"].replace("1000", "9000")}
    assert computed(changed) != changed["hash"]


async def test_the_documented_way_gives_the_hash(online: httpx.AsyncClient, house: Projected) -> None:
    """The code of docs/how-to/check-the-chain.md, executed on every record."""
    desk = OperatorDesk(cash="1000.00")
    desk.trade("BUY", "10", "10.00")
    for event in desk.events:
        house.write(event)
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "check-the-chain.md").read_text()
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], names)

    records = await all_of(online, PATH)

    assert len(records) == len(desk.events)
    assert [names["record_hash"](record) for record in records] == [record["hash"] for record in records]


async def test_what_a_record_tells(online: httpx.AsyncClient, house: Projected) -> None:
    """Place, type, time, cause and data; the data are the value, read."""
    desk = OperatorDesk(cash="1000.00")
    for event in desk.events:
        house.write(event)

    newest = (await all_of(online, PATH))[0]

    assert (newest["partition"], newest["record_offset"], newest["seq"]) == (0, 1, 2)
    assert (newest["event_type"], newest["key"], newest["encoding"]) == ("tapeledger.CashDeposited.v1", "acc", "utf-8")
    assert newest["cause"] == {"topic": "trading.commands", "partition": 0, "offset": 1, "id": "cmd-1"}
    assert newest["data"] == json.loads(newest["value"])
    assert newest["data"]["amount"] == "1000.00"


async def test_events_by_every_filter(online: httpx.AsyncClient, house: Projected) -> None:
    """By type whatever its version, by time, page by page; by order all that touches it and nothing else."""
    desk = OperatorDesk(cash="1000.00")
    filled = desk.trade("BUY", "10", "10.00")
    desk.now_us += 3_600_000_000
    other = desk.submit("BUY", "1", "9.00")
    offsets = {id(event): house.write(event) for event in desk.events}
    later = "2011-03-13T07:30:00Z"

    async def found(path: str) -> list[int]:
        return [record["record_offset"] for record in await all_of(online, path)]

    assert await found(PATH) == [4, 3, 2, 1, 0]
    assert await found(f"{PATH}?type=OrderFilled") == [offsets[id(filled)]]
    assert await found(f"{PATH}?from={later}") == [offsets[id(other)]]
    assert await found(f"{PATH}?to={later}&type=OrderAccepted") == [2]
    assert await found(f"/api/orders/{filled.order_id}/events") == [3, 2]
    assert await found(f"/api/orders/{filled.order_id}/events?type={OrderFilled.__name__}") == [3]
    assert await found(f"/api/orders/{other.order.order_id}/events") == [4]
    first = (await online.get(f"{PATH}?limit=3")).json()
    rest = (await online.get(f"{PATH}?limit=3&cursor={first['cursor']}")).json()
    assert [record["record_offset"] for record in rest["data"]] == [1, 0]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/accounts/acc_none/events", 404, "ACCOUNT_UNKNOWN"),
        ("/api/orders/ord_none/events", 404, "ORDER_UNKNOWN"),
        (f"{PATH}?type=NoSuchEvent", 422, "FIELD_INVALID"),
        (f"{PATH}?type=Order%25", 422, "FIELD_INVALID"),
        (f"{PATH}?live=false", 422, "FIELD_UNKNOWN"),
        (f"{PATH}?cursor=AAAA", 400, "CURSOR_INVALID"),
    ],
)
async def test_what_is_refused(online: httpx.AsyncClient, path: str, status: int, code: str) -> None:
    answer = await online.get(path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_bytes_that_are_no_text(online: httpx.AsyncClient, house: Projected, owner: rows.Connection) -> None:
    """A record with a header that is not UTF-8 comes in base64, and its hash still comes out by what is shown."""
    desk = OperatorDesk(cash=None)
    house.write(desk.events[0])
    owner.execute(
        "update tape_records set header_names = header_names || '{x}', header_values = header_values || %s::bytea",
        [b"\xff\xfe"],
    )

    [record] = await all_of(online, PATH)

    assert record["encoding"] == "base64"
    assert base64.b64decode(record["headers"][-1]["value"]) == b"\xff\xfe"
    assert json.loads(base64.b64decode(record["value"])) == record["data"]
    assert computed(record) != record["hash"]
    record["headers"].pop()
    assert computed(record) == record["hash"]
