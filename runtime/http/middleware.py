"""What happens around every request: ids, trace, metrics, limits of time, and the guard before the body is read.

Plain ASGI, so that nothing is buffered but the small JSON bodies of commands.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime import metrics, tracing
from runtime.http.problems import ProblemError, render

BODY_BYTES_MAX = 64 * 1024
_NO_OTHERS: Mapping[str, int] = MappingProxyType({})
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_log = logging.getLogger(__name__)


class RequestContext:
    """Gives each request an id and a span, counts it, and answers 500 with a problem when it fails unexpectedly.

    `X-Request-Id` and `traceparent` (W3C Trace Context) are taken from the request when they are well formed, and sent
    back with the response.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else f"http_{uuid.uuid4().hex}"
        with tracing.span(f"{scope['method']} {scope['path']}", headers.get("traceparent"), request_id=request_id):
            traceparent = tracing.traceparent()
            scope.setdefault("state", {}).update(request_id=request_id, trace_id=traceparent.split("-")[1])
            await self._serve(scope, receive, send, {"X-Request-Id": request_id, "traceparent": traceparent})

    async def _serve(self, scope: Scope, receive: Receive, send: Send, extra: dict[str, str]) -> None:
        started, status = time.perf_counter(), 0

        async def send_with_ids(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update(extra)
            await send(message)

        try:
            await self._app(scope, receive, send_with_ids)
        except Exception:
            _log.exception("unexpected error in %s %s", scope["method"], scope["path"])
            if status:  # the response has begun: the server must break it off
                raise
            problem = ProblemError(500, "INTERNAL_ERROR", "an unexpected error; the request id names it in our log")
            await render(scope, problem)(scope, receive, send_with_ids)
        finally:
            duration_ms = (time.perf_counter() - started) * 1_000
            _count(scope, status or 500, duration_ms)


def _count(scope: Scope, status: int, duration_ms: float) -> None:
    """One observation per request, under the route's template: raw paths would make endless series."""
    route = getattr(scope.get("route"), "path", "unmatched")
    method = (
        scope["method"] if scope["method"] in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "OTHER"
    )
    metrics.http_request_duration_ms.labels(method, route).observe(duration_ms)
    metrics.http_requests_total.labels(method, route, str(status)).inc()
    if status >= 400:
        metrics.http_request_errors_total.labels(method, route, str(status)).inc()
    _log.debug("%s %s %d", method, scope["path"], status, extra={"latency_ms": round(duration_ms, 3)})


class TimeLimit:
    """Ends a request that is not answered in time. An answer that has begun may take as long as it needs."""

    def __init__(self, app: ASGIApp, timeout_s: float) -> None:
        self._app = app
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_once_begun(message: Message) -> None:
            nonlocal begun
            if not begun:
                begun = True
                limit.reschedule(None)
            await send(message)

        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                await self._app(scope, receive, send_once_begun)
        except TimeoutError:
            if begun or not limit.expired():
                raise
            detail = f"expected an answer within {self._timeout_s:g} s; a command may have been taken: send it again"
            problem = ProblemError(503, "REQUEST_TIMEOUT", detail, headers={"Retry-After": "1"})
            await render(scope, problem)(scope, receive, send)


class JsonGuard:
    """Refuses bodies that are too large, no JSON, too deep or that name a field twice, before anything reads them.

    larger: paths whose bodies may be larger than BODY_BYTES_MAX, and how large. Of an operation that takes none, as
    runtime.http.edge knows, the body may be empty.
    """

    def __init__(self, app: ASGIApp, timeout_s: float = 10.0, larger: Mapping[str, int] = _NO_OTHERS) -> None:
        self._app = app
        self._timeout_s = timeout_s
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in {"POST", "PUT", "PATCH"}:
            await self._app(scope, receive, send)
            return
        try:
            bytes_max = self._larger.get(scope["path"], BODY_BYTES_MAX)
            may_lack = not scope.get("state", {}).get("takes_body", True)
            async with asyncio.timeout(self._timeout_s):
                body = await _read(Headers(scope=scope), receive, bytes_max, may_lack)
        except TimeoutError:
            detail = f"expected the whole body within {self._timeout_s:g} s"
            problem = ProblemError(408, "BODY_TOO_SLOW", detail, headers={"Connection": "close"})
            await render(scope, problem)(scope, receive, send)
            return
        except ProblemError as problem:
            await render(scope, problem)(scope, receive, send)
            return
        if body is None:  # the client has gone
            return
        sent = False

        async def replay() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)


async def _read(headers: Headers, receive: Receive, bytes_max: int, may_lack: bool) -> bytes | None:
    """The body, None when the client has gone. may_lack: b"" is one too. Raises ProblemError 400, 413, 415."""
    declared = headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:12]) > bytes_max:
        _too_large(bytes_max)
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > bytes_max:
            _too_large(bytes_max)
    body = b"".join(parts)
    if may_lack and not body:
        return body
    if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        given = headers.get("content-type", "none")[:64]
        raise ProblemError(415, "CONTENT_TYPE_NOT_JSON", f"expected Content-Type application/json, it was {given!r}")
    check_json(body)
    return body


def _too_large(bytes_max: int) -> NoReturn:
    raise ProblemError(413, "BODY_TOO_LARGE", f"expected a body of at most {bytes_max} bytes, it was larger")


def check_json(body: bytes) -> None:
    """Raises ProblemError 400 where `body` is not one JSON text (RFC 8259) in UTF-8 with unique names per object."""
    try:
        json.loads(body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_unique)
    except RecursionError as error:
        raise ProblemError(400, "JSON_TOO_DEEP", "the JSON is nested too deeply") from error
    except ValueError as error:
        raise ProblemError(400, "JSON_MALFORMED", f"the body is not JSON: {error}") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        twice = next(name for i, (name, _) in enumerate(pairs) if name in {n for n, _ in pairs[:i]})
        raise ValueError(f"the name {twice[:64]!r} stands twice in one object")
    return names
