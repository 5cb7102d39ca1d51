"""Goal: no query of the query side reads a table that grows from end to end, or walks through it to fill a page.

Method: PostgreSQL explains, and executes, each statement as the operations send it, on tables with many uneven rows.
The plan must use an index that was made for it, scan no growing table, and look at few rows, those filtered out
included.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

import api.query
from api.query.database import OPTIONS, Snapshot
from projections.roles import ensure_reader
from runtime.settings import Settings
from tests.api.plans.cases import CASES, Case
from tests.api.plans.explain import Explaining
from tests.api.plans.rows import fill
from tests.ledgers import database, password_of

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def reader_url(servers: Settings, template: str) -> Iterator[str]:
    """A database with many rows in every table, as the query side reads it."""
    with database(servers, template) as url:
        with psycopg.connect(url, autocommit=True) as owner:
            fill(owner)
        yield ensure_reader(url, password_of(servers.database_reader_url))


@pytest.fixture
async def explaining(reader_url: str) -> AsyncIterator[Explaining]:
    """A snapshot with the settings of the API's own connections."""
    async with await psycopg.AsyncConnection.connect(reader_url, options=OPTIONS, row_factory=dict_row) as connection:
        yield Explaining(connection)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_plan(explaining: Explaining, case: Case) -> None:
    """Each statement of the query uses one of the indexes named, scans no growing table and looks at few rows."""
    await case.function(explaining, *case.arguments)

    assert explaining.plans
    for plan in explaining.plans:
        what = f"indexes {sorted(plan.indexes)}, {plan.rows} rows looked at: {plan.statement}"
        assert plan.scanned == frozenset(), what
        assert plan.indexes & case.uses or not case.uses, f"expected one of {sorted(case.uses)}, {what}"
        assert plan.rows <= case.rows_max, what


def _modules() -> list[ModuleType]:
    names = [module.name for module in pkgutil.walk_packages(api.query.__path__, "api.query.")]
    return [importlib.import_module(name) for name in names]


def _queries() -> set[Any]:
    """Every coroutine function below api.query that is given a snapshot to read from."""
    found = set()
    for module in _modules():
        for _, function in inspect.getmembers(module, inspect.iscoroutinefunction):
            parameters = list(inspect.signature(function, eval_str=True).parameters.values())
            if function.__module__ == module.__name__ and parameters and parameters[0].annotation is Snapshot:
                found.add(function)
    return found


def test_every_query_has_a_case() -> None:
    """A new query cannot be forgotten here. Those that only call others are named."""
    only_calls = {"api.query.order_book_routes._moment", "api.query.moments.moment_of"}
    queries = {f"{query.__module__}.{query.__name__}" for query in _queries()}

    assert queries - {f"{case.function.__module__}.{case.function.__name__}" for case in CASES} == only_calls


def test_statements_stand_in_queries_only() -> None:
    """Nothing else below api.query sends a statement: what the test above does not see is not there."""
    sources = {module.__name__.rpartition(".")[2]: inspect.getsource(module) for module in _modules()}
    sending = {name for name, source in sources.items() if "snapshot.all(" in source or "snapshot.one(" in source}

    assert {name for name in sending if not name.endswith("_sql")} == {"database", "replica"}


async def test_a_seq_scan_is_seen(explaining: Explaining) -> None:
    """The test above can fail: a query without an index is seen to scan, with the rows that it throws away."""
    await explaining.all("select 1 from orders where hold_cash > %(cash)s", {"cash": 1})

    (plan,) = explaining.plans
    assert plan.scanned == {"orders"}
    assert plan.rows == 20_000
