"""The `api` worker: uvicorn around the application."""

from __future__ import annotations

import logging
import socket

import uvicorn
import uvloop
from fastapi import FastAPI

from api.app import create_app
from api.stream.service import Stream
from runtime import health
from runtime.http import server
from runtime.http.server import Server
from runtime.settings import Settings


class ApiServer(Server):
    """Clients of the stream are told before their connections are closed."""

    def __init__(self, config: uvicorn.Config, stream: Stream) -> None:
        super().__init__(config)
        self._stream = stream

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
    return server.configuration(
        app,
        settings.api_host,
        settings.api_port,
        proxy_headers=bool(settings.proxies()),
        forwarded_allow_ips=list(settings.proxies()),
        ssl_certfile=settings.api_tls_cert,
        ssl_keyfile=None if settings.api_tls_key is None else str(settings.api_tls_key),
        ws="websockets-sansio",
        ws_max_size=settings.stream_message_bytes_max,
        ws_ping_interval=settings.stream_ping_ms / 1_000,
        ws_ping_timeout=settings.stream_ping_ms / 1_000,
        ws_per_message_deflate=False,
    )


def _is_no_handshake(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith('%s - "WebSocket')


async def _serve(settings: Settings) -> None:
    app = create_app(settings)
    lag = app.state.gateway.lag
    ours = ApiServer(configuration(app, settings), app.state.stream)

    def check() -> str | None:
        ours.should_exit = ours.should_exit or lag.failure is not None
        return None

    await server.serve(ours, health.serve(settings, "api"), check)
    if lag.failure is not None:
        raise lag.failure
