"""`told`: the story's ledger, made once for all tests that only read it, or that undo what they change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runtime.settings import Settings
from tests.audit.world import World, story
from tests.ledgers import ledger


@pytest.fixture(scope="package")
def told(servers: Settings, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The story on Kafka, archived and projected; `told.settings` leads to it."""
    with ledger(servers, tmp_path_factory.mktemp("told"), template) as settings:
        world = story(settings)
        world.project()
        yield world
