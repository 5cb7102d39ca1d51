"""`tape worker ledger`: the agent that alone writes `ledger.events`."""

from __future__ import annotations

from domain.catalog import catalog
from runtime.settings import Settings
from streams.agent import AgentSpec, run_agent
from streams.desks import desk_key
from streams.ledger.decider import LedgerDecider
from streams.ledger.dispatcher import Dispatcher
from streams.ledger.followers import Followers
from streams.ledger.rebalancer import Rebalancer
from streams.snapshots.accounts import SNAPSHOTS, AccountStates
from streams.snapshots.port import SnapshotSpec


def spec(settings: Settings) -> AgentSpec:
    instruments = catalog(settings.symbols())
    kept_us = settings.client_ids_kept_s * 1_000_000
    return AgentSpec(
        service="ledger",
        tape="ledger.events",
        inputs=("trading.commands", "execution.reports"),
        key="account_id",
        decider=lambda partition: LedgerDecider(instruments, kept_us, desk_key(partition, settings.partitions)),
        snapshots=SnapshotSpec(SNAPSHOTS, AccountStates(settings)),
    )


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; ends with an error on what it cannot go on from."""
    run_agent(settings, spec(settings), Followers(Dispatcher(settings), Rebalancer(settings)))
