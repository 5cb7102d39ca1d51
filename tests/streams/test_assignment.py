"""Goal: partition n of every topic goes to one worker, whatever the broker says of them just now."""

from __future__ import annotations

from pathlib import Path

from aiokafka.cluster import ClusterMetadata

from runtime.settings import Settings
from streams.faust_app import fixed_ranges, make_app, new_event_loop

TOPICS = ("trading.commands", "execution.reports")


def test_partitions_are_assigned_before_the_broker_has_told_of_them() -> None:
    """A broker that has just come back names no partitions; all are assigned nevertheless, topics alike."""
    ranges = fixed_ranges(4)
    members = {name: ranges.metadata(TOPICS) for name in ("ledger-1", "ledger-2", "ledger-3")}

    assigned = ranges.assign(ClusterMetadata(), members)

    expected = {"ledger-1": [0, 1], "ledger-2": [2], "ledger-3": [3]}
    for name, partitions in expected.items():
        assert [("execution.reports", partitions), ("trading.commands", partitions)] == assigned[name].assignment


def test_a_rebalance_waits_for_no_message(tmp_path: Path) -> None:
    """Faust may count a message that it never handed over: to wait for it is to stand still (seed 14 of the faults)."""
    new_event_loop()

    app = make_app(Settings(_env_file=None, kafka_bootstrap_servers="127.0.0.1:1", tape_home=tmp_path), "test")

    assert app.conf.stream_wait_empty is False
