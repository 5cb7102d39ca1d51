"""What every OpenAPI 3.1 document of ours begins with: FastAPI's, with every error response as a problem.

FastAPI describes its own validation error, HTTPValidationError, even where the handler is replaced: it is taken out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from runtime.http import exact
from runtime.http.problems import MEDIA_TYPE, Problem

SCHEMAS = "#/components/schemas/"


def install(app: FastAPI, finish: Callable[[dict[str, Any]], None]) -> None:
    """Make `app.openapi` give the document that `finish` completes in place, made once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = _begun(app)
            finish(made)
            exact.refine(made)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI documents this way of extending it


def _begun(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        servers=[{"url": "/"}],
    )
    schemas = document["components"]["schemas"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    problem = Problem.model_json_schema(ref_template=SCHEMAS + "{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    return document


def problem_response(status: str, description: str) -> dict[str, Any]:
    """An error response of an operation."""
    response: dict[str, Any] = {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": SCHEMAS + "Problem"}}},
    }
    if status in ("409", "429", "503"):
        response["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    if status == "401":
        response["headers"] = {"WWW-Authenticate": {"description": "RFC 6750", "schema": {"type": "string"}}}
    return response
