"""Goal: partition n of every topic goes to one worker, whatever the broker says of them just now."""

from __future__ import annotations

from aiokafka.cluster import ClusterMetadata

from streams.faust_app import fixed_ranges

TOPICS = ("trading.commands", "execution.reports")


def test_partitions_are_assigned_before_the_broker_has_told_of_them() -> None:
    """A broker that has just come back names no partitions; all are assigned nevertheless, topics alike."""
    ranges = fixed_ranges(4)
    members = {name: ranges.metadata(TOPICS) for name in ("ledger-1", "ledger-2", "ledger-3")}

    assigned = ranges.assign(ClusterMetadata(), members)

    expected = {"ledger-1": [0, 1], "ledger-2": [2], "ledger-3": [3]}
    for name, partitions in expected.items():
        assert [("execution.reports", partitions), ("trading.commands", partitions)] == assigned[name].assignment
