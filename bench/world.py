"""Real servers for a benchmark, a fresh ledger on them for every run, and processes that are gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psycopg
import redis
from psycopg import sql

from projections.migrate import migrate
from projections.roles import ensure_projector, ensure_reader
from runtime import secrets
from runtime.embedded.servers import EmbeddedServers
from runtime.settings import Settings
from streams import topics

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def servers() -> Iterator[Settings]:
    """Settings of running Kafka, PostgreSQL and Valkey in a temporary home."""
    with tempfile.TemporaryDirectory(prefix="tape-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o755)  # PostgreSQL runs as another user under root
        with EmbeddedServers(home) as embedded:
            keys = secrets.ensure(home)
            yield Settings(_env_file=None, tape_home=home, **keys, **embedded.endpoints())  # type: ignore[arg-type]


def fresh(base: Settings) -> Settings:
    """A ledger of its own: topics, database, an emptied Redis."""
    name = f"b{uuid.uuid4().hex[:10]}"
    with psycopg.connect(base.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    settings = base.model_copy(
        update={
            "topic_prefix": f"{name}.",
            "database_url": base.database_url.rsplit("/", 1)[0] + f"/{name}",
        }
    )
    migrate(settings.database_url)
    roles = {
        "database_projector_url": ensure_projector(settings.database_url, "bench"),
        "database_reader_url": ensure_reader(settings.database_url, "bench"),
    }
    settings = settings.model_copy(update=roles)
    topics.apply(settings)
    redis.Redis.from_url(settings.redis_url).flushdb()
    return settings


@contextmanager
def child(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`python ARGUMENTS` with these settings; stopped with SIGTERM, killed after 15 s."""
    log = (settings.tape_home / "bench.log").open("a")
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **settings.environ()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def worker(name: str) -> tuple[str, ...]:
    return ("-m", "runtime.cli", "worker", name)


def wait_for_answer(url: str) -> None:
    """Return when the address answers 200; raises TimeoutError after a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if httpx.get(url).status_code == 200:
                return
        time.sleep(0.2)
    raise TimeoutError(f"{url} is not there after 60 s")
