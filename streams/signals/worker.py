"""The signals agent: `market.ticks` and `signals.requests` in, `trading.signals` out."""

from __future__ import annotations

from domain.catalog import catalog
from runtime.settings import Settings
from streams.agent import AgentSpec, run_agent
from streams.signals.decider import REQUESTS, TICKS, SignalsDecider
from streams.signals.judge import StoredJudges


def spec(settings: Settings) -> AgentSpec:
    instruments = catalog(settings.symbols())
    judges = StoredJudges(settings)
    return AgentSpec(
        service="signals",
        tape="trading.signals",
        inputs=(TICKS, REQUESTS),
        key="symbol",
        decider=lambda partition: SignalsDecider(instruments, judges),
    )


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises what it could not go on from."""
    run_agent(settings, spec(settings))
