"""Lists as JSON, CSV and Arrow: which form a client gets, and that all hold the same rows, columns and values."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pyarrow as pa
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from api.fields import DecimalOut, TimeOut, View, rfc3339
from api.problems import ProblemError
from api.query import tables
from api.query.forms import Form, chosen
from domain.commands import TransferCash
from runtime.settings import Settings
from streams.backtests.queue import claim, finish
from tests.api import rows
from tests.api.tape_story import Projected
from tests.domain.operators import OperatorDesk
from tests.streams.backtests.house import POLICY, id_of, outcome, put

JSON, CSV, ARROW = Form.JSON, Form.CSV, Form.ARROW
DAY = datetime(2011, 1, 3, tzinfo=UTC)


# Which form


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/*", CSV),
        ("text/csv", CSV),
        ("TEXT/CSV; header=present", CSV),
        ("application/vnd.apache.arrow.stream", ARROW),
        ("text/csv;q=0.5, application/vnd.apache.arrow.stream;q=0.9", ARROW),
        ("text/csv;q=0.9, */*;q=0.1", CSV),
        ("application/json;q=0, */*", CSV),
        ("application/json;q=0, text/csv;q=0, */*;q=0.001", ARROW),
        ("*/*, text/csv;q=0.1", JSON),
        ("text/html, nonsense, text/csv;q=0.2", CSV),
        ("text/csv, application/json", JSON),
    ],
)
def test_the_form_that_is_liked_best(accept: str | None, form: Form) -> None:
    """RFC 9110, section 12.5.1: the most specific range counts, then quality; between equals our own order."""
    assert chosen(accept) == form


@pytest.mark.parametrize("accept", ["text/html", "text/csv;q=0", "*/*;q=0", "nonsense", "text/csv;q=2", "text/csv;q=x"])
def test_no_form_fits(accept: str) -> None:
    """406 names what there is."""
    with pytest.raises(ProblemError, match=r"text/csv") as caught:
        chosen(accept)

    assert (caught.value.status, caught.value.code) == (406, "FORM_NOT_ACCEPTABLE")


# Tables


class Line(View):
    """Every kind of column."""

    name: str
    note: str | None
    amount: DecimalOut | None
    at: TimeOut
    is_open: bool
    count: int
    part: float | None
    data: dict[str, Any] | None


def line(**changes: Any) -> Line:
    own = {"name": "a", "note": None, "amount": Decimal(1), "at": DAY, "is_open": True, "count": 1, "part": None}
    return Line(**(own | {"data": None} | changes))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'quoted"])
def test_a_text_is_never_a_formula(text: str) -> None:
    """OWASP, CSV injection: it gets an apostrophe; a number below zero does not."""
    [_, found] = parsed(tables.csv(Line, [line(name=text, amount=Decimal("-1.50"))]))

    assert found[0] == "'" + text
    assert found[2] == "-1.50"


def test_a_table_as_rfc_4180_has_it() -> None:
    """Written out by hand: CRLF, quotes doubled, null empty and an empty text quoted."""
    raw = tables.csv(Line, [line(name='say "hi", now', note="", amount=Decimal("1E+2"), data={"a": ["b", 1]})])

    assert raw.decode() == (
        "name,note,amount,at,is_open,count,part,data\r\n"
        '"say ""hi"", now","",100,2011-01-03T00:00:00.000000Z,true,1,,"{""a"":[""b"",1]}"\r\n'
    )


@given(
    st.lists(st.tuples(st.text(), st.none() | st.text(), st.none() | st.floats(allow_nan=False, allow_infinity=False)))
)
def test_any_text_comes_back(given_rows: list[tuple[str, str | None, float | None]]) -> None:
    """What csv reads, less one leading apostrophe, is what was there; likewise through Arrow."""
    lines = [line(name=name, note=note, part=part) for name, note, part in given_rows]

    _, *found = parsed(tables.csv(Line, lines))
    table = pa.ipc.open_stream(tables.arrow(Line, lines)).read_all()

    assert [(bare(row[0]), bare(row[1])) for row in found] == [(each.name, each.note or "") for each in lines]
    assert table.column("name").to_pylist() == [each.name for each in lines]
    assert table.column("note").to_pylist() == [each.note for each in lines]
    assert table.column("part").to_pylist() == [each.part for each in lines]


@pytest.mark.parametrize(
    ("amounts", "type_"),
    [
        ([Decimal("99999999999999999999.999999999999999999"), None], "decimal128(38, 18)"),
        ([Decimal("1E-18"), Decimal(0)], "decimal128(38, 18)"),
        ([Decimal("1E-19"), Decimal("1.50"), None], "string"),
        ([Decimal("100000000000000000000"), Decimal(1)], "string"),
    ],
)
def test_decimals_are_exact(amounts: list[Decimal | None], type_: str) -> None:
    """decimal128 where it holds every value of the page to the last digit, else texts that do."""
    table = pa.ipc.open_stream(tables.arrow(Line, [line(amount=amount) for amount in amounts])).read_all()

    found = table.column("amount").to_pylist()
    assert str(table.schema.field("amount").type) == type_
    assert [None if value is None else Decimal(value) for value in found] == amounts
    assert table.schema.field("amount").metadata == ({b"form": b"decimal"} if type_ == "string" else None)
    assert str(table.schema.field("at").type) == "timestamp[us, tz=UTC]"


def bare(cell: str) -> str:
    return cell.removeprefix("'")


def parsed(raw: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(raw.decode(), newline=""), strict=True))


# Every list


def filled(settings: Settings, owner: rows.Connection) -> str:
    """A bit of everything; gives the id of an order that has a history."""
    house, desk = Projected(settings, owner), OperatorDesk(cash="1000.00")
    desk.prices(AAPL="10", IBM="20")
    bought = desk.trade("BUY", "10", "10.00", "0.10", client_order_id="=HYPERLINK(1)")
    desk.withdraw("1000000")
    desk.withdraw("1000001")
    out = {"to_account_id": "other", "amount": Decimal(2)}
    desk.operate(TransferCash, **out)
    desk.operate(TransferCash, **out)
    planned = desk.rebalance({"IBM": "0.3"}, cash_weight="0.7", allowance="0.1")
    desk.cancel_rebalance(planned.plan_id)
    desk.rebalance({"IBM": "0.2"}, cash_weight="0.8", allowance="0.1")
    desk.submit("BUY", "1", "9.00")
    desk.found("ORDER_UNKNOWN_TO_LEDGER", bought.order_id)
    desk.found("EXECUTION_MISSING_IN_LEDGER", bought.order_id, "exe_none")
    for event in desk.events:
        house.write(event)
    for number in range(3):
        at = DAY + timedelta(days=number)
        rows.signal(owner, number, at, abstained=None if number else "warm_up", price=None if number else "45.1")
        rows.counts(owner, "xgboost", f"={number}", "AAPL", BUY_BUY=number + 1, SELL_HOLD=2)
        rows.insert(owner, "ticks", symbol="AAPL", market_time=at, price=f"1{number}.123456789012345678901", volume="5",
                    closes_bar=True, partition=0, tick_offset=number)  # fmt: skip
        owner.execute("insert into portfolio_values values ('acc', %s, %s, '-1.5', %s)", [at, number, number - 1.5])
    rows.outcome(owner, 2, 1, DAY + timedelta(days=1), DAY + timedelta(days=2))
    put(owner, "done", "waiting")
    claimed = claim(owner, "w", POLICY)
    assert claimed is not None
    finish(owner, claimed, outcome(trades=2))
    return str(bought.order_id)


DONE = id_of("done")
START = rfc3339(datetime(2011, 3, 13, 7, 6, tzinfo=UTC))
LISTS = {
    "list_orders": "/api/orders",
    "list_order_history": "/api/orders/{order_id}/history",
    "list_order_events": "/api/orders/{order_id}/events",
    "list_signals": "/api/signals",
    "list_model_accuracy": "/api/models/accuracy",
    "list_journal": "/api/accounts/acc/journal",
    "list_rejections": "/api/accounts/acc/rejections",
    "list_account_events": "/api/accounts/acc/events",
    "list_transfers": "/api/accounts/acc/transfers",
    "list_portfolio_history": "/api/portfolio/acc/history",
    "list_rebalances": "/api/portfolio/acc/rebalances",
    "list_bars": "/api/bars/AAPL",
    "list_ticks": "/api/ticks/AAPL",
    "list_depth": f"/api/orderbook/AAPL/depth?from={START}&to=2011-03-13T07:20:00Z",
    "list_breaks": "/api/reconciliation/breaks",
    "list_backtests": "/api/backtests",
    "list_backtest_trades": f"/api/backtests/{DONE}/trades",
    "list_backtest_equity": f"/api/backtests/{DONE}/equity",
}


def test_every_list_is_here(offline_app: FastAPI) -> None:
    """A list is what is declared as CSV; a new one gets a row above."""
    operations = [operation for item in offline_app.openapi()["paths"].values() for operation in item.values()]
    declared = {
        operation["operationId"]: operation["responses"]["200"]["content"].keys()
        for operation in operations
        if CSV in operation["responses"].get("200", {}).get("content", {})
    }

    assert declared.keys() == LISTS.keys()
    assert {frozenset(forms) for forms in declared.values()} == {frozenset(map(str, Form))}
    paged = {o["operationId"] for o in operations if "cursor" in {p["name"] for p in o.get("parameters", ())}}
    assert paged == LISTS.keys()


@pytest.mark.integration
async def test_every_list_in_every_form(
    online: httpx.AsyncClient, ledger_settings: Settings, owner: rows.Connection
) -> None:
    """The same columns in the same order, the same rows, the same values to the last digit, page by page."""
    order_id = filled(ledger_settings, owner)
    for name, path in LISTS.items():
        url = path.format(order_id=order_id)
        url += f"{'&' if '?' in url else '?'}limit=2"
        shown = await ask(online, url, JSON)
        page = shown.json()

        assert len(page["data"]) == 2, name
        for form, read in ((CSV, from_csv), (ARROW, from_arrow)):
            answer = await ask(online, url, form)
            assert answer.headers.get("x-next-cursor") == page["cursor"], name
            assert answer.headers["vary"] == "Accept"
            assert answer.headers["etag"] != shown.headers["etag"], name
            names, found = read(answer.content, page["data"])
            assert names == list(page["data"][0]), name
            assert found == page["data"], (name, form)
        if page["has_more"]:
            link = shown.headers["link"]
            assert link.endswith('>; rel="next"')
            following = (await ask(online, link[1:].split(">")[0], JSON)).json()
            assert following["data"], name
            assert following["data"][0] not in page["data"]
        else:
            assert "link" not in shown.headers
            assert page["cursor"] is None


@pytest.mark.integration
async def test_a_list_that_nobody_can_take(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """406 as a problem; and a page of CSV may be larger than one of JSON, which says that there is more."""
    for number in range(501):
        rows.signal(owner, number, DAY + timedelta(seconds=number))

    refused = await online.get("/api/signals", headers={"Accept": "text/html"})
    page = (await online.get("/api/signals?limit=600")).json()
    whole = await ask(online, "/api/signals?limit=600", CSV)

    assert (refused.status_code, refused.json()["code"]) == (406, "FORM_NOT_ACCEPTABLE")
    assert refused.headers["content-type"] == "application/problem+json"
    assert (len(page["data"]), page["has_more"]) == (500, True)
    assert len(parsed(whole.content)) == 1 + 501
    assert "link" not in whole.headers


async def ask(client: httpx.AsyncClient, path: str, form: Form) -> httpx.Response:
    answer = await client.get(path, headers={"Accept": str(form)})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].split(";")[0] == form
    return answer


def from_csv(raw: bytes, like: list[dict[str, Any]]) -> tuple[list[str], list[Any]]:
    names, *lines = parsed(raw)
    found = [
        {name: _value(cell, as_json[name]) for name, cell in zip(names, cells, strict=True)}
        for cells, as_json in zip(lines, like, strict=True)
    ]
    return names, found


def _value(cell: str, like: Any) -> Any:
    """A cell as JSON has it. like: the JSON value, whose type alone counts."""
    if like is None:
        return cell or None
    return bare(cell) if isinstance(like, str) else json.loads(bare(cell))


def from_arrow(raw: bytes, like: list[dict[str, Any]]) -> tuple[list[str], list[Any]]:
    table = pa.ipc.open_stream(raw).read_all()
    found = [
        {name: _arrow_value(value, as_json[name]) for name, value in row.items()}
        for row, as_json in zip(table.to_pylist(), like, strict=True)
    ]
    return table.schema.names, found


def _arrow_value(value: Any, like: Any) -> Any:
    if isinstance(value, Decimal):
        assert value == Decimal(like)
        return like
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, str) and not isinstance(like, str):
        return json.loads(value)
    return value
