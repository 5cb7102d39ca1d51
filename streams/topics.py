"""Topics as infra/kafka/topics.yaml declares them, and their creation. A live topic is never changed."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Literal

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from domain.errors import UnavailableError
from runtime.clients import kafka_admin
from runtime.settings import Settings
from streams.tape import end_offsets

log = logging.getLogger(__name__)
DECLARATION = Path(__file__).resolve().parent.parent / "infra" / "kafka" / "topics.yaml"
_TIMEOUT_S = 15.0


class Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """kind tape: chained, one writer a partition. kind input: what somebody sends to a tape's writer.

    kind snapshot: what a tape's agent writes down of its states. config: what differs from the configuration of all.
    """

    name: str
    kind: Literal["tape", "input", "snapshot"]
    key: str
    config: dict[str, str] = {}


class Declaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    topics: list[Topic]
    config: dict[str, str]


def declared() -> Declaration:
    return msgspec.yaml.decode(DECLARATION.read_bytes(), type=Declaration)


def apply(settings: Settings) -> list[str]:
    """Create the declared topics that are missing, and return their names on the broker when they answer.

    Raises UnavailableError when Kafka does not answer, or when a live topic has another number of partitions: keys
    would move to other partitions, and with them accounts to tapes that do not know them.
    """
    declaration = declared()
    admin = kafka_admin(settings)
    try:
        live = admin.list_topics(timeout=_TIMEOUT_S).topics
    except KafkaException as error:
        raise UnavailableError(f"Kafka at {settings.kafka_bootstrap_servers!r} does not answer: {error}") from error
    missing = []
    for topic in declaration.topics:
        name = settings.topic(topic.name)
        if name not in live:
            missing.append(
                NewTopic(
                    name,
                    num_partitions=settings.partitions,
                    replication_factor=-1,
                    config=declaration.config | topic.config,
                )
            )
        elif len(live[name].partitions) != settings.partitions:
            raise UnavailableError(
                f"topic {name} has {len(live[name].partitions)} partitions, expected {settings.partitions}; the "
                "number cannot change on a live ledger, since accounts would move to tapes that do not know them"
            )
    if not missing:
        return []
    created = []
    for name, future in admin.create_topics(missing, request_timeout=_TIMEOUT_S).items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise UnavailableError(f"topic {name} could not be created: {error}") from error
        created.append(name)
    for name in created:
        _wait_for_leaders(settings, name)
    return created


def _wait_for_leaders(settings: Settings, topic: str) -> None:
    """Return when a topic that was just made answers in every partition. Raises UnavailableError after a while."""
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            end_offsets(settings, topic)
        except UnavailableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def wait_until_there(settings: Settings, names: Iterable[str]) -> None:
    """Return when Kafka answers and has these declared topics. Says every few seconds what it waits for."""
    wanted = {settings.topic(name) for name in names}
    for attempt in count():
        try:
            missing = wanted - set(kafka_admin(settings).list_topics(timeout=5).topics)
            if not missing:
                return
            reason = f"topics {sorted(missing)} are not there; `tape topics apply` makes them"
        except KafkaException as error:
            reason = f"Kafka at {settings.kafka_bootstrap_servers!r} does not answer: {error}"
        if attempt % 10 == 0:
            log.info("waiting: %s", reason)
        time.sleep(0.3)
