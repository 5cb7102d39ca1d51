"""The API's errors: problem details (runtime.http.problems), with the codes of its own field types."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from domain.errors import TopologyError
from runtime.http import problems
from runtime.http.problems import (
    MEDIA_TYPE,
    FieldProblem,
    Problem,
    ProblemError,
    moved,
    path_not_found,
    refused,
    render,
    unavailable,
)

_CODES = {
    "decimal_not_string": "DECIMAL_NOT_STRING",
    "decimal_unreadable": "DECIMAL_UNREADABLE",
    "day_unreadable": "DAY_UNREADABLE",
}
_HEADER_CODES = {"idempotency-key": "IDEMPOTENCY_KEY_MISSING"}


def install(app: FastAPI) -> None:
    """Turn every error of the application into a problem."""
    problems.install(app, _CODES, _HEADER_CODES)
    app.add_exception_handler(TopologyError, _on_topology)


async def _on_topology(request: Request, error: Exception) -> Response:
    return render(request.scope, unavailable("TOPICS_ALTERED", str(error), retry_after_s=30))


__all__ = [
    "MEDIA_TYPE",
    "FieldProblem",
    "Problem",
    "ProblemError",
    "install",
    "moved",
    "path_not_found",
    "refused",
    "render",
    "unavailable",
]
