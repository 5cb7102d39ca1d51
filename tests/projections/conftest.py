"""A database and a folder of migrations that a test may change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from projections.migrate import MIGRATIONS
from runtime.settings import Settings
from tests.ledgers import database


@pytest.fixture
def database_url(servers: Settings) -> Iterator[str]:
    """An empty database."""
    with database(servers) as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations that a test may change."""
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))
