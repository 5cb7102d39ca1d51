"""The `inference` worker: uvicorn around the application."""

from __future__ import annotations

import uvloop

from models.service.app import create_app
from models.service.system_routes import unready
from models.service.warm import Warm
from runtime import health
from runtime.http import server
from runtime.settings import Settings


def run(settings: Settings) -> None:
    """Serve on model_service_host:model_service_port until SIGTERM or SIGINT; what is under way is finished.

    Raises InvalidValue for a host other than loopback without a token, SystemExit where the port cannot be had.
    """
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    app = create_app(settings)
    warm: Warm = app.state.warm
    serving = server.Server(server.configuration(app, settings.model_service_host, settings.model_service_port))

    def check() -> str | None:
        serving.should_exit = serving.should_exit or warm.failure is not None
        return unready(warm)

    await server.serve(serving, health.serve(settings, "inference"), check)
    if warm.failure is not None:
        raise warm.failure
