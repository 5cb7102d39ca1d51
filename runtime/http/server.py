"""uvicorn, as our workers run it: bounds on a request's head, a clean stop, and the worker's health beside it."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI

from runtime import stopping
from runtime.health import Health
from runtime.http.wire import LimitedHttp

_GRACE_S = 5
_KEEP_ALIVE_S = 75  # longer than clients keep idle connections, so that none is closed while one is reused
_UNTAKEN_MS = 30_000
_BACKLOG = 2_048


class Server(uvicorn.Server):
    """Stops on SIGTERM and SIGINT without raising the signal once more, so that a clean stop is exit code 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        stopping.on_signal(partial(self.handle_exit, signal.SIGTERM, None), asyncio.get_running_loop())
        yield


def configuration(app: FastAPI, host: str, port: int, **more: Any) -> uvicorn.Config:
    """How an application is served. more: further options of uvicorn.Config."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=_KEEP_ALIVE_S,
        server_header=False,
        http=LimitedHttp,
        backlog=_BACKLOG,
        **more,
    )


def listening(config: uvicorn.Config) -> socket.socket:
    """The socket to serve on. A client that takes nothing for a while is cut off by the kernel, where that can do it:
    nobody else ends a connection whose last bytes are never taken.
    """
    made = config.bind_socket()
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNTAKEN_MS)
    return made


async def serve(server: uvicorn.Server, health: Health, check: Callable[[], str | None]) -> None:
    """Serve until the server is told to stop. Raises SystemExit where the port cannot be had.

    check: called every second; why the worker cannot do its work now, None when it can. It may stop the server.
    """
    serving = asyncio.create_task(server.serve([listening(server.config)]))
    while not serving.done():
        reason = check() if server.started and not server.should_exit else "not serving"
        health.ready(reason is None, reason or "")
        health.beat()
        await asyncio.wait([serving], timeout=1.0)
    health.ready(False)
    serving.result()
