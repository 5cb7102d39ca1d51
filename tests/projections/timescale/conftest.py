"""A server with TimescaleDB for this folder, and tables made anew for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.projections.timescale.harness import make_anew, server


@pytest.fixture(scope="package")
def url() -> Iterator[str]:
    """The address of a database server with TimescaleDB."""
    with server() as address:
        yield address


@pytest.fixture
def connection(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Fresh tables, as their owner."""
    make_anew(url)
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as opened:
        yield opened
