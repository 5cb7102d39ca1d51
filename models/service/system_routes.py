"""Liveness, readiness and metrics.

Ready means that a model is loaded and warm. Without Redis, or while the alias cannot be followed, the service is
degraded, not down: it computes what it would have kept, and the last good model serves.
"""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import Field

from models.service.access import Token
from models.service.bodies import ModelId
from models.service.cache import Cache
from models.service.desk import model_id
from models.service.warm import Warm
from runtime.http.exposition import add_metrics
from runtime.http.fields import View
from runtime.http.problems import unavailable

router = APIRouter(tags=["system"])


class Liveness(View):
    status: Literal["alive"] = "alive"


class Details(View):
    model: ModelId = Field(description="what serves where a request names no model")
    problem: str | None = Field(description="why the alias is not followed now: the last good model serves")
    redis: Literal["up", "down", "off"] = Field(description="off: MODEL_CACHE_TTL_S is 0, or there is no REDIS_URL")


class Readiness(View):
    status: Literal["ready", "degraded"] = Field(description="degraded: Redis is away, or there is a problem")
    details: Details | None = Field(description="null for callers without the token, where there is one")


@router.get("/livez", operation_id="livez", summary="Whether the process serves")
async def livez() -> Liveness:
    return Liveness()


@router.get("/readyz", operation_id="readyz", summary="Whether there is a model to serve")
async def readyz(request: Request) -> Readiness:
    warm: Warm = request.app.state.warm
    cache: Cache = request.app.state.cache
    token: Token = request.app.state.token
    is_known = token.admits(request.headers)
    if warm.champion is None:
        raise unavailable("MODEL_MISSING", f"not ready: {unready(warm) if is_known else 'there is no model yet'}")
    redis: Literal["up", "down", "off"] = "off" if not cache.is_on else "up" if await cache.is_there() else "down"
    is_well = warm.problem is None and redis != "down"
    details = Details(model=model_id(warm.champion), problem=warm.problem, redis=redis)
    return Readiness(status="ready" if is_well else "degraded", details=details if is_known else None)


def unready(warm: Warm) -> str | None:
    """Why there is nothing to serve; None when there is."""
    if warm.champion is not None:
        return None
    return f"there is no model yet{'' if warm.problem is None else f': {warm.problem}'}"


add_metrics(router, "/metrics")
