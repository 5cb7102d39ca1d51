"""Each partition's desk key: found by every sender and ledger alike, and where Kafka's own client puts it."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams.desks import desk_keys


@pytest.mark.parametrize("partitions", [1, 2, 4, 7, 256])
def test_every_partition_has_a_key_of_its_own(partitions: int) -> None:
    """Any number of partitions up to the largest allowed: as many keys, all different."""
    assert len(set(desk_keys(partitions))) == partitions


def test_the_keys_are_fixed_for_ever() -> None:
    """They stand on tapes: of four partitions these, worked out with librdkafka's own partitioner (the test below)."""
    assert desk_keys(1) == ("desk:0",)
    assert desk_keys(4) == ("desk:1", "desk:0", "desk:5", "desk:14")


@pytest.mark.integration
def test_the_broker_has_them_where_they_belong(ledger_settings: Settings) -> None:
    """Each key lands on its partition, and no smaller number does: librdkafka says so."""
    landed: dict[str, int] = {}
    producer = kafka_producer(ledger_settings)

    def note(error: Any, message: Any) -> None:
        assert error is None
        landed[message.key().decode()] = message.partition()

    for number in range(20):
        producer.produce(ledger_settings.topic("audit.intake"), key=f"desk:{number}".encode(), on_delivery=note)
    assert producer.flush(20) == 0

    smallest: dict[int, int] = {}
    for number in range(20):
        smallest.setdefault(landed[f"desk:{number}"], number)
    assert desk_keys(4) == tuple(f"desk:{smallest[partition]}" for partition in range(4))
