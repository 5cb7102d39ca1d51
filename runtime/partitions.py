"""The number of partitions of a ledger is fixed for ever: who finds another one stops.

A key's partition is its hash modulo that number, so with another number accounts would move to tapes that do not know
them. Everybody who names partitions looks here first: `tape topics apply`, `tape up`, each worker when it starts, and
each agent at every assignment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaException

from domain.errors import TopologyError, UnavailableError
from runtime.clients import kafka_admin
from runtime.settings import Settings

_TIMEOUT_S = 5.0


def live_partitions(settings: Settings, timeout_s: float = _TIMEOUT_S) -> dict[str, int]:
    """The number of partitions of every topic on the broker. Raises UnavailableError when Kafka does not answer."""
    try:
        topics = kafka_admin(settings).list_topics(timeout=timeout_s).topics
    except KafkaException as error:
        raise UnavailableError(f"Kafka at {settings.kafka_bootstrap_servers!r} does not answer: {error}") from error
    return {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}


def check_partitions(settings: Settings, live: Mapping[str, int], names: Iterable[str]) -> None:
    """Raises TopologyError when a live topic has not `settings.partitions`. names: as declared; missing ones pass."""
    found = {topic: live[topic] for topic in map(settings.topic, names) if topic in live}
    wrong = {topic: count for topic, count in found.items() if count != settings.partitions}
    if not wrong:
        return
    topics = ", ".join(f"{topic} has {count}" for topic, count in sorted(wrong.items()))
    if len(wrong) == len(found) and len(set(wrong.values())) == 1:
        remedy = f"set PARTITIONS={next(iter(wrong.values()))}, with which this ledger was made"
    else:
        remedy = "somebody has altered a topic: all topics of a ledger have one number of partitions"
    raise TopologyError(
        f"expected topics with {settings.partitions} partitions (PARTITIONS), but {topics}. The number can never "
        f"change on a live ledger, since accounts would move to tapes that do not know them; {remedy}"
    )
