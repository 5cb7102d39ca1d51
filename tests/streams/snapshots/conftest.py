"""A ledger with a snapshot and something behind it."""

from __future__ import annotations

import pytest

from runtime.settings import Settings
from tests.streams.snapshots.kafka import PARTITION, Ledger, accounts
from tests.streams.trading import buy, opened


@pytest.fixture
async def ledger(ledger_settings: Settings) -> Ledger:
    """Four accounts with cash and an order each, a snapshot of them, and then one order more in two of them."""
    own = Ledger(ledger_settings)
    await own.agent.assign([PARTITION])
    names = accounts(ledger_settings, 4)
    await own.work(*(command for name in names for command in opened(name)))
    await own.work(*(buy(name, f"first-{name}") for name in names))
    await own.snapshot()
    await own.work(*(buy(name, f"second-{name}") for name in names[:2]))
    return own
