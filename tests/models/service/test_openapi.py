"""The OpenAPI document, and whether the service keeps to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from models.service.app import ROUTERS
from tests.models.service.stage import NAME, asking, named, rows_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROW = named(rows_of(1)[0])[0]
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "serve-a-model.md"


async def document_of(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/openapi.json")).json()
    return found


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    registry: Any = Registry().with_resource("urn:document", DRAFT202012.create_resource(document))
    absolute = json.loads(json.dumps(schema).replace('"#/components', '"urn:document#/components'))
    return Draft202012Validator(absolute, registry=registry)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


async def test_every_operation_is_described(client: httpx.AsyncClient) -> None:
    """An id of its own, a summary, a tag, its success and each of its errors as a problem."""
    document = await document_of(client)
    found = list(operations(document))

    assert document["openapi"] == "3.1.0"
    assert len({operation["operationId"] for *_, operation in found}) == len(found)
    assert len(found) == sum(len(router.routes) for router in ROUTERS)
    for _, path, operation in found:
        assert operation["summary"]
        assert operation["tags"]
        for status, response in operation["responses"].items():
            assert status == "200" or list(response["content"]) == ["application/problem+json"], (path, status)


async def test_the_framework_s_own_error_is_gone(client: httpx.AsyncClient) -> None:
    """FastAPI's HTTPValidationError is answered nowhere, so it stands nowhere."""
    text = json.dumps(await document_of(client))

    assert "HTTPValidationError" not in text
    assert '"ValidationError"' not in text


async def test_examples_are_what_their_schemas_ask_for(client: httpx.AsyncClient) -> None:
    """Each example of a schema is valid by it, and the request's is answered."""
    document = await document_of(client)
    seen = 0
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
        for example in schema.get("examples", ()):
            validator(document, schema).validate(example)
            seen += 1
        for member in schema.get("properties", {}).values():
            for example in member.get("examples", ()):
                validator(document, member).validate(example)
                seen += 1
    (asked,) = document["components"]["schemas"]["PredictRequest"]["examples"]
    answer = await client.post("/predict", json=asked)

    assert seen > 20
    assert answer.status_code == 200


BODIES: list[tuple[str, str, Any]] = [
    ("POST", "/predict", asking(rows_of(1)[0], explain=True)),
    ("POST", "/predict", {"features": ROW}),
    ("POST", "/predict", {"features": [ROW, ROW]}),
    ("POST", "/predict", {"features": {"rsi_14": "x"}, "moon": 1}),
    ("POST", "/predict", {"features": ROW, "model": f"{NAME}/99"}),
    ("POST", "/predict/batch", {"items": [{"features": ROW, "explain": True}, {"features": {}}, 7]}),
    ("POST", "/predict/batch", {"items": []}),
    ("GET", "/models", None),
    ("GET", "/models/3", None),
    ("GET", "/models/99", None),
    ("GET", "/models/x", None),
    ("GET", "/livez", None),
    ("GET", "/readyz", None),
]


@pytest.mark.parametrize(("method", "path", "body"), BODIES)
async def test_answers_are_what_the_document_says(client: httpx.AsyncClient, method: str, path: str, body: Any) -> None:
    """The status is one that the operation has, and the content is valid by its schema, members and all."""
    document = await document_of(client)
    answer = await client.request(method, path, json=body)
    template = "/models/{version}" if path.startswith("/models/") else path
    response = document["paths"][template][method.lower()]["responses"][str(answer.status_code)]
    media_type = answer.headers["content-type"].split(";")[0]

    validator(document, response["content"][media_type]["schema"]).validate(answer.json())


async def test_a_request_that_the_document_forbids_is_refused(client: httpx.AsyncClient) -> None:
    """Both forms of features are in the schema, and what is neither is not."""
    document = await document_of(client)
    schema = validator(document, {"$ref": "#/components/schemas/PredictRequest"})
    for features, is_valid in ((ROW, True), ([ROW], True), ([], False), ("x", False), ([{"rsi_14": "1"}], False)):
        assert schema.is_valid({"features": features}) == is_valid


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("DELETE", "/predict", 405, "OPTIONS, POST"),
        ("GET", "/predict", 405, "OPTIONS, POST"),
        ("POST", "/models", 405, "GET, HEAD, OPTIONS"),
        ("OPTIONS", "/predict", 204, "OPTIONS, POST"),
        ("HEAD", "/models", 200, None),
        ("GET", "/moon", 404, None),
        ("POST", "/moon", 404, None),
    ],
)
async def test_paths_and_methods(
    client: httpx.AsyncClient, method: str, path: str, status: int, allow: str | None
) -> None:
    """What the document does not have is refused as the API refuses it."""
    answer = await client.request(method, path)

    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)


async def test_the_how_to_page_s_question_is_one(client: httpx.AsyncClient) -> None:
    """The curl example of docs/how-to/serve-a-model.md is answered, with reasons."""
    (text,) = re.findall(r"/predict -H [^{]*(\{.*?\}\})'", PAGE.read_text(), re.DOTALL)
    answer = await client.post("/predict", json=json.loads(text))

    assert answer.status_code == 200, answer.text
    assert answer.json()["explanation"] is not None
    assert answer.json()["abstained"] is None
