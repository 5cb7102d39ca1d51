"""The OpenAPI 3.1 document of the inference service: its errors, and its token."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from models.service.access import PUBLIC_PATHS
from runtime.http import openapi
from runtime.http.openapi import problem_response

DESCRIPTION = """\
What the trading models say of feature rows, with their reasons. Internal: it listens on its own machine, or asks for a
token (`Authorization: Bearer`).

- A request names a model as `name@alias` or `name/version`, or none: then the champion answers. The answer names the
  version and the SHA-256 of its file.
- Features are JSON numbers by name. NaN and infinity are no JSON, and are refused.
- An alias that moves is followed while requests are answered: each answer is wholly of one version.
- When the registry is away or a new version is damaged, the last good one answers, and `problem` says so.
- Errors are RFC 9457 problems (`application/problem+json`) with a stable `code`.
"""
_PREDICT = {
    "400": "the body is not JSON",
    "404": "MODEL_UNKNOWN, MODEL_ALIAS_UNKNOWN, MODEL_VERSION_UNKNOWN: there is no such model",
    "408": "the body came too slowly",
    "413": "the body is too large",
    "415": "the body's type is not application/json",
    "422": "a field breaks a rule. MODEL_FEATURES_MISMATCH: a feature is missing or unknown; MODEL_ROWS_MISMATCH: the "
    "model looks at another number of rows; MODEL_ROWS_NOT_FINITE: a number is too large for it",
    "500": "an unexpected error",
    "503": "try again after Retry-After. MODEL_MISSING: there is no model yet; MODEL_UNREADABLE: the version that was "
    "asked for is damaged, or was made for other features; SERVICE_BUSY: too many requests are under way",
}
_BATCH = {name: text for name, text in _PREDICT.items() if name != "404"} | {
    "422": "BATCH_SIZE: too many items, or none; or the body has another form",
    "503": "SERVICE_BUSY: too many requests are under way; try again after Retry-After",
}
ERRORS: dict[str, dict[str, str]] = {
    "predict": _PREDICT,
    "predict_batch": _BATCH,
    "list_models": {"500": "an unexpected error"},
    "get_model": {
        "404": "there is no such version",
        "422": "the version is no number",
        "500": "an unexpected error",
    },
    "livez": {"500": "an unexpected error"},
    "readyz": {"500": "an unexpected error", "503": "MODEL_MISSING: there is no model yet"},
    "get_metrics": {"500": "an unexpected error"},
}
_TOKEN = {"type": "http", "scheme": "bearer", "description": "MODEL_SERVICE_TOKEN, where there is one"}


def install(app: FastAPI) -> None:
    """Make `app.openapi` give the document."""
    openapi.install(app, _finish)


def _finish(document: dict[str, Any]) -> None:
    document["components"]["securitySchemes"] = {"token": _TOKEN}
    document["security"] = [{"token": []}]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            errors = {"503": "REQUEST_TIMEOUT: not answered in time"} | ERRORS[operation["operationId"]]
            if path in PUBLIC_PATHS:
                operation["security"] = []
            else:
                errors["401"] = "TOKEN_INVALID: the token is missing or another"
            for status, description in sorted(errors.items()):
                operation["responses"][status] = problem_response(status, description)
