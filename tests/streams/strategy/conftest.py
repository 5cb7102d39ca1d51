"""Fixtures of this folder."""

from __future__ import annotations

import pytest

from runtime.settings import Settings
from tests.streams.signals.processes import wait_for_leaders


@pytest.fixture
def ledger_settings(ledger_settings: Settings) -> Settings:
    """A ledger of its own whose topics answer."""
    wait_for_leaders(ledger_settings)
    return ledger_settings
