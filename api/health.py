"""Liveness, readiness and metrics.

Ready means that the database and Kafka answer. Without Redis the API is degraded, not down: it only makes repeats fast.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Literal

from confluent_kafka import KafkaException
from fastapi import APIRouter, Request
from pydantic import Field
from redis.exceptions import RedisError

from api.fields import View
from api.problems import FieldProblem, ProblemError
from api.security.access import Access
from runtime.http.exposition import add_metrics

router = APIRouter(tags=["system"])
_log = logging.getLogger(__name__)
State = Literal["up", "down"]
_FAILURES = (ProblemError, KafkaException, RedisError, OSError, TimeoutError)


class Liveness(View):
    status: Literal["alive"] = "alive"


class Readiness(View):
    status: Literal["ready", "degraded"] = Field(
        description="degraded: Redis is missing, repeats are decided by the ledger"
    )
    dependencies: dict[str, State] | None = Field(
        description="null for callers without a credential", examples=[{"kafka": "up", "database": "up", "redis": "up"}]
    )


@router.get("/livez", operation_id="livez", summary="Whether the process serves")
async def livez() -> Liveness:
    return Liveness()


@router.get("/readyz", operation_id="readyz", summary="Whether what it needs is there")
async def readyz(request: Request) -> Readiness:
    """503 names each missing dependency, to those who come with a credential."""
    gateway, database = request.app.state.gateway, request.app.state.database
    probes = {
        "kafka": asyncio.to_thread(gateway.producer.probe),
        "database": database.probe(),
        "redis": gateway.cache.probe(),
    }
    results = dict(zip(probes, await asyncio.gather(*map(_state, probes.values())), strict=True))
    is_known = await _is_known(request)
    missing = [name for name in ("kafka", "database") if results[name] == "down"]
    if missing:
        raise ProblemError(
            503,
            "DEPENDENCY_MISSING",
            f"not ready: {' and '.join(missing) if is_known else 'a server'} cannot be reached",
            errors=[
                FieldProblem(
                    code="DEPENDENCY_MISSING", detail=f"{name} cannot be reached", parameter=f"dependency:{name}"
                )
                for name, state in results.items()
                if state == "down" and is_known
            ],
            headers={"Retry-After": "1"},
        )
    status = "ready" if results["redis"] == "up" else "degraded"
    return Readiness(status=status, dependencies=results if is_known else None)


async def _is_known(request: Request) -> bool:
    """Whether the caller has a valid credential, which nobody needs here."""
    if not {"authorization", "x-api-key", "cookie"} & set(request.headers.keys()):
        return False
    access: Access = request.app.state.access
    try:
        await access.authenticate(request)
    except ProblemError:
        return False
    return True


async def _state(probe: Any) -> State:
    try:
        await probe
    except _FAILURES as error:
        _log.warning("not ready: %s", error)
        return "down"
    return "up"


add_metrics(router, "/api/metrics")
