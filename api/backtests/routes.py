"""Operations that ask for a backtest, or for its end. They stand between the two sides: the gateway sends, and the
query side knows whose a backtest is and whether it is over.
"""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from starlette.responses import JSONResponse

from api.backtests.bodies import BacktestAsked, BacktestRequest
from api.fields import BacktestPath
from api.gateway.bodies import IdempotencyKey, RequiredIdempotencyKey
from api.gateway.repeats import Outcome
from api.gateway.routes import COMMON, Sender
from api.prefer import preferred_wait_s
from api.problems import ProblemError
from api.query import backtests_sql
from api.query.database import Database, Row
from api.query.unknown import not_found
from api.security.rights import Caller, Rights
from domain.backtest_jobs import ENDED

router = APIRouter()
_EVERY_S = 0.1


class Watching:
    """Looks at jobs for one request. wait_s: how long the client would rather wait for an end; None: not at all."""

    def __init__(self, database: Database, wait_s: float | None) -> None:
        self._database, self._wait_s = database, wait_s

    async def job(self, backtest_id: str, wait_s: float, *, until_over: bool) -> Row | None:
        """The job, as soon as it is there or over; else as it is after wait_s. Raises ProblemError 503."""
        deadline = time.monotonic() + wait_s
        while True:
            async with self._database.snapshot() as snapshot:
                row = await backtests_sql.standing(snapshot, backtest_id)
            is_enough = row is not None and (not until_over or row["state"] in ENDED)
            if is_enough or time.monotonic() >= deadline:
                return row
            await asyncio.sleep(_EVERY_S)

    async def reply(self, outcome: Outcome) -> Response:
        """202, or 200 where the client waits and the backtest is over in time."""
        headers = {"Location": outcome.location} | ({"Idempotent-Replayed": "true"} if outcome.replayed else {})
        if self._wait_s is not None:
            try:
                row = await self.job(outcome.body["backtest_id"], self._wait_s, until_over=True)
            except ProblemError:  # it is asked for; whoever asks how far it is learns of the database
                row = None
            if row is not None:
                outcome.body["state"] = row["state"]
                if row["state"] in ENDED:
                    applied = {"Preference-Applied": f"wait={self._wait_s:g}"}
                    return JSONResponse(outcome.body, 200, headers=headers | applied)
        return JSONResponse(outcome.body, 202, headers=headers)


async def watching(
    request: Request,
    prefer: Annotated[
        str | None,
        Header(description="`wait=10`: answer 200 once the backtest is over, if it is within so many seconds"),
    ] = None,
) -> Watching:
    return Watching(request.app.state.database, preferred_wait_s(prefer))


Watch = Annotated[Watching, Depends(watching)]
_ASKED: dict[str, Any] = {"tags": ["backtests"], "response_model": BacktestAsked, **COMMON}


@router.post("/api/backtest", operation_id="request_backtest", summary="Run a strategy over past bars", **_ASKED)
async def request_backtest(
    sender: Sender, watch: Watch, caller: Caller, body: BacktestRequest, idempotency_key: RequiredIdempotencyKey
) -> Response:
    """It waits in a queue and runs in a process of its own. Whether its model is there is found when it runs: it fails
    then, with a code.
    """
    requested_by = caller.named(body.requested_by, "requested_by")
    return await watch.reply(await sender.backtests.request(body, requested_by, idempotency_key))


@router.post(
    "/api/backtests/{backtest_id}/cancel",
    operation_id="cancel_backtest",
    summary="End a backtest that waits or runs",
    **_ASKED,
)
async def cancel_backtest(
    request: Request,
    sender: Sender,
    watch: Watch,
    caller: Caller,
    backtest_id: BacktestPath,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """One's own; an admin anybody's. One that waits ends at once, one that runs within seconds; its result is not kept,
    however near it was. Of one that is cancelled already nothing changes.
    """
    job = await watch.job(backtest_id, request.app.state.settings.api_wait_s, until_over=False)
    if job is None:
        raise not_found("BACKTEST_UNKNOWN", f"backtest {backtest_id}")
    _check_own(request, caller, job)
    if job["state"] in ("DONE", "FAILED"):
        raise ProblemError(409, "BACKTEST_ENDED", f"expected a backtest that waits or runs; it is {job['state']}")
    named = caller.principal.user_id
    return await watch.reply(await sender.backtests.cancel(backtest_id, named, job["state"], idempotency_key))


def _check_own(request: Request, caller: Rights, job: Row) -> None:
    """Raises ProblemError 403; what an admin does to another's is put on record."""
    if job["requested_by"] == caller.principal.user_id:
        return
    if "admin" not in caller.principal.scopes:
        raise caller.refused("BACKTEST_FORBIDDEN", f"expected a backtest of {caller.principal.user_id}'s own")
    caller.access.privileged(request, caller.principal)
