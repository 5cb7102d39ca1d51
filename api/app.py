"""The application: gateway and query side behind one port, apart in everything else."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from api import backtests, health, openapi, preview, problems
from api.gateway import routes as gateway_routes
from api.gateway.service import Gateway
from api.middleware import JsonGuard, RequestContext
from api.query import account_routes as query_account_routes
from api.query import books_routes as query_books_routes
from api.query import breaks_routes as query_breaks_routes
from api.query import market_routes as query_market_routes
from api.query import order_book_routes as query_order_book_routes
from api.query import portfolio_routes as query_portfolio_routes
from api.query import projections_routes as query_projections_routes
from api.query import reading
from api.query import rebalance_routes as query_rebalance_routes
from api.query import records_routes as query_records_routes
from api.query import risk_routes as query_risk_routes
from api.query import routes as query_routes
from api.query import transfer_routes as query_transfer_routes
from api.query.broker import Broker
from api.query.database import Database
from api.query.past import Past
from api.query.replica import Replica
from api.query.waiting import Waiting
from api.stream import asyncapi as stream_asyncapi
from api.stream import events as stream_events
from api.stream import websocket as stream_websocket
from api.stream.service import Stream
from domain.catalog import catalog
from domain.errors import InvalidValue
from runtime.settings import Settings

ROUTERS = (
    gateway_routes.router,
    preview.router,
    query_routes.router,
    query_account_routes.router,
    query_market_routes.router,
    query_portfolio_routes.router,
    query_books_routes.router,
    query_records_routes.router,
    query_transfer_routes.router,
    query_order_book_routes.router,
    query_rebalance_routes.router,
    query_risk_routes.router,
    query_breaks_routes.router,
    query_projections_routes.router,
    backtests.router,
    stream_events.router,
    stream_websocket.router,
    stream_asyncapi.router,
    health.router,
)


def create_app(settings: Settings) -> FastAPI:
    """The ASGI application; servers are contacted when its lifespan begins, and may come later.

    Raises InvalidValue where the API would be reachable from other machines and that was not allowed.
    """
    check_host(settings)
    app = FastAPI(
        title="tapeledger",
        version=_version(),
        description=openapi.DESCRIPTION,
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    app.state.gateway = Gateway(settings)
    app.state.database = Database(settings)
    app.state.broker = Broker(settings)
    app.state.waiting = Waiting(settings, app.state.database, app.state.broker)
    app.state.settings = settings
    app.state.symbols = settings.symbols()
    app.state.replica = Replica(settings, catalog(settings.symbols()))
    app.state.past = Past(settings, catalog(settings.symbols()))
    app.state.stream = Stream(settings, getattr(app.state, "access", None))
    problems.install(app)
    reading.install(app)
    for router in ROUTERS:
        app.include_router(router)
    openapi.install(app)
    app.add_middleware(JsonGuard)
    app.add_middleware(RequestContext)  # added last: outermost
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    gateway: Gateway = app.state.gateway
    database: Database = app.state.database
    stream: Stream = app.state.stream
    gateway.start()
    await database.open()
    await stream.start()
    try:
        yield
    finally:
        await stream.close()
        await asyncio.to_thread(gateway.stop)
        await gateway.cache.close()
        await database.close()


def check_host(settings: Settings) -> None:
    """There is no authentication yet: raises InvalidValue for a host other than loopback, unless that is allowed."""
    if settings.api_allow_unauthenticated or _is_loopback(settings.api_host):
        return
    raise InvalidValue(
        "API_HOST_NOT_LOOPBACK",
        f"API_HOST is {settings.api_host!r} and the API has no authentication: whoever reaches it may trade. "
        "Expected a loopback address such as 127.0.0.1, or API_ALLOW_UNAUTHENTICATED=true",
        api_host=settings.api_host,
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _version() -> str:
    try:
        return version("tapeledger")
    except PackageNotFoundError:
        return "0.0.0"
