"""Real servers for the tests that cross a process.

`servers` starts Kafka, PostgreSQL and Valkey once for each process of the run (pytest-xdist's -n), those that the
environment does not give (KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL, REDIS_URL). `ledger_settings` gives each test a ledger
of its own on them.
"""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import tempfile
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
from hypothesis import HealthCheck, settings
from psycopg import sql

from runtime.clients import kafka_admin
from runtime.embedded.servers import EmbeddedServers
from runtime.settings import Settings
from runtime.supervisor import SERVER_FIELDS
from tests.keys import KEYS

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("tapeledger", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tapeledger")

_REDIS_DATABASES = itertools.count()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(call: pytest.CallInfo[Any]) -> Generator[None, Any, Any]:
    """Tell of a failure with the garbage collector at rest.

    pytest parses the source of what failed. If the collector meanwhile ends a task that had failed, asyncio logs its
    traceback, which parses as well, and CPython 3.11 mixes the two up (its issue 106905): an internal error, and nobody
    learns which test failed.
    """
    if call.excinfo is None:
        return (yield)
    gc.collect()
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.fixture(scope="session")
def servers() -> Iterator[Settings]:
    """Settings of real, running servers. They are gone when the run ends, however it ends."""
    given = {name: os.environ[name.upper()] for name in SERVER_FIELDS if os.environ.get(name.upper())}
    # Not pytest's tmp_path: its parents are closed to the system user that PostgreSQL runs as under root.
    home = Path(tempfile.mkdtemp(prefix="tape-tests-"))
    try:
        with EmbeddedServers(home, given) as embedded:
            addresses: dict[str, Any] = {**embedded.endpoints(), **given}
            yield Settings(_env_file=None, tape_home=home, **KEYS, **addresses)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def ledger_settings(servers: Settings, tmp_path: Path) -> Iterator[Settings]:
    """A ledger of its own: topics with a fresh prefix, a migrated database, an empty Redis database, a home folder."""
    from projections.migrate import migrate
    from projections.roles import ensure_projector, ensure_reader
    from streams.topics import apply

    name = f"t{uuid.uuid4().hex[:12]}"
    settings = servers.model_copy(
        update={
            "topic_prefix": f"{name}.",
            "tape_home": tmp_path,
            "database_url": _with_database(servers.database_url, name),
            "redis_url": f"{servers.redis_url.rsplit('/', 1)[0]}/{_fresh_redis(servers)}",
        }
    )
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    try:
        migrate(settings.database_url)
        projector_url = ensure_projector(settings.database_url, _password(servers.database_projector_url))
        reader_url = ensure_reader(settings.database_url, _password(servers.database_reader_url))
        settings = settings.model_copy(
            update={"database_projector_url": projector_url, "database_reader_url": reader_url}
        )
        topics = apply(settings)
        yield settings
    finally:
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
    if topics:
        kafka_admin(settings).delete_topics(topics)


def _with_database(url: str, name: str) -> str:
    """The same server and role, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _password(url: str) -> str:
    return urlsplit(url).password or "secret"


def _fresh_redis(servers: Settings) -> int:
    """The number of a database that no other test has at this time, emptied; 0 is left alone."""
    process, processes = os.environ.get("PYTEST_XDIST_WORKER", "gw0"), os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    with redis.Redis.from_url(servers.redis_url) as client:
        databases = int(client.config_get("databases")["databases"])
    own = range(1 + int(process.removeprefix("gw")), databases, int(processes))
    number = own[next(_REDIS_DATABASES) % len(own)]
    with redis.Redis.from_url(f"{servers.redis_url.rsplit('/', 1)[0]}/{number}") as client:
        client.flushdb()
    return number
