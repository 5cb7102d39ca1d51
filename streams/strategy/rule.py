"""The live strategy's rule (domain.follower) as the settings give it."""

from __future__ import annotations

from domain.catalog import catalog
from domain.follower import Follower
from runtime.settings import Settings


def follower_of(settings: Settings) -> Follower:
    """With no signal folded yet."""
    return Follower(
        catalog(settings.symbols()),
        account_id=settings.strategy_account_id,
        strategy_id=settings.strategy_id,
        allocation=settings.strategy_allocation,
        protection=settings.strategy_protection,
        latency_us=settings.market_latency_us,
        latency_jitter_us=settings.market_latency_jitter_us,
    )
