"""Wherever one flaw is planted into a body that is right, the problem's JSON pointer leads to that place.

The bodies are the OpenAPI document's own examples, one operation after the other; the pointer is read by RFC 6901.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.keys import ROOT

Path = tuple[str | int, ...]
STRANGE = st.text(min_size=1, max_size=6) | st.sampled_from(["~", "/", "~1", "", "é/ü~", "[key]", "%", "#", " "])
OTHER_TYPES = st.sampled_from([7, 7.5, True, [], [[]], {}, {"a": 1}])


class Operation(NamedTuple):
    method: str
    path: str
    schema: dict[str, Any]
    bodies: list[Any]


@pytest.mark.parametrize("name", ["missing", "unknown", "type"])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
async def test_the_pointer_names_the_planted_place(offline_app: FastAPI, name: str, data: st.DataObject) -> None:
    """A required member is taken away, a member that nobody knows is put in, or a value is of another JSON type."""
    operations = of(offline_app)
    if name == "missing":
        operations = [operation for operation in operations if "required" in operation.schema]
    operation = data.draw(st.sampled_from(operations), label="operation")
    body = copy.deepcopy(data.draw(st.sampled_from(operation.bodies), label="body"))
    document = offline_app.openapi()
    if name == "missing":
        place = data.draw(st.sampled_from([*required(document, operation.schema, body)]), label="place")
        del at(body, place[:-1])[place[-1]]
    elif name == "unknown":
        inside = data.draw(st.sampled_from([path for path, value in walk(body) if isinstance(value, dict)]))
        place = (*inside, "x" + data.draw(STRANGE, label="member"))
        at(body, inside)[place[-1]] = "0.1"
    else:
        place = data.draw(st.sampled_from([path for path, _ in walk(body)]), label="place")
        body = put(body, place, data.draw(OTHER_TYPES.filter(lambda v: type(v) is not type(at(body, place)))))

    answer = await send(offline_app, operation, body)

    assert answer.status_code == 422, answer.text
    assert {read_pointer(error["pointer"]) for error in answer.json()["errors"]} == {tuple(map(str, place))}


def of(app: FastAPI) -> list[Operation]:
    """The operations that take a body, with the examples of their bodies."""
    document = app.openapi()
    found = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "requestBody" in operation:
                schema = resolve(document, operation["requestBody"]["content"]["application/json"]["schema"])
                bodies = schema.get("examples") or [sample(document, schema)]
                found.append(Operation(method, filled(document, path, operation), schema, bodies))
    assert len(found) > 10
    return found


def filled(document: dict[str, Any], path: str, operation: dict[str, Any]) -> str:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] != "path":
            continue
        path = path.replace(f"{{{parameter['name']}}}", str(parameter["schema"]["examples"][0]))
    return path


def sample(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The members at their examples, those that have one and all that are required."""
    members = {name: resolve(document, member) for name, member in schema.get("properties", {}).items()}
    needed = schema.get("required", ())
    values = {name: member.get("examples") or member.get("enum") for name, member in members.items()}
    assert all(values[name] for name in needed), schema
    return {name: value[0] for name, value in values.items() if value}


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, without a reference, and of something nullable the part that is not null."""
    if "$ref" in schema:
        return resolve(document, functools.reduce(dict.__getitem__, schema["$ref"].split("/")[1:], document))
    parts = [part for part in schema.get("anyOf", ()) if part != {"type": "null"}]
    return resolve(document, parts[0]) if len(parts) == 1 else schema


def required(document: dict[str, Any], schema: dict[str, Any], body: Any, path: Path = ()) -> Iterator[Path]:
    """The places of all members that must be there."""
    schema = resolve(document, schema)
    if isinstance(body, list):
        for number, value in enumerate(body):
            yield from required(document, schema.get("items", {}), value, (*path, number))
    elif isinstance(body, dict):
        for name in schema.get("required", ()):
            yield (*path, name)
        for name, value in body.items():
            yield from required(document, schema.get("properties", {}).get(name, {}), value, (*path, name))


def walk(body: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, body
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, value in inner:
        yield from walk(value, (*path, name))


def at(body: Any, path: Path) -> Any:
    return functools.reduce(lambda value, name: value[name], path, body)


def put(body: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    at(body, path[:-1])[path[-1]] = value
    return body


def read_pointer(pointer: str) -> tuple[str, ...]:
    """RFC 6901, sections 4 and 6."""
    assert pointer.startswith("#")
    tokens = unquote(pointer[1:], errors="strict").split("/")[1:]
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in tokens)


async def send(app: FastAPI, operation: Operation, body: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=ROOT) as client:
        return await client.request(operation.method, operation.path, content=json.dumps(body), headers=headers)
