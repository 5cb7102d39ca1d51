"""The trading floor as a fixture."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from runtime.settings import Settings
from tests.execution.floor import Floor


@pytest.fixture
async def floor(ledger_settings: Settings) -> AsyncIterator[Floor]:
    """Real Kafka and Redis, and impatient workers: an entry idle for 600 ms belongs to a dead one."""
    made = Floor(ledger_settings.model_copy(update={"claim_idle_ms": 600}))
    yield made
    await made.close()
