"""The OpenAPI 3.1 document of the API: which errors, rights and links its operations have."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from api import links
from api.security.policy import POLICIES, Policy
from runtime.http import openapi
from runtime.http.openapi import problem_response

DESCRIPTION = """\
An event-sourced trading ledger. Commands (POST) are put on Kafka and answered 202; the ledger decides them, and the
reads (GET) show projections of its events, a moment later.

**Every call needs a credential**: `Authorization: Bearer` with an API key or with an access token that was made from
one, or the cookie of a browser's session, with its CSRF token where something changes. Never in the URL. What a
credential may do follows from its scopes and from its user's role; accounts that are not the caller's to read are
answered as if they were not there. docs/how-to/give-access.md says how to make users and keys.

- Money, prices and quantities are decimal strings in both directions; a JSON number is refused.
- Times are RFC 3339, UTC, with microseconds. Fields are snake_case; unknown fields are refused.
- Errors are RFC 9457 problems (`application/problem+json`) with a stable `code`.
- Lists are newest first, where nothing else is said; pass a page's `cursor` back, with the same filters, while
  `has_more` is true. They come as JSON, CSV or Arrow, as `Accept` says.
- `min_position` of a read is the `position` that a command was answered with: it waits for what that has caused.
- Before any operation: 404 where nothing is at a path, 405 with `Allow` for a method that it does not have, 414 for
  a URL of more than 8,192 bytes. HEAD is answered as GET without content, OPTIONS with `Allow`.
- Every response has `X-Request-Id` and `traceparent`; both are taken from the request where they are well formed.
- A caller has a quota of requests a minute: `RateLimit` says what is left of it, a 429's `Retry-After` when to go on.
- A retry is free: the same `client_order_id` or `Idempotency-Key` with the same content is one command.
"""
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
_END = {
    "404": _ASK["404"],
    "409": f"{_WRITE['409']}; BACKTEST_ENDED: it is over",
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
_GUARDED = {
    "400": "a credential stands in the URL, or the request is malformed",
    "401": "no valid credential",
    "403": "the credential may not do this, with the code that says why; or the CSRF token is missing",
    "408": "the body came too slowly",
    "429": "too many requests; Retry-After says when to come back",
    "431": "the headers are too large",
    "503": "a server that is needed does not answer; try again after Retry-After",
}
_ACCESS = {
    "400": "the body is not JSON, or a credential stands in the URL",
    "404": "not known, or not the caller's",
    "413": "the body is too large",
    "415": "the body's type is not application/json",
    "422": "a field breaks a rule",
    "500": "an unexpected error",
    "503": "Kafka, Redis or the database, whichever is needed, does not answer",
}
SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "an API key (`tk_…`), or an access token that POST /api/auth/token has made from one",
    },
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "the same, in a header of its own"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-tape_session",
        "description": "a browser's session, from POST /api/auth/session; what changes something needs X-CSRF-Token",
    },
}


def install(app: FastAPI) -> None:
    """Make `app.openapi` give the patched document."""

    openapi.install(app, _finish)


def _finish(document: dict[str, Any]) -> None:
    document["components"]["securitySchemes"] = SCHEMES
    document["security"] = [{name: []} for name in SCHEMES]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            policy = POLICIES.get(operation["operationId"], Policy())
            if policy.is_public:
                operation["security"] = []
            if policy.scopes:
                operation["description"] = _with_scopes(operation.get("description", ""), policy.scopes)
            errors = _errors(path, method, operation)
            guards = _GUARDED if not policy.is_public else {name: _GUARDED[name] for name in _public_guards(operation)}
            for status, description in sorted((guards | errors).items()):
                if status != "408" or "requestBody" in operation:
                    operation["responses"][status] = problem_response(status, description)
    links.add(document)
    _add_decided(document)


def _add_decided(document: dict[str, Any]) -> None:
    """A command's answer with what the ledger has decided is 200, and otherwise as that without it."""
    for operations in document["paths"].values():
        for operation in operations.values():
            names = {parameter["name"] for parameter in operation.get("parameters", ())}
            taken = operation["responses"].get("202")
            if taken is None or "prefer" not in {name.lower() for name in names}:
                continue
            applied = {"description": "wait=N, as it was asked for", "schema": {"type": "string"}}
            headers = taken["headers"] | {"Preference-Applied": applied}
            operation["responses"]["200"] = taken | {"description": "Decided, and projected", "headers": headers}


def _public_guards(operation: dict[str, Any]) -> tuple[str, ...]:
    """What may refuse a call that needs no credential; the secrets of some may be wrong."""
    return ("400", "401", "408", "429", "431") if "access" in operation.get("tags", ()) else ("400", "431")


def _with_scopes(text: str, scopes: frozenset[str]) -> str:
    needed = f"Needs the scope {' or '.join(f'`{name}`' for name in sorted(scopes))}."
    return f"{text}\n\n{needed}" if text else needed


def _errors(path: str, method: str, operation: dict[str, Any]) -> dict[str, str]:
    """The error responses of an operation by status, besides those that its guards give."""
    if "access" in operation.get("tags", ()):
        needless = set() if "requestBody" in operation else {"413", "415"}
        return {status: text for status, text in _ACCESS.items() if status not in needless}
    if path.endswith("/preview"):
        return _ASK
    if operation["operationId"] == "cancel_backtest":
        return _WRITE | _END
    if method in ("post", "patch"):
        return _WRITE
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    if not names:
        return _PLAIN | ({"503": "Kafka or the database is missing"} if path == "/readyz" else {})
    unfit = set() if "cursor" in names else {"400", "406"}
    unfit |= set() if "min_position" in names else {"412"}
    unfit |= {"404"} if "{" not in path else set()
    return {status: text for status, text in _READ.items() if status not in unfit}
