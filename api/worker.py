"""The `api` worker: uvicorn around the application."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
import uvloop
from fastapi import FastAPI

from api.app import create_app
from api.security.wire import LimitedHttp
from api.stream.service import Stream
from runtime import health, stopping
from runtime.settings import Settings

_GRACE_S = 5
_KEEP_ALIVE_S = 75  # longer than clients keep idle connections, so that none is closed while one is reused
_UNTAKEN_MS = 30_000
_BACKLOG = 2_048


class Server(uvicorn.Server):
    """Stops on SIGTERM and SIGINT without raising the signal once more, so that a clean stop is exit code 0.

    Clients of the stream are told before their connections are closed.
    """

    def __init__(self, config: uvicorn.Config, stream: Stream) -> None:
        super().__init__(config)
        self._stream = stream

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        stopping.on_signal(partial(self.handle_exit, signal.SIGTERM, None), asyncio.get_running_loop())
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._stream.stop()
        await super().shutdown(sockets)


def run(settings: Settings) -> None:
    """Serve on api_host:api_port until SIGTERM or SIGINT; what is under way is finished within 10 s.

    Raises InvalidValue for a host other than loopback without TLS, TopologyError when the topics have another
    number of partitions than this ledger, SystemExit where the port cannot be had.
    """
    uvloop.run(_serve(settings))


def configuration(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How the application is served. WebSockets are not compressed: a thousand compressors cost more than the bytes.

    uvicorn's line for each WebSocket is left out: it has the query, where somebody may put a token that is of no use.
    """
    logging.getLogger("uvicorn.error").addFilter(_is_no_handshake)
    return uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=_KEEP_ALIVE_S,
        server_header=False,
        http=LimitedHttp,
        proxy_headers=bool(settings.proxies()),
        forwarded_allow_ips=list(settings.proxies()),
        ssl_certfile=settings.api_tls_cert,
        ssl_keyfile=None if settings.api_tls_key is None else str(settings.api_tls_key),
        ws="websockets-sansio",
        ws_max_size=settings.stream_message_bytes_max,
        ws_ping_interval=settings.stream_ping_ms / 1_000,
        ws_ping_timeout=settings.stream_ping_ms / 1_000,
        ws_per_message_deflate=False,
        backlog=_BACKLOG,
    )


def _is_no_handshake(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith('%s - "WebSocket')


def listening(config: uvicorn.Config) -> socket.socket:
    """The socket to serve on. A client that takes nothing for a while is cut off by the kernel, where that can do it:
    nobody else ends a connection whose last bytes are never taken.
    """
    made = config.bind_socket()
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNTAKEN_MS)
    return made


async def _serve(settings: Settings) -> None:
    app = create_app(settings)
    server, state = Server(configuration(app, settings), app.state.stream), health.serve(settings, "api")
    lag = app.state.gateway.lag
    serving = asyncio.create_task(server.serve([listening(server.config)]))
    while not serving.done():
        state.ready(server.started and not server.should_exit)
        state.beat()
        server.should_exit = server.should_exit or lag.failure is not None
        await asyncio.wait([serving], timeout=1.0)
    state.ready(False)
    serving.result()
    if lag.failure is not None:
        raise lag.failure
