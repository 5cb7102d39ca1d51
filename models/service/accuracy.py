"""How right models were, read from the query side's tables every now and then: for GET /models, and as a metric.

Without a database, or before its tables are there, nothing is known, and the service serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection
from typing import NamedTuple

import psycopg

from models.service.bodies import SymbolAccuracy
from runtime import metrics
from runtime.clients import postgres_reader
from runtime.settings import Settings

OUTCOMES_MAX = 250
"""As the metric says."""

_ALL = """select model_version, symbol, outcomes, accuracy, majority_share from model_accuracy
    where model_name = %(name)s order by model_version, symbol"""
_NEWEST = """select told.model_version, told.symbol, avg((newest.direction = newest.realised)::int)::float8
    from (select distinct model_version, symbol from model_outcomes
        where model_name = %(name)s and model_version = any(%(versions)s)) as told
    cross join lateral (select direction, realised from signal_outcomes as own
        where own.symbol = told.symbol and own.model_name = %(name)s and own.model_version = told.model_version
        order by own.market_time desc limit %(outcomes)s) as newest
    group by told.model_version, told.symbol"""
_CONNECT_S_MAX = 3
_STATEMENT_MS_MAX = 5_000
_logger = logging.getLogger(__name__)


class _Read(NamedTuple):
    """by_version: over all outcomes. newest: (version, symbol, share) over the newest OUTCOMES_MAX."""

    by_version: dict[str, list[SymbolAccuracy]]
    newest: list[tuple[str, str, float]]


class Accuracy:
    """versions: those whose metric is kept, asked for at each reading."""

    def __init__(self, settings: Settings, versions: Callable[[], Collection[str]]) -> None:
        self._settings = settings
        self._versions = versions
        self._task: asyncio.Task[None] | None = None
        self._by_version: dict[str, list[SymbolAccuracy]] | None = None
        self._problem: str | None = None

    def of(self, version: str) -> list[SymbolAccuracy] | None:
        """By symbol; None when nothing was read yet."""
        return None if self._by_version is None else self._by_version.get(version, [])

    def start(self) -> None:
        if self._settings.database_reader_url:
            self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def look(self) -> None:
        """Read once, and tell. A database that does not answer leaves what was known."""
        try:
            read = await asyncio.to_thread(_read, self._settings, list(self._versions()))
        except psycopg.Error as error:
            problem = str(error).splitlines()[0]
            if problem != self._problem:
                _logger.warning("how right models were cannot be read: %s", problem)
            self._problem = problem
            return
        self._by_version, self._problem = read.by_version, None
        for version, symbol, share in read.newest:
            metrics.model_accuracy.labels(model=f"{self._settings.model_name}/{version}", symbol=symbol).set(share)

    async def _follow(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._settings.model_accuracy_every_s)


def _read(settings: Settings, versions: list[str]) -> _Read:
    given = {"name": settings.model_name, "versions": versions, "outcomes": OUTCOMES_MAX}
    options = f"-c statement_timeout={_STATEMENT_MS_MAX}"
    with postgres_reader(settings, connect_timeout=_CONNECT_S_MAX, options=options) as connection:
        by_version: dict[str, list[SymbolAccuracy]] = {}
        for version, symbol, outcomes, share, majority in connection.execute(_ALL, given):
            by_version.setdefault(version, []).append(
                SymbolAccuracy(symbol=symbol, outcomes=outcomes, accuracy=share, majority_share=majority)
            )
        return _Read(by_version, [tuple(row) for row in connection.execute(_NEWEST, given)])
