"""One home with a version of each kind, for the tests that change nothing there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from runtime.settings import Settings
from tests.models.service.stage import add, point, serving, settings_of

KINDS = ("xgboost", "lightgbm", "lstm", "logistic", "majority")
"""Versions 1 and on."""


@pytest.fixture(scope="session")
def shelf_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("inference")
    settings = settings_of(home)
    for number, kind in enumerate(KINDS, start=1):
        meta = add(settings, kind, str(number))
        if number == 1:
            point(settings, meta)
        if number == 2:
            point(settings, meta, "challenger")
    return home


@pytest.fixture(scope="session")
def settings(shelf_home: Path) -> Settings:
    """The champion is version 1, XGBoost; the challenger version 2, LightGBM; 3 is an LSTM."""
    return settings_of(shelf_home)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Of one service for all tests of a file, which run in one loop: `pytest.mark.asyncio(loop_scope="module")`."""
    async with serving(settings) as found:
        yield found
