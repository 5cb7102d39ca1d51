"""The OpenAPI 3.1 document: what FastAPI makes, with every error response as a problem.

FastAPI describes its own validation error, HTTPValidationError, even where the handler is replaced: it is taken out.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import exact, links
from api.problems import MEDIA_TYPE, Problem

DESCRIPTION = """\
An event-sourced trading ledger. Commands (POST) are put on Kafka and answered 202; the ledger decides them, and the
reads (GET) show projections of its events, a moment later.

**There is no authentication.** Whoever reaches this API may trade. It therefore binds a loopback address, and refuses
any other unless `API_ALLOW_UNAUTHENTICATED=true` is set.

- Money, prices and quantities are decimal strings in both directions; a JSON number is refused.
- Times are RFC 3339, UTC, with microseconds. Fields are snake_case; unknown fields are refused.
- Errors are RFC 9457 problems (`application/problem+json`) with a stable `code`.
- Lists are newest first; pass a page's `cursor` back, with the same filters, while `has_more` is true. They come as
  JSON, CSV or Arrow, as `Accept` says.
- `min_position` of a read is the `position` that a command was answered with: it waits for what that has caused.
- Before any operation: 404 where nothing is at a path, 405 with `Allow` for a method that it does not have, 414 for
  a URL of more than 8,192 bytes. HEAD is answered as GET without content, OPTIONS with `Allow`.
- Every response has `X-Request-Id` and `traceparent`; both are taken from the request where they are well formed.
- A retry is free: the same `client_order_id` or `Idempotency-Key` with the same content is one command.
"""
_SCHEMAS = "#/components/schemas/"
_WRITE = {
    "400": "the body is not JSON, or a required header is missing",
    "409": "IDEMPOTENCY_KEY_IN_USE: a request with this Idempotency-Key is under way; try again after Retry-After",
    "413": "the body is too large",
    "415": "the body's type is not application/json",
    "422": "a field or parameter breaks a rule, or an id is used again with other content",
    "500": "an unexpected error",
    "503": "try again after Retry-After, with the same id. LEDGER_BEHIND: the ledger lags, nothing was sent; "
    "ENGINE_BEHIND: the engine has all the orders that it may have, nothing was sent; "
    "KAFKA_QUEUE_FULL: too many commands wait for Kafka, nothing was sent; "
    "KAFKA_UNAVAILABLE: no broker can be reached, nothing was sent; "
    "KAFKA_OUTCOME_UNKNOWN: Kafka did not answer, the command may have been taken",
}
_ASK = {name: _WRITE[name] for name in ("400", "413", "415", "500")} | {
    "404": "it does not exist, or is not projected yet",
    "412": "the projections do not include min_position in time, or it is no place of this ledger",
    "422": "a field or parameter breaks a rule, or the ledger would refuse it, with its code",
    "503": "the database does not answer in time; try again after Retry-After",
}
_READ = {
    "400": "the cursor is damaged or belongs to another list",
    "404": "not known, or not projected yet",
    "406": "Accept names none of the forms of this list",
    "412": "PROJECTION_BEHIND: the projections do not include min_position in time, try again after Retry-After; "
    "POSITION_UNKNOWN: it is no place of this ledger",
    "422": "a parameter breaks a rule",
    "500": "an unexpected error",
    "503": "the database does not answer",
}
_PLAIN = {"500": "an unexpected error"}


def install(app: FastAPI) -> None:
    """Make `app.openapi` give the patched document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                openapi_version="3.1.0",
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
                servers=[{"url": "/"}],
            )
            app.openapi_schema = _patched(made)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI documents this way of extending it


def _patched(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    problem = Problem.model_json_schema(ref_template=_SCHEMAS + "{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, description in _errors(path, method, operation).items():
                operation["responses"][status] = _problem_response(status, description)
    links.add(document)
    exact.refine(document)
    return document


def _errors(path: str, method: str, operation: dict[str, Any]) -> dict[str, str]:
    """The error responses of an operation by status."""
    if path.endswith("/preview"):
        return _ASK
    if method in ("post", "patch"):
        return _WRITE
    if path == "/readyz":
        return _PLAIN | {"503": "Kafka or the database is missing"}
    if path.startswith("/api/backtest"):
        return {name: _READ[name] for name in ("404", "422", "500")}
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    if not names:
        return _PLAIN
    unfit = set() if "cursor" in names else {"400", "406"}
    unfit |= set() if "min_position" in names else {"412"}
    unfit |= {"404"} if "{" not in path or path.endswith(("/rejections", "/rebalances")) else set()
    return {status: text for status, text in _READ.items() if status not in unfit}


def _problem_response(status: str, description: str) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": _SCHEMAS + "Problem"}}},
    }
    if status in ("409", "503"):
        response["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    return response
