"""The `api` worker: uvicorn around the application."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
import uvloop

from api.app import create_app
from api.security.wire import LimitedHttp
from runtime import health, stopping
from runtime.settings import Settings

_GRACE_S = 5
_KEEP_ALIVE_S = 75  # longer than clients keep idle connections, so that none is closed while one is reused


class _Server(uvicorn.Server):
    """Stops on SIGTERM and SIGINT without raising the signal once more, so that a clean stop is exit code 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        stopping.on_signal(partial(self.handle_exit, signal.SIGTERM, None), asyncio.get_running_loop())
        yield


def run(settings: Settings) -> None:
    """Serve on api_host:api_port until SIGTERM or SIGINT; what is under way is finished within 10 s.

    Raises InvalidValue for a host other than loopback without TLS, TopologyError when the topics have another
    number of partitions than this ledger, SystemExit where the port cannot be had.
    """
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    app = create_app(settings)
    config = uvicorn.Config(
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
    )
    server, state = _Server(config), health.serve(settings, "api")
    lag = app.state.gateway.lag
    serving = asyncio.create_task(server.serve())
    while not serving.done():
        state.ready(server.started and not server.should_exit)
        state.beat()
        server.should_exit = server.should_exit or lag.failure is not None
        await asyncio.wait([serving], timeout=1.0)
    state.ready(False)
    serving.result()
    if lag.failure is not None:
        raise lag.failure
