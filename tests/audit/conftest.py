"""`told`: the story's ledger, made once for all tests that only read it, or that undo what they change."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from projections.migrate import migrate
from projections.roles import ensure_projector, ensure_reader
from runtime.clients import kafka_admin
from runtime.settings import Settings
from streams.topics import apply
from tests.audit.world import World, story


@pytest.fixture(scope="package")
def told(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The story on Kafka, archived and projected; `told.settings` leads to it."""
    name = f"told{uuid.uuid4().hex[:10]}"
    home: Path = tmp_path_factory.mktemp(name)
    url = urlunsplit(urlsplit(servers.database_url)._replace(path=f"/{name}"))
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    migrate(url)
    projector_url = ensure_projector(url, urlsplit(servers.database_projector_url).password or "secret")
    reader_url = ensure_reader(url, urlsplit(servers.database_reader_url).password or "secret")
    settings = servers.model_copy(
        update={
            "topic_prefix": f"{name}.",
            "tape_home": home,
            "database_url": url,
            "database_projector_url": projector_url,
            "database_reader_url": reader_url,
        }
    )
    topics = apply(settings)
    world = story(settings)
    world.project()
    yield world
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
    kafka_admin(settings).delete_topics(topics)
