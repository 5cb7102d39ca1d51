"""The inference service's application and its parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from models.service import model_routes, openapi, routes, system_routes
from models.service.access import Token, TokenGate, check_host
from models.service.accuracy import Accuracy
from models.service.cache import Cache
from models.service.desk import CODES, Desk
from models.service.shelf import Shelf
from models.service.warm import Warm
from runtime.http import problems
from runtime.http.edge import Edge
from runtime.http.middleware import JsonGuard, RequestContext, TimeLimit
from runtime.http.version import version
from runtime.settings import Settings

ROUTERS = (routes.router, model_routes.router, system_routes.router)
BODY_S_MAX, REQUEST_S_MAX = 10.0, 30.0
BODY_BYTES_MAX = 512 * 1024
"""512 rows, each of more numbers than there are features."""
BATCH_BYTES_MAX = 16 * 1024 * 1024


def create_app(settings: Settings) -> FastAPI:
    """The ASGI application; models are loaded when its lifespan begins.

    Raises InvalidValue where anybody could call it.
    """
    check_host(settings)
    app = FastAPI(
        title="tapeledger inference",
        version=version(),
        description=openapi.DESCRIPTION,
        lifespan=_lifespan,
        redirect_slashes=False,
        docs_url=None,  # these pages would load scripts from elsewhere
        redoc_url=None,
    )
    state = app.state
    state.settings, state.token = settings, Token(settings)
    state.warm, state.cache, state.shelf = Warm(settings), Cache(settings), Shelf(settings)
    state.desk = Desk(settings, state.warm, state.cache)
    state.accuracy = Accuracy(settings, state.warm.loaded)
    problems.install(app, CODES, {})
    for router in ROUTERS:
        app.include_router(router)
    openapi.install(app)
    larger = {"/predict": BODY_BYTES_MAX, "/predict/batch": BATCH_BYTES_MAX}
    app.add_middleware(JsonGuard, timeout_s=BODY_S_MAX, larger=larger)
    app.add_middleware(Edge)
    app.add_middleware(TokenGate, token=state.token)
    app.add_middleware(TimeLimit, timeout_s=REQUEST_S_MAX)
    app.add_middleware(RequestContext)  # added last: outermost
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.openapi()  # runtime.http.edge reads it: made now, and not while the first request waits
    warm: Warm = app.state.warm
    accuracy: Accuracy = app.state.accuracy
    cache: Cache = app.state.cache
    warm.start()
    accuracy.start()
    try:
        yield
    finally:
        await accuracy.stop()
        await warm.stop()
        await cache.close()
