"""The reader's connections: select only, each request one snapshot, each statement bounded in time."""

from __future__ import annotations

import select
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from api.problems import unavailable
from runtime.settings import Settings

STATEMENT_TIMEOUT_MS = 5_000
_WAIT_S = 3.0  # for a free connection
OPTIONS = (
    f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c default_transaction_read_only=on "
    "-c default_transaction_isolation=repeatable\\ read -c timezone=UTC -c jit=off "
    # A plan for the filters at hand: one for any filter would walk through all orders for the few that still work. And
    # pages are in memory or on an SSD, so finding 50 rows by an index is better than walking past many in order.
    "-c plan_cache_mode=force_custom_plan -c random_page_cost=1.1"
)

Row = DictRow
Rows = list[DictRow]
Parameters = Mapping[str, Any]


class Snapshot:
    """One read-only transaction: all its statements see the same rows."""

    def __init__(self, connection: psycopg.AsyncConnection[DictRow]) -> None:
        self._connection = connection

    async def all(self, statement: str, parameters: Parameters) -> Rows:
        cursor = await self._connection.execute(statement.encode(), parameters)
        return await cursor.fetchall()

    async def one(self, statement: str, parameters: Parameters) -> Row | None:
        cursor = await self._connection.execute(statement.encode(), parameters)
        return await cursor.fetchone()


async def _check(connection: psycopg.AsyncConnection[Any]) -> None:
    """Raises psycopg.OperationalError for a connection that is gone.

    One whose server has gone away has its end to read, and only who has anything to read is asked: a question each time
    would cost every request a way to the database and back.
    """
    heard = select.poll()
    heard.register(connection.fileno(), select.POLLIN)
    if heard.poll(0):
        await AsyncConnectionPool.check_connection(connection)


class Database:
    """A pool of the reader's connections. It opens without waiting: reads answer 503 until PostgreSQL is there."""

    def __init__(self, settings: Settings, size_max: int = 8) -> None:
        self._pool = AsyncConnectionPool(
            settings.database_reader_url,
            connection_class=psycopg.AsyncConnection[DictRow],
            kwargs={"row_factory": dict_row, "options": OPTIONS, "application_name": "tapeledger-query"},
            min_size=1,
            max_size=size_max,
            timeout=_WAIT_S,
            max_waiting=200,
            reconnect_timeout=5.0,
            check=_check,
            open=False,
            name="query",
        )

    async def open(self) -> None:
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close(timeout=3.0)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Snapshot]:
        """Raises ProblemError 503 where PostgreSQL does not answer, or not in time."""
        try:
            async with self._pool.connection() as connection:
                yield Snapshot(connection)
        except (PoolTimeout, TooManyRequests) as error:
            raise unavailable("DATABASE_UNAVAILABLE", "the database has no connection to give; try again") from error
        except psycopg.errors.QueryCanceled as error:
            raise unavailable(
                "DATABASE_TIMEOUT", f"the database did not answer within {STATEMENT_TIMEOUT_MS} ms; ask for less"
            ) from error
        except psycopg.errors.UndefinedTable as error:
            raise unavailable("DATABASE_NOT_MIGRATED", "the tables are not there yet: tape db migrate") from error
        except psycopg.OperationalError as error:
            raise unavailable("DATABASE_UNAVAILABLE", "the database went away; try again") from error

    async def probe(self) -> None:
        """Raises ProblemError when the database does not answer."""
        async with self.snapshot() as snapshot:
            await snapshot.one("select 1", {})
