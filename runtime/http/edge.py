"""What is decided by a request's first line alone, as the OpenAPI document has it. Plain ASGI.

A path means its most concrete template (OpenAPI 3.1, section 4.8.8.2): `/api/orders/batch` is no order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.http.problems import FieldProblem, ProblemError, path_not_found, render

URL_BYTES_MAX = 8_192
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_PARAMETER = re.compile(r"\\\{[^/]+?\\\}")


class Operation(NamedTuple):
    """What the document says of a method of a path.

    single: query parameters that are not lists. is_stream: its answer has no end.
    """

    single: frozenset[str]
    takes_body: bool
    is_stream: bool


class Resource(NamedTuple):
    """A path of the document. allow: the header's value."""

    pattern: re.Pattern[str]
    operations: Mapping[str, Operation]
    allow: str


class Resources:
    """The document's paths, by how many segments they have, the most concrete first."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._by_length: dict[int, list[Resource]] = {}
        for path in sorted(document["paths"], key=lambda path: path.count("{")):
            self._by_length.setdefault(path.count("/"), []).append(_resource(path, document["paths"][path]))

    def find(self, path: str) -> Resource | None:
        same_length = self._by_length.get(path.count("/"), ())
        return next((resource for resource in same_length if resource.pattern.fullmatch(path)), None)


class Edge:
    """Refuses URLs that are too long (414), methods that a path does not have (405) and parameters given twice (422).

    Answers OPTIONS, and HEAD wherever there is GET (RFC 9110, sections 9.3.2 and 9.3.7). Paths that the document does
    not have may be read, where the router has them, and never written to. `scope["state"]["takes_body"]` tells what
    comes after whether there is to be a body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._resources: Resources | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            resource = self._find(scope)
        except ProblemError as problem:
            await render(scope, problem)(scope, receive, send)
            return
        if resource is not None and scope["method"] == "OPTIONS":
            await Response(status_code=204, headers={"Allow": resource.allow})(scope, receive, send)
        elif resource is not None and scope["method"] == "HEAD":
            await self._head(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _find(self, scope: Scope) -> Resource | None:
        """Raises ProblemError."""
        size = len(scope.get("raw_path") or scope["path"].encode()) + len(scope["query_string"])
        if size > URL_BYTES_MAX:
            detail = f"expected a URL of at most {URL_BYTES_MAX} bytes, it had {size}"
            raise ProblemError(414, "URL_TOO_LONG", detail)
        if self._resources is None:
            app: FastAPI = scope["app"]
            self._resources = Resources(app.openapi())
        resource = self._resources.find(scope["path"])
        if resource is None and scope["method"] not in SAFE_METHODS:
            raise path_not_found(scope["path"])
        if resource is None or scope["method"] == "OPTIONS":
            return resource
        is_head = scope["method"] == "HEAD"
        operation = resource.operations.get("GET" if is_head else scope["method"])
        if operation is None or (is_head and operation.is_stream):
            detail = f"{scope['method'][:32]} is not allowed here; allowed: {resource.allow}"
            raise ProblemError(405, "METHOD_NOT_ALLOWED", detail, headers={"Allow": resource.allow})
        _check_single(scope, operation.single)
        scope.setdefault("state", {})["takes_body"] = operation.takes_body
        return resource

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As GET, without the content."""
        is_over = False

        async def send_head(message: Message) -> None:
            nonlocal is_over
            if message["type"] == "http.response.start":
                await send(message)
            elif not is_over:
                is_over = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        inner = {**scope, "method": "GET"}
        await self._app(inner, receive, send_head)
        scope["route"] = inner.get("route")


def _resource(path: str, item: Mapping[str, Any]) -> Resource:
    pattern = re.compile(_PARAMETER.sub("[^/]+", re.escape(path)))
    operations = {method.upper(): _operation(value) for method, value in item.items() if isinstance(value, dict)}
    implied = {"OPTIONS"} | ({"HEAD"} if "GET" in operations and not operations["GET"].is_stream else set())
    return Resource(pattern, operations, ", ".join(sorted(implied | operations.keys())))


def _operation(described: Mapping[str, Any]) -> Operation:
    queries = [parameter for parameter in described.get("parameters", ()) if parameter["in"] == "query"]
    single = frozenset(parameter["name"] for parameter in queries if "array" not in _types(parameter["schema"]))
    content = described.get("responses", {}).get("200", {}).get("content", {})
    return Operation(single, "requestBody" in described, "text/event-stream" in content)


def _types(schema: Mapping[str, Any]) -> Iterator[str]:
    if "type" in schema:
        yield schema["type"]
    for inner in schema.get("anyOf", ()):
        yield from _types(inner)


def _check_single(scope: Scope, single: frozenset[str]) -> None:
    """Raises ProblemError 422: which of two values counts, clients, proxies and we may see differently."""
    if sum(name == b"idempotency-key" for name, _ in scope["headers"]) > 1:
        raise _repeated("header:Idempotency-Key")
    query: bytes = scope["query_string"]
    if b"&" not in query:
        return
    names = Counter(name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    for name in single:
        if names[name] > 1:
            raise _repeated(f"query:{name}")


def _repeated(parameter: str) -> ProblemError:
    detail = f"expected {parameter} once, it was given more often"
    error = FieldProblem(code="PARAMETER_REPEATED", detail=detail, parameter=parameter)
    return ProblemError(422, "PARAMETER_REPEATED", detail, errors=[error])
