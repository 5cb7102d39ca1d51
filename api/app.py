"""The application: gateway and query side behind one port, apart in everything else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware

from api import health, openapi, preview, problems
from api.backtests import routes as backtests_routes
from api.decisions import Decisions
from api.gateway import routes as gateway_routes
from api.gateway.service import Gateway
from api.query import account_routes as query_account_routes
from api.query import accuracy_routes as query_accuracy_routes
from api.query import backtests_routes as query_backtests_routes
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
from api.security import key_routes, policy, token_routes
from api.security.access import Access
from api.security.gate import Gate
from api.security.headers import ALLOWED, EXPOSED, SecurityHeaders
from api.security.hosts import check_host
from api.security.operations import Operations
from api.stream import asyncapi as stream_asyncapi
from api.stream import events as stream_events
from api.stream import websocket as stream_websocket
from api.stream.service import Stream
from domain.catalog import catalog
from runtime.http.edge import Edge
from runtime.http.middleware import JsonGuard, RequestContext, TimeLimit
from runtime.http.version import version
from runtime.settings import Settings

BATCH_BYTES_MAX = 512 * 1024
"""500 orders with every field at its longest."""

ROUTERS = (
    gateway_routes.router,
    preview.router,
    query_routes.router,
    query_accuracy_routes.router,
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
    backtests_routes.router,
    query_backtests_routes.router,
    token_routes.router,
    key_routes.router,
    stream_events.router,
    stream_websocket.router,
    stream_asyncapi.router,
    health.router,
)


def create_app(settings: Settings) -> FastAPI:
    """The ASGI application; servers are contacted when its lifespan begins, and may come later.

    Raises InvalidValue where credentials would travel to it in clear text, PolicyMissing for an operation without one.
    """
    check_host(settings)
    app = FastAPI(
        title="tapeledger",
        version=version(),
        description=openapi.DESCRIPTION,
        lifespan=_lifespan,
        redirect_slashes=False,
        docs_url=None,  # these pages would load scripts from elsewhere
        redoc_url=None,
    )
    app.state.gateway = Gateway(settings)
    app.state.database = Database(settings)
    app.state.broker = Broker(settings)
    app.state.waiting = Waiting(settings, app.state.database, app.state.broker)
    app.state.decisions = Decisions(app.state.database, app.state.waiting)
    app.state.settings = settings
    app.state.symbols = settings.symbols()
    app.state.replica = Replica(settings, catalog(settings.symbols()))
    app.state.past = Past(settings, catalog(settings.symbols()))
    routes = [route for router in ROUTERS for route in router.routes]
    policy.check(routes)
    access = Access(settings, app.state.database, app.state.gateway.producer.send_record, Operations(routes))
    app.state.access = access
    app.state.stream = Stream(settings, access)
    problems.install(app)
    reading.install(app)
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(policy.authorize)])
    openapi.install(app)
    app.add_middleware(JsonGuard, timeout_s=settings.api_body_timeout_s, larger={"/api/orders/batch": BATCH_BYTES_MAX})
    app.add_middleware(Gate)
    app.add_middleware(Edge)
    app.add_middleware(TimeLimit, timeout_s=settings.api_request_timeout_s)
    app.add_middleware(RequestContext)
    if settings.origins():
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins(),
            allow_credentials=True,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=ALLOWED,
            expose_headers=EXPOSED,
            max_age=600,
        )
    app.add_middleware(SecurityHeaders)  # added last: outermost
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    gateway: Gateway = app.state.gateway
    database: Database = app.state.database
    app.openapi()  # runtime.http.edge reads it: made now, and not while the first request waits
    access: Access = app.state.access
    stream: Stream = app.state.stream
    gateway.start()
    await database.open()
    access.start()
    await stream.start()
    try:
        yield
    finally:
        await stream.close()
        await access.stop()
        await asyncio.to_thread(gateway.stop)
        await gateway.cache.close()
        await database.close()
