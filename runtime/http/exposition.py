"""Metrics over HTTP, for a service that has a port of its own beside its worker's."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from runtime import metrics


def add_metrics(router: APIRouter, path: str) -> None:
    """An operation that gives all metrics of this process."""
    router.get(
        path,
        operation_id="get_metrics",
        summary="Prometheus metrics of this process",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )(get_metrics)


async def get_metrics() -> Response:
    content, media_type = metrics.exposition()
    return Response(content, media_type=media_type)
