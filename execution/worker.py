"""`tape worker engine`: one execution worker."""

from __future__ import annotations

import asyncio

import uvloop

from execution.adapters import make_venue
from execution.engine import Engine
from runtime import health, stopping
from runtime.settings import Settings


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then hand over what is held. Raises what the engine cannot get over."""
    venue = make_venue(settings)
    state = health.serve(settings, "engine")
    try:
        uvloop.run(_run(Engine(settings, venue), state))
    finally:
        state.close()


async def _run(engine: Engine, state: health.Health) -> None:
    stop = asyncio.Event()
    stopping.on_signal(stop.set, asyncio.get_running_loop())
    await engine.run(stop, state.ready, state.beat)
