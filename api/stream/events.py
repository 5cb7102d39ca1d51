"""`GET /api/stream/events`: the same stream as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api.fields import AccountId, Symbol
from api.problems import ProblemError, unavailable
from api.stream import messages as m
from api.stream.client import Client
from api.stream.closing import FORBIDDEN, GOING_AWAY, INTERNAL, TOO_MANY_CONNECTIONS
from api.stream.service import Refusal, Stream
from api.stream.session import Refused, Session
from api.stream.views import Channel, Interval

router = APIRouter()


class StreamFilters(BaseModel):
    """What to follow; names are repeated: `channels=orders&channels=fills`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: list[Channel] = Field(min_length=1, max_length=9)
    symbols: list[Symbol] | None = Field(None, min_length=1, max_length=m.NAMES_MAX)
    accounts: list[AccountId] | None = Field(None, min_length=1, max_length=m.NAMES_MAX)
    intervals: list[Interval] | None = Field(None, min_length=1, max_length=5, description="of bars; 1d without it")
    from_seq: int | None = Field(None, ge=0, le=2**63 - 1, description="what this client has; Last-Event-ID goes first")


@router.get(
    "/api/stream/events",
    operation_id="follow_stream",
    tags=["stream"],
    summary="What changes, as server-sent events; the WebSocket /api/stream says the same",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "see /asyncapi.json"}
    },
)
async def follow_stream(
    request: Request,
    filters: Annotated[StreamFilters, Query()],
    last_event_id: Annotated[
        str | None, Header(pattern=r"^[0-9]{1,18}$", description="the last `id` that the client has")
    ] = None,
) -> StreamingResponse:
    stream: Stream = request.app.state.stream
    principal = await stream.access.authenticate(request)
    from_seq = filters.from_seq if last_event_id is None else int(last_event_id)
    asked = msgspec.convert({**filters.model_dump(), "from_seq": from_seq}, m.Subscribe)
    try:
        session = stream.admit(request, principal)
    except Refusal as refusal:
        raise _problem(refusal) from refusal
    try:
        await session.begin(asked)
    except BaseException as error:
        stream.leave(session, principal.user_id)
        if isinstance(error, Refused):
            raise _refused(error) from error
        raise
    return _Followed(stream, session, principal.user_id)


class _Followed(StreamingResponse):
    """The events of a session, which ends with the response, however that ends."""

    def __init__(self, stream: Stream, session: Session, user_id: str) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(_events(session.client), media_type="text/event-stream", headers=headers)
        self._leave = partial(stream.leave, session, user_id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


async def _events(client: Client) -> AsyncIterator[bytes]:
    while taken := await client.take():
        for payload, size in taken:
            yield payload.event
            client.sent(size)
    if client.closing is not None:
        closed = m.encode(m.Closed(client.closing.code, client.closing.name))
        yield b"event: closed\ndata: " + closed + b"\n\n"


def _problem(refusal: Refusal) -> ProblemError:
    closing = refusal.closing
    status = {FORBIDDEN: 403, TOO_MANY_CONNECTIONS: 429, GOING_AWAY: 503, INTERNAL: 500}[closing]
    headers = {"Retry-After": "5"} if status in (429, 503) else {}
    return ProblemError(status, closing.name, closing.meaning, headers=headers)


def _refused(error: Refused) -> ProblemError:
    if error.code == "DATABASE_UNAVAILABLE":
        return unavailable(error.code, error.detail)
    return ProblemError(403 if error.code == "FORBIDDEN" else 422, error.code, error.detail)
