"""What FastAPI leaves inexact in an OpenAPI document: parameters that could be null, and the headers of responses."""

from __future__ import annotations

from typing import Any

_REQUEST_ID = {
    "description": "names the request in our log; that of the request's X-Request-Id where it was well formed",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"},
}
_TRACEPARENT = {
    "description": "W3C Trace Context; of the request's trace where it was well formed",
    "required": True,
    "schema": {"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
}
_EVERYWHERE = {"X-Request-Id": _REQUEST_ID, "traceparent": _TRACEPARENT}
_LATER = "2011-07-01T21:00:00.000000Z"
"""The example of an end: a day after that of any time, so that both together are a period."""
_ALWAYS = {"Location": "^/", "ETag": '^"[!#-~]+"$'}
"""Headers of successes that are never missing where they are named, and their patterns."""


def refine(document: dict[str, Any]) -> None:
    """Make parameters and headers exact, in place."""
    document["components"]["headers"] = _EVERYWHERE
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = _not_null(parameter["schema"])
                if parameter["name"] == "to" and parameter["schema"].get("format") == "date-time":
                    parameter["schema"] = parameter["schema"] | {"examples": [_LATER]}
            responses = operation["responses"]
            if "304" in responses:
                responses["304"].setdefault("headers", {"ETag": dict(responses["200"]["headers"]["ETag"])})
            for response in responses.values():
                _headers(response)


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out, never null."""
    kept = [inner for inner in schema.get("anyOf", ()) if inner != {"type": "null"}]
    if len(kept) != 1:
        return schema
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return {**kept[0], **rest}


def _headers(response: dict[str, Any]) -> None:
    headers = response.setdefault("headers", {})
    for name, header in headers.items():
        if name in _ALWAYS:
            header["required"] = True
            header["schema"] = {"type": "string", "pattern": _ALWAYS[name]}
    headers.update({name: {"$ref": f"#/components/headers/{name}"} for name in _EVERYWHERE})
