"""Users with keys in the tables, as the projection would have put them there, and clients that have these keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg
from fastapi import FastAPI

from api.app import create_app
from runtime.settings import Settings
from streams.access import keys
from tests.api import rows
from tests.keys import ROOT

ROLES = {"vic": "viewer", "tara": "trader", "rik": "risk", "cora": "compliance", "adam": "admin"}
ALL = ["read", "trade", "risk", "compliance", "admin"]


def put(
    connection: psycopg.Connection[Any], user: str, role: str, scopes: list[str] | None = None, **key: Any
) -> keys.NewKey:
    """A user, unless they are there, and a key of theirs, with all scopes unless some are given."""
    place = {"partition": 0, "record_offset": _next(connection)}
    connection.execute(
        """insert into access_users (user_id, role, accounts, put_by, put_at, partition, record_offset)
           values (%s, %s, '{}', 'test', now(), 0, %s) on conflict do nothing""",
        (user, role, place["record_offset"]),
    )
    made = keys.make()
    row = {"user_id": user, "key_id": made.key_id, "sha256": made.sha256, "scopes": scopes or ALL, "label": ""}
    rows.insert(connection, "access_keys", **row, created_by="test", created_at="2026-01-01", **place, **key)
    return made


def _next(connection: psycopg.Connection[Any]) -> int:
    found = connection.execute(
        "select 1 + coalesce(max(record_offset), 0) from "
        "(select record_offset from access_users union all select record_offset from access_keys) as places"
    ).fetchone()
    assert found is not None
    return int(found[0])


@asynccontextmanager
async def started(settings: Settings, **changes: Any) -> AsyncIterator[FastAPI]:
    """The application on these settings, with users and keys read."""
    app = create_app(settings.model_copy(update=changes))
    async with app.router.lifespan_context(app):
        await app.state.access.directory.refresh()
        yield app


def client_of(app: FastAPI, key: str | None = None, base_url: str = "http://127.0.0.1") -> httpx.AsyncClient:
    """A client with a key; None: a stranger."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers)


def root_of(app: FastAPI) -> httpx.AsyncClient:
    client = client_of(app)
    client.headers.update(ROOT)
    return client
