"""A connection of the worker's own role, in autocommit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runtime.clients import postgres_backtests
from runtime.settings import Settings
from streams.backtests.queue import Connection


@pytest.fixture
def connection(ledger_settings: Settings) -> Iterator[Connection]:
    with postgres_backtests(ledger_settings, autocommit=True) as opened:
        yield opened
