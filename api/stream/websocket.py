"""`/api/stream`, the WebSocket: handshake, authentication, and the two directions of a connection."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from fastapi import APIRouter, WebSocket
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect

from api.problems import ProblemError
from api.security.principal import Principal
from api.stream import closing
from api.stream import messages as m
from api.stream.access import is_same_origin, with_token, without_cookie
from api.stream.closing import Closing
from api.stream.service import Refusal, Stream
from api.stream.session import Session
from runtime.settings import Settings

AUTH_WAIT_S = 5.0
_UNREADABLE_MAX = 10
_CLOSE_WAIT_S = 15.0

router = APIRouter()


@router.websocket("/api/stream")
async def follow(socket: WebSocket) -> None:
    """One client, from the handshake to its end."""
    stream: Stream = socket.app.state.stream
    await socket.accept()
    try:
        connection, principal = await _authenticated(stream, socket)
        session = stream.admit(connection, principal)
    except Refusal as refusal:
        await _close(socket, refusal.closing)
        return
    except WebSocketDisconnect:
        return
    user_id = principal.user_id
    try:
        await _serve(stream, socket, session)
    finally:
        stream.leave(session, user_id)


async def _serve(stream: Stream, socket: WebSocket, session: Session) -> None:
    """Until the client goes or is to go."""
    client = session.client
    sender = asyncio.create_task(_send(socket, session))
    receiver = asyncio.create_task(_receive(socket, session, stream.settings))
    ended = asyncio.create_task(client.ended())
    try:
        await asyncio.wait({sender, receiver, ended}, return_when=asyncio.FIRST_COMPLETED)
        if client.closing is not None:
            stream.hub.remove(client)  # nothing more is kept for it
            await asyncio.wait({sender}, timeout=_CLOSE_WAIT_S)  # so that a message that is on its way is whole
    finally:
        for task in (sender, receiver, ended):
            task.cancel()
        results = await asyncio.gather(sender, receiver, ended, return_exceptions=True)
    gone = any(isinstance(result, WebSocketDisconnect) for result in results)
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
            client.close(closing.INTERNAL)
            await _close(socket, closing.INTERNAL)
            raise result
    if client.closing is not None and not gone:
        await _close(socket, client.closing)


async def _close(socket: WebSocket, why: Closing) -> None:
    """Say why, behind what the client has not taken yet; one that takes nothing at all is left to the kernel."""
    with suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
        async with asyncio.timeout(_CLOSE_WAIT_S):
            await socket.close(why.code, why.name)


async def _authenticated(stream: Stream, socket: WebSocket) -> tuple[HTTPConnection, Principal]:
    """By the handshake's header, by its cookie where the page is ours, or by the first message. Raises Refusal."""
    connection: HTTPConnection = socket
    is_ours = is_same_origin(socket.headers)
    if not is_ours:
        connection = without_cookie(socket)
    try:
        return connection, await stream.access.authenticate(connection)
    except ProblemError as problem:
        if problem.status != 401 or "authorization" in socket.headers:
            raise Refusal(_closing_of(problem)) from problem
    return await _by_message(stream, socket)


async def _by_message(stream: Stream, socket: WebSocket) -> tuple[HTTPConnection, Principal]:
    try:
        async with asyncio.timeout(AUTH_WAIT_S):
            message = m.read(await _text(socket))
    except (TimeoutError, m.Unreadable) as error:
        raise Refusal(closing.UNAUTHENTICATED) from error
    if not isinstance(message, m.Auth):
        raise Refusal(closing.UNAUTHENTICATED)
    connection = with_token(socket, message.token)
    try:
        return connection, await stream.access.authenticate(connection)
    except ProblemError as problem:
        raise Refusal(_closing_of(problem)) from problem


def _closing_of(problem: ProblemError) -> Closing:
    """A credential in the URL (400) is none."""
    known = {400: closing.UNAUTHENTICATED, 401: closing.UNAUTHENTICATED, 403: closing.FORBIDDEN}
    return known.get(problem.status, closing.INTERNAL)


async def _text(socket: WebSocket) -> str:
    """The next message. Raises Refusal on a binary one, WebSocketDisconnect when the client has gone."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text: str | None = message.get("text")
    if text is None:
        raise Refusal(closing.BINARY)
    return text


async def _send(socket: WebSocket, session: Session) -> None:
    client = session.client
    while taken := await client.take():
        for payload, size in taken:
            await socket.send_text(payload.text)
            client.sent(size)


async def _receive(socket: WebSocket, session: Session, settings: Settings) -> None:
    """Raises WebSocketDisconnect when the client has gone; returns when it is to go."""
    client, unreadable = session.client, 0
    pace = Pace(settings.stream_messages_per_s_max)
    while client.closing is None:
        wait_s = None if session.follows else settings.stream_idle_ms / 1_000
        try:
            async with asyncio.timeout(wait_s):
                text = await _text(socket)
        except TimeoutError:
            client.close(closing.IDLE)
            return
        except Refusal as refusal:
            client.close(refusal.closing)
            return
        if not pace.allows():
            client.close(closing.TOO_MANY_MESSAGES)
            return
        try:
            await _obey(session, m.read(text))
        except m.Unreadable as error:
            unreadable += 1
            session.say(m.Error("MESSAGE_UNREADABLE", str(error)))
            if unreadable >= _UNREADABLE_MAX:
                client.close(closing.PROTOCOL)


async def _obey(session: Session, message: m.Incoming) -> None:
    match message:
        case m.Subscribe():
            await session.subscribe(message)
        case m.Unsubscribe():
            await session.unsubscribe(message)
        case m.Ping(text):
            session.say(m.Pong(text))
        case m.Auth():
            session.say(m.Error("AUTHENTICATED_ALREADY", "a connection has one credential, from its beginning on"))


class Pace:
    """A bucket of messages: so many a second, and twice as many at once."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._left = 2 * per_s
        self._at = time.monotonic()

    def allows(self) -> bool:
        now = time.monotonic()
        self._left = min(2 * self._per_s, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
