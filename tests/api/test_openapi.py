"""The OpenAPI document, checked by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

FORMATS = FormatChecker()
ANNOTATIONS = {"title", "description", "default", "examples", "readOnly", "writeOnly", "deprecated", "discriminator"}
"""Keywords that ask nothing of a value (JSON Schema Validation, section 9), and OpenAPI's own."""
METHODS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture
async def document(offline: httpx.AsyncClient) -> dict[str, Any]:
    """The document as it is served."""
    found: dict[str, Any] = (await offline.get("/openapi.json")).json()
    return found


def schemas(found: Any) -> Iterator[dict[str, Any]]:
    """Every schema of the document, and those inside it."""
    if isinstance(found, list):
        for item in found:
            yield from schemas(item)
    elif isinstance(found, dict):
        for name, item in found.items():
            if name == "schema":
                yield from nested(item)
            elif name == "schemas":
                yield from (inner for one in item.values() for inner in nested(one))
            elif name not in ("example", "examples"):
                yield from schemas(item)


def nested(schema: dict[str, Any] | bool) -> Iterator[dict[str, Any]]:
    if isinstance(schema, bool):
        return
    yield schema
    for name, item in schema.items():
        if name in ("properties", "patternProperties", "$defs"):
            inner = list(item.values())
        elif name in ("anyOf", "allOf", "oneOf", "prefixItems"):
            inner = item
        elif name in ("items", "additionalProperties", "not", "propertyNames", "contains"):
            inner = [item]
        else:
            continue
        for one in inner:
            yield from nested(one)


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


async def test_the_framework_s_own_error_is_gone(document: dict[str, Any]) -> None:
    """FastAPI's HTTPValidationError is answered nowhere, so it stands nowhere."""
    assert "HTTPValidationError" not in json.dumps(document)
    assert "ValidationError" not in document["components"]["schemas"]


async def test_every_operation_is_described(document: dict[str, Any]) -> None:
    """An operation has an id of its own, a summary, a tag, a success and its errors as problems."""
    found = operations(document)

    assert document["openapi"] == "3.1.0"
    assert len({operation["operationId"] for _, operation in found}) == len(found) >= 20
    for name, operation in found:
        assert operation["summary"], name
        assert operation["tags"], name
        assert {"200", "201", "202"} & operation["responses"].keys(), name
        assert "500" in operation["responses"], name
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"], (name, status)


async def test_commands_and_reads_declare_what_they_answer(document: dict[str, Any]) -> None:
    """A command may find Kafka silent, a read the database; a list takes limit and cursor; a command takes JSON."""
    for name, operation in operations(document):
        if name.endswith("/preview"):  # computed and answered at once, nothing is written
            assert {"200", "400", "413", "415", "422", "503"} <= operation["responses"].keys(), name
            assert "202" not in operation["responses"], name
        elif "access" in operation["tags"]:  # answered when it is done
            assert "202" not in operation["responses"], name
        elif name.startswith(("post", "patch")):
            assert {"202", "400", "413", "415", "422", "503"} <= operation["responses"].keys(), name
            assert "Location" in operation["responses"]["202"]["headers"], name
        parameters = {parameter["name"] for parameter in operation.get("parameters", ())}
        assert ("cursor" in parameters) == ("limit" in parameters), name
        if "cursor" in parameters:
            assert "400" in operation["responses"], name


async def test_every_schema_says_it_in_json_schema_s_words(document: dict[str, Any]) -> None:
    """A validator skips a keyword that it does not know, such as pydantic's `ge`: the bound would be said to nobody."""
    known = set(Draft202012Validator.VALIDATORS) | ANNOTATIONS

    seen = 0
    for schema in schemas(document):
        seen += 1
        assert set(schema) <= known, schema
    assert seen > 500


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """All `$ref` name a component that the document holds."""
    text = json.dumps(document)
    references = {part.split('"')[0] for part in text.split('"$ref": "')[1:]}

    assert references
    for reference in references:
        kind, name = reference.removeprefix("#/components/").split("/")
        assert name in document["components"][kind], reference


async def test_money_is_a_string_everywhere(document: dict[str, Any]) -> None:
    """No field whose name says money or quantity is a JSON number."""
    words = ("price", "quantity", "amount", "cash", "pnl", "equity", "cost", "fee", "value", "volume")
    seen = 0
    for schema_name, schema in document["components"]["schemas"].items():
        for name, field in schema.get("properties", {}).items():
            if name not in ("values", "feed") and any(word in name for word in words):
                seen += 1
                text = json.dumps(field)
                assert '"number"' not in text, (schema_name, name)
                assert '"integer"' not in text, (schema_name, name)
    assert seen > 30


async def test_it_says_who_may_call(document: dict[str, Any]) -> None:
    """The schemes stand for all operations; the public ones say that they need none, and nobody else does."""
    public = {name for name, operation in operations(document) if operation.get("security") == []}

    assert document["security"] == [{"bearer": []}, {"key": []}, {"session": []}]
    assert set(document["components"]["securitySchemes"]) == {"bearer", "key", "session"}
    documents = {"get /asyncapi.json"}
    assert public == documents | {"get /livez", "get /readyz", "post /api/auth/refresh", "post /api/auth/revoke"}
    for name, operation in operations(document):
        if name not in public:
            assert {"401", "403", "429"} <= operation["responses"].keys(), name
            assert "WWW-Authenticate" in operation["responses"]["401"]["headers"], name


async def test_examples_are_valid(document: dict[str, Any]) -> None:
    """Every example of a schema, a parameter or a member is what its own schema allows (JSON Schema 2020-12)."""
    registry = Registry().with_resource("urn:document", DRAFT202012.create_resource(document))
    seen = 0
    for place, schema in schemas_with_examples(document):
        validator = Draft202012Validator(absolute(schema), registry=registry, format_checker=FORMATS)
        for example in schema["examples"]:
            seen += 1
            assert [error.message for error in validator.iter_errors(example)] == [], (place, example)

    assert seen > 100


def schemas_with_examples(value: Any, place: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from schemas_with_examples(inner, f"{place}/{number}")
    if isinstance(value, dict):
        if isinstance(value.get("examples"), list):
            yield place, value
        for name, inner in value.items():
            yield from schemas_with_examples(inner, f"{place}/{name}")


def absolute(value: Any) -> Any:
    """The same with references that lead into the document from anywhere."""
    if isinstance(value, list):
        return [absolute(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {name: f"urn:document{inner}" if name == "$ref" else absolute(inner) for name, inner in value.items()}


async def test_no_parameter_is_null(document: dict[str, Any]) -> None:
    """A query or a header cannot say null: what is optional is left out."""
    for name, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            assert '"null"' not in json.dumps(parameter["schema"]), (name, parameter["name"])


async def test_every_response_names_its_ids(document: dict[str, Any]) -> None:
    """X-Request-Id and traceparent are never missing; nor is an ETag or a Location where one is declared."""
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            headers = response["headers"]
            assert {"X-Request-Id", "traceparent"} <= headers.keys(), (name, status)
            for header in {"ETag", "Location"} & headers.keys():
                assert headers[header]["required"] is True, (name, status)
            assert status != "304" or "ETag" in headers, name


async def test_links_lead_to_operations_that_take_what_they_give(document: dict[str, Any]) -> None:
    """A link's target exists, has the parameters that it fills, and all that it needs in its path is given."""
    by_id = {operation["operationId"]: operation for _, operation in operations(document)}
    seen = 0
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            for link in response.get("links", {}).values():
                seen += 1
                target = by_id[link["operationId"]]
                takes = {f"{p['in']}.{p['name']}" for p in target.get("parameters", ())}
                needs = {place for place in takes if place.startswith("path.")}
                assert needs <= link["parameters"].keys() <= takes, (name, status, link)
    assert seen > 40
