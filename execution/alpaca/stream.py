"""The stream `trade_updates`: connect, authenticate, listen, and again when the connection is lost.

alpaca-py's TradingStream is not used: it starts an event loop of its own, reads JSON numbers as floats, reconnects
without telling anybody, so that nothing could be caught up, and is built on the deprecated client of `websockets`.
This is the same protocol on the engine's own loop, with the current client of the same package.

Frames are JSON, in binary frames from the paper host and in text frames elsewhere; both are read.
Source: docs.alpaca.markets, "Websocket Streaming".
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from domain.errors import UnavailableError
from execution.alpaca.access import Access
from execution.alpaca.backoff import Backoff
from execution.alpaca.wire import Unreadable, loads
from runtime import metrics

log = logging.getLogger(__name__)
# websockets logs whole frames at DEBUG, and the first one holds the secret key: this logger never says so much.
_frames_log = logging.getLogger(f"{__name__}.frames")
_frames_log.setLevel(logging.INFO)
_STREAM = "trade_updates"
_PING_EVERY_S, _PONG_WITHIN_S, _CLOSE_S = 10.0, 20.0, 1.0
_QUEUE_MAX = 1_024


class TradeStream:
    """on_message: each `data` of the stream, on the event loop. on_gap: something may have been missed."""

    def __init__(
        self,
        access: Access,
        timeout_s: float,
        backoff: Backoff,
        on_message: Callable[[Any], None],
        on_gap: Callable[[], None],
    ) -> None:
        self._access = access
        self._timeout_s = timeout_s
        self._backoff = backoff
        self._on_message = on_message
        self._on_gap = on_gap
        self._task: asyncio.Task[None] | None = None
        self._connection: ClientConnection | None = None
        self.received = 0

    async def start(self) -> asyncio.Task[None]:
        """Listen, and go on until stopped. Raises UnavailableError when that does not succeed at once."""
        connection = await self._listen()
        self._task = asyncio.create_task(self._run(connection), name="alpaca stream")
        return self._task

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])  # its failure, if it has one, is the follower's to tell
        if self._connection is not None:
            await self._connection.close()
        metrics.venue_stream_connected.set(0)

    async def _run(self, connection: ClientConnection) -> None:
        while True:
            await self._consume(connection)
            metrics.venue_stream_connected.set(0)
            metrics.venue_stream_losses_total.inc()
            connection = await self._listen_again()
            self._on_gap()

    async def _consume(self, connection: ClientConnection) -> None:
        """Pass on what comes until the connection is lost."""
        metrics.venue_stream_connected.set(1)
        try:
            async for frame in connection:
                self._pass_on(frame)
            log.warning("the venue has closed the stream")
        except (WebSocketException, OSError) as error:
            log.warning("the stream of the venue is lost: %s", error)
        finally:
            await connection.close()

    def _pass_on(self, frame: str | bytes) -> None:
        self.received += 1
        try:
            message = _message(frame)
            if message.get("stream") == _STREAM:
                self._on_message(message.get("data"))
        except Unreadable as error:
            log.error("a message of the stream cannot be read, asking the venue instead: %s", error)
            self._on_gap()

    async def _listen_again(self) -> ClientConnection:
        attempt = 0
        while True:
            attempt += 1
            await asyncio.sleep(self._backoff.wait_s("stream", attempt))
            try:
                return await self._listen()
            except UnavailableError as error:
                log.warning("the stream of the venue is not back after %s attempts: %s", attempt, error)

    async def _listen(self) -> ClientConnection:
        """A connection that has been let in and listens."""
        url = self._access.stream_url
        try:
            self._connection = connection = await connect(
                url,
                open_timeout=self._timeout_s,
                ping_interval=_PING_EVERY_S,
                ping_timeout=_PONG_WITHIN_S,
                close_timeout=_CLOSE_S,
                max_queue=_QUEUE_MAX,
                logger=_frames_log,
            )
        except (OSError, TimeoutError, WebSocketException) as error:
            status = f" with status {error.response.status_code}" if isinstance(error, InvalidStatus) else ""
            raise UnavailableError(f"{url} does not answer{status}: {type(error).__name__}") from error
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._enter(connection)
        except BaseException as error:
            await connection.close()
            if isinstance(error, OSError | TimeoutError | WebSocketException | Unreadable):
                raise UnavailableError(f"{url} does not let us listen: {type(error).__name__}") from error
            raise
        return connection

    async def _enter(self, connection: ClientConnection) -> None:
        keys = {
            "key_id": self._access.api_key.get_secret_value(),
            "secret_key": self._access.secret_key.get_secret_value(),
        }
        await connection.send(json.dumps({"action": "authenticate", "data": keys}))
        entered = await self._answer(connection, "authorization")
        if entered.get("status") != "authorized":
            raise UnavailableError(
                f"{self._access.stream_url} refuses ALPACA_API_KEY and ALPACA_SECRET_KEY; expected the status "
                f"authorized, it was {entered.get('status')!r}"
            )
        await connection.send(json.dumps({"action": "listen", "data": {"streams": [_STREAM]}}))
        listening = await self._answer(connection, "listening")
        if _STREAM not in (listening.get("streams") or ()):
            raise UnavailableError(f"{self._access.stream_url} does not offer {_STREAM} to this account")

    async def _answer(self, connection: ClientConnection, stream: str) -> dict[str, Any]:
        """The next message of a stream; updates that come before it are passed on."""
        while True:
            frame = await connection.recv()
            message = _message(frame)
            if message.get("stream") == stream:
                data = message.get("data")
                return data if isinstance(data, dict) else {}
            self._pass_on(frame)


def _message(frame: str | bytes) -> dict[str, Any]:
    message = loads(frame)
    if not isinstance(message, dict):
        raise Unreadable(f"expected an object, it was {frame[:100]!r}")
    return message
