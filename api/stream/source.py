"""The stream's connections to the database: select only, each read one snapshot, every look-up by an index."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg_pool import AsyncConnectionPool

from runtime.settings import Settings

_STATEMENT_TIMEOUT_MS = 5_000
_WAIT_S = 5.0  # for a free connection
# What the stream reads stands at the ends of tables, of which the planner's statistics know nothing yet: left to guess,
# it reads a table whole. Each statement here has an index for each of its tables.
_OPTIONS = (
    f"-c statement_timeout={_STATEMENT_TIMEOUT_MS} -c default_transaction_read_only=on "
    "-c default_transaction_isolation=repeatable\\ read -c timezone=UTC -c jit=off "
    "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c plan_cache_mode=force_custom_plan"
)
AWAY = (psycopg.Error, OSError)
"""What reading raises while the database is away, restarts or is too slow."""

Rows = list[tuple[Any, ...]]


class Head(NamedTuple):
    """feed: the newest batch. replaced_at: what was read up to a batch before this one does not go on."""

    feed: int
    replaced_at: int


class Read:
    """One read-only transaction: all its statements see the same rows."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> None:
        self._connection = connection

    async def all(self, statement: str, parameters: Mapping[str, Any]) -> Rows:
        cursor = await self._connection.execute(statement.encode(), parameters)
        return await cursor.fetchall()

    async def head(self) -> Head:
        rows = await self.all("select feed, replaced_at from feed_head", {})
        return Head(*rows[0]) if rows else Head(0, 0)


class Source:
    """Connections of its own, so that neither the stream waits for requests nor they for it."""

    def __init__(self, settings: Settings, size_max: int = 4) -> None:
        self._pool = AsyncConnectionPool(
            settings.database_reader_url,
            kwargs={"options": _OPTIONS, "application_name": "tapeledger-stream", "connect_timeout": 5},
            min_size=1,
            max_size=size_max,
            timeout=_WAIT_S,
            reconnect_timeout=2.0,
            check=AsyncConnectionPool.check_connection,
            open=False,
            name="stream",
        )
        self._url = settings.database_reader_url

    async def open(self) -> None:
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close(timeout=3.0)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Read]:
        """Raises one of AWAY."""
        async with self._pool.connection() as connection:
            yield Read(connection)

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[psycopg.AsyncConnection[tuple[Any, ...]]]:
        """The reader's own connection, on which `snapshot` opens one transaction after another."""
        connection = await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            options=_OPTIONS,
            application_name="tapeledger-stream",
            connect_timeout=5,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
        )
        try:
            yield connection
        finally:
            await connection.close()
