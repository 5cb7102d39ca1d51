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
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from hypothesis import HealthCheck, settings

from runtime.embedded.servers import EmbeddedServers
from runtime.settings import Settings
from runtime.supervisor import SERVER_FIELDS
from tests.keys import KEYS
from tests.ledgers import ledger, migrated

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("tapeledger", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tapeledger")

_PLENTY_BYTES = 4 * 2**30
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
    home = Path(tempfile.mkdtemp(prefix="tape-tests-", dir=_quick_folder()))
    try:
        with EmbeddedServers(home, given) as embedded:
            addresses: dict[str, Any] = {**embedded.endpoints(), **given}
            yield Settings(_env_file=None, tape_home=home, **KEYS, **addresses)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _quick_folder() -> Path | None:
    """In memory, where there is plenty: half of the time that a ledger takes to make is waiting for a disk.

    What a crash leaves of a disk is nothing that a test here asks: a server that is killed has its page cache still.
    """
    memory = Path("/dev/shm")
    plenty = _PLENTY_BYTES * int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > plenty
    return memory if has_room and psutil.virtual_memory().available > plenty else None


@pytest.fixture(scope="session")
def template(servers: Settings) -> Iterator[str]:
    """The name of a migrated database, for copies."""
    with migrated(servers) as name:
        yield name


@pytest.fixture
def ledger_settings(servers: Settings, template: str, tmp_path: Path) -> Iterator[Settings]:
    """A ledger of its own: topics with a fresh prefix, a migrated database, an empty Redis database, a home folder."""
    redis_url = f"{servers.redis_url.rsplit('/', 1)[0]}/{_fresh_redis(servers)}"
    with ledger(servers.model_copy(update={"redis_url": redis_url}), tmp_path, template) as settings:
        yield settings


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
