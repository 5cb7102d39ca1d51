"""Ledgers and databases of their own on the servers of a test run."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from projections.migrate import migrate
from projections.roles import ensure_backtests, ensure_projector, ensure_reader
from runtime.clients import kafka_admin
from runtime.settings import Settings
from streams.topics import apply


@contextmanager
def database(servers: Settings, template: str = "template1") -> Iterator[str]:
    """The owner's URL of a database of its own, gone afterwards. template: the database that it is a copy of."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        statement = sql.SQL("create database {} template {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield urlunsplit(urlsplit(servers.database_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@contextmanager
def migrated(servers: Settings) -> Iterator[str]:
    """The name of a database to copy: the migrations take longer than a copy of what they make."""
    with database(servers) as url:
        migrate(url)
        yield urlsplit(url).path.removeprefix("/")


@contextmanager
def ledger(servers: Settings, home: Path, template: str) -> Iterator[Settings]:
    """Topics with a prefix of their own, a database with the roles, a home folder. template: of `migrated`."""
    with database(servers, template) as url:
        settings = servers.model_copy(
            update={
                "topic_prefix": f"{urlsplit(url).path[1:]}.",
                "tape_home": home,
                "database_url": url,
                "database_projector_url": ensure_projector(url, password_of(servers.database_projector_url)),
                "database_reader_url": ensure_reader(url, password_of(servers.database_reader_url)),
                "database_backtests_url": ensure_backtests(url, password_of(servers.database_backtests_url)),
            }
        )
        topics = apply(settings)
        yield settings
    if topics:
        kafka_admin(settings).delete_topics(topics)


def password_of(url: str) -> str:
    return urlsplit(url).password or "secret"
