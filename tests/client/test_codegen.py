"""Goal: generated code is current, the same each time, and right for whatever a document may hold.

Method: the application's document; and a small one, with what that has not (yet), whose client is made beside the core
in a folder of its own and used in a process of its own.
"""

from __future__ import annotations

import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from client.codegen.__main__ import PACKAGE, document
from client.codegen.document import Unsupported
from client.codegen.made import made
from tapeledger_client import AsyncClient, Client

FOLDERS = ("models", "operations", "async_operations")


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    return document()


@pytest.fixture(scope="module")
def files(openapi: dict[str, Any]) -> dict[str, str]:
    return made(openapi)


def test_the_client_is_current(files: dict[str, str]) -> None:
    """What is stale is made anew by `python -m client.codegen`."""
    there = {
        str(path.relative_to(PACKAGE)): path.read_text()
        for folder in FOLDERS
        for path in (PACKAGE / folder).glob("*.py")
    }

    assert there == files


def test_the_order_of_the_document_does_not_matter(openapi: dict[str, Any], files: dict[str, str]) -> None:
    """Routers may be included in any order."""
    turned = json.loads(json.dumps(openapi))
    turned["paths"] = dict(reversed(turned["paths"].items()))
    turned["components"]["schemas"] = dict(reversed(turned["components"]["schemas"].items()))

    assert made(turned) == files


def test_every_operation_is_a_method_of_both_clients(openapi: dict[str, Any]) -> None:
    """With the same arguments; streams of events, and documents for tools, are left out."""
    every = {operation["operationId"] for item in openapi["paths"].values() for operation in item.values()}
    ids = every - {"follow_stream", "get_asyncapi"}

    assert len(ids) >= 30
    for name in ids:
        blocking, awaited = getattr(Client, name), getattr(AsyncClient, name)
        assert inspect.signature(blocking) == inspect.signature(awaited), name
        assert inspect.iscoroutinefunction(awaited), name
        assert blocking.__doc__ == awaited.__doc__, name


def test_money_is_a_decimal_and_a_time_a_datetime(openapi: dict[str, Any]) -> None:
    """Held to the document's own words, field by field."""
    from tapeledger_client import models

    wanted = {"decimal": "Decimal", "date-time": "datetime"}
    seen = 0
    for name, schema in openapi["components"]["schemas"].items():
        for field, own in schema.get("properties", {}).items():
            for part in own.get("anyOf", [own]):
                if part.get("format") in wanted and hasattr(models, name):
                    seen += 1
                    annotations = getattr(models, name).__annotations__
                    assert wanted[part["format"]] in annotations.get(field, annotations.get(f"{field}_")), (name, field)
    assert seen > 100


# A document with everything

TEXT, NULL = {"type": "string"}, {"type": "null"}
COLORS = {"type": "string", "enum": ["RED", "BLUE"]}


PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/P"}}}


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def obj(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties) if required is None else required}


def operation(id_: str, answer: Any, *parameters: Any, body: str | None = None, tag: str = "things") -> dict[str, Any]:
    made_ = {
        "operationId": id_,
        "tags": [tag],
        "summary": f"Do {id_}",
        "parameters": list(parameters),
        "responses": {"200": {"content": answer}, "404": {"content": PROBLEM}},
    }
    if body is not None:
        made_["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref(body)}}}
    return made_


def parameter(name: str, place: str = "query", schema: Any = TEXT, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "schema": schema, **more}


def as_json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": ref(name)}}


THING_ID = parameter("thing_id", "path", required=True)
LIST = {**as_json("Page_Thing_"), "text/csv": {}, "application/vnd.apache.arrow.stream": {}}
SMALL: dict[str, Any] = {
    "components": {
        "schemas": {
            "P": obj(code=TEXT),
            "a__b__Same": obj(x=TEXT),
            "a__c__Same": obj(y=TEXT),
            "Placed": obj(topic=TEXT),
            "New": obj(
                ["amount"],
                amount={"type": "string", "format": "decimal"},
                color=COLORS | {"default": "RED"},
                share={"type": "string", "format": "decimal", "default": "0.10"},
                notes={"type": "array", "items": TEXT, "default": []},
                weights={"type": "object", "additionalProperties": {"type": "string", "format": "decimal"}},
                until={"anyOf": [{"type": "string", "format": "date-time"}, NULL]},
            ),
            "Thing": obj(
                ["id", "color", "class", "data", "one", "mixed"],
                id=TEXT | {"description": 'its "id" \\ name'},
                color=COLORS,
                data={},
                one=ref("a__b__Same"),
                other=ref("a__c__Same"),
                mixed={"anyOf": [ref("a__b__Same"), ref("a__c__Same"), NULL]},
                price={"anyOf": [{"type": "string", "format": "decimal"}, NULL]},
                pair={"type": "array", "prefixItems": [TEXT, {"type": "integer"}]},
                place=ref("Placed"),
                day={"type": ["string", "null"], "format": "date"},
                **{"class": TEXT},
            ),
            "Page_Thing_": obj(
                data={"type": "array", "items": ref("Thing")},
                has_more={"type": "boolean"},
                cursor={"anyOf": [TEXT, NULL]},
            ),
        }
    },
    "paths": {
        "/things": {
            "get": operation(
                "list_things",
                LIST,
                parameter("from", schema={"type": "string", "format": "date-time"}),
                parameter("cursor"),
                parameter("limit", schema={"type": "integer"}),
                parameter("account_id"),
                parameter("color", schema={"type": "array", "items": COLORS}),
                parameter("min_position"),
                parameter("prefer", "header"),
                parameter("if-none-match", "header"),
                parameter("session", "cookie"),
            ),
            "post": operation("make_thing", as_json("Thing"), parameter("idempotency-key", "header"), body="New"),
        },
        "/things/{thing_id}": {
            "delete": operation("drop_thing", {}, THING_ID) | {"responses": {"204": {}}},
            "put": operation(
                "put_thing",
                as_json("Thing"),
                THING_ID,
                parameter("If-Match", "header", required=True),
                body="New",
                tag="other-things",
            ),
        },
        "/stream": {"get": operation("follow", {"text/event-stream": {}})},
        "/anything": {"get": operation("read_anything", {"application/json": {"schema": {}}})},
        "/text": {"get": operation("read_text", {"text/plain": {"schema": TEXT}})},
    },
}

PROGRAM = """
import datetime, json
from decimal import Decimal
import httpx
from tapeledger_client import Client, Document, Retries, NoAnswer
from tapeledger_client import models as m

thing = {"id": "t1", "color": "GREEN", "class": "k", "data": [1, {"a": 2}], "one": {"x": "1"}, "other": {"y": "2"},
         "mixed": {"x": 3}, "price": "1.50", "pair": ["a", 1], "place": {"topic": "t"}, "day": "2011-06-30"}
seen = []

def server(request):
    seen.append(request)
    accept = request.headers["accept"]
    if request.method in ("DELETE",):
        return httpx.Response(204)
    if accept == "text/plain":
        return httpx.Response(200, text="hello")
    if accept != "application/json":
        return httpx.Response(200, content=b"a,b", headers={"content-type": accept, "x-next-cursor": "c9"})
    if request.url.path == "/things" and request.method == "GET":
        cursor = request.url.params.get("cursor")
        return httpx.Response(200, json={"data": [thing], "has_more": not cursor, "cursor": None if cursor else "c1"})
    if request.method == "PUT":
        raise httpx.ReadTimeout("lost")
    return httpx.Response(200, json=thing)

with Client("http://x", transport=httpx.MockTransport(server), retries=Retries(count=1, first_s=0)) as client:
    when = datetime.datetime(2011, 6, 30, tzinfo=datetime.UTC)
    page = client.list_things(from_=when, account_id="acc_1", color=["RED", "BLUE"], wait=3, min_position="t:1:2")
    first = page.data[0]
    assert (first.color, first.class_, first.data, first.mixed) == ("GREEN", "k", [1, {"a": 2}], {"x": 3}), first
    assert (first.price, first.pair, first.day) == (Decimal("1.50"), ("a", 1), datetime.date(2011, 6, 30)), first
    assert isinstance(first.one, m.BSame) and isinstance(first.other, m.CSame)
    assert isinstance(first.place, m.PlacedModel)
    assert dict(seen[0].url.params.multi_items())["from"] == "2011-06-30T00:00:00.000000Z"
    assert seen[0].url.params.get_list("color") == ["RED", "BLUE"]
    assert seen[0].url.params["min_position"] == "t:1:2" and seen[0].headers["prefer"] == "wait=3"
    assert len(list(client.iter_things(account_id="acc_1"))) == 2
    csv = client.list_things_as("text/csv", limit=2)
    assert isinstance(csv, Document) and csv.content == b"a,b" and csv.received.next_cursor == "c9"
    client.make_thing(m.New(amount=Decimal("1")))
    body = json.loads(seen[-1].content)
    assert body == {"amount": "1", "color": "RED", "share": "0.10", "notes": []}, body
    assert seen[-1].headers["idempotency-key"]
    assert client.drop_thing("t1") is None
    assert client.read_text() == "hello"
    assert client.read_anything()["price"] == "1.50"
    before = len(seen)
    try:
        client.put_thing("t1", m.New(amount=Decimal("1")), if_match="v1")
    except NoAnswer as error:
        assert error.sent and len(seen) == before + 1
    else:
        raise AssertionError("a PUT without a key was repeated")
    assert seen[-1].headers["if-match"] == "v1"
    assert not hasattr(client, "follow") and not hasattr(m, "P")
"""


def test_a_client_of_a_document_with_everything_works(tmp_path: Path) -> None:
    """Prefer, min_position, other forms, names that Python or the core has taken, values of several types."""
    package = tmp_path / "tapeledger_client"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns(*FOLDERS, "__pycache__"))
    for folder in FOLDERS:
        (package / folder).mkdir()
    small = json.loads(json.dumps(SMALL))
    small["components"]["schemas"]["FieldProblem"] = obj(["code", "detail"], code=TEXT, detail=TEXT, pointer=TEXT)
    for name, text in made(small).items():
        (package / name).write_text(text)

    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"/odd": {"post": operation("odd", {}) | {"requestBody": {"content": {"text/plain": {}}}}}}, "not JSON"),
        ({"/odd": {"get": operation("odd", {"application/json": {"schema": {"type": "array"}}})}}, "no object"),
    ],
)
def test_what_there_is_no_rule_for_is_said(change: dict[str, Any], text: str) -> None:
    """Better no client than a wrong one."""
    with pytest.raises(Unsupported, match=text):
        made({**SMALL, "paths": SMALL["paths"] | change})
