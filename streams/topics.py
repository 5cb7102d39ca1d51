"""Topics as infra/kafka/topics.yaml declares them, and their creation. A live topic is never changed."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from itertools import count
from pathlib import Path
from typing import Literal

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from domain.errors import UnavailableError
from runtime.clients import kafka_admin
from runtime.partitions import check_partitions, live_partitions
from runtime.settings import Settings
from runtime.topic_ends import topic_ends

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

    Raises UnavailableError when Kafka does not answer, and TopologyError when a live topic has another number of
    partitions; nothing is created then.
    """
    declaration = declared()
    live = live_partitions(settings, _TIMEOUT_S)
    check_partitions(settings, live, [topic.name for topic in declaration.topics])
    missing = [
        NewTopic(
            settings.topic(topic.name),
            num_partitions=settings.partitions,
            replication_factor=-1,
            config=declaration.config | topic.config,
        )
        for topic in declaration.topics
        if settings.topic(topic.name) not in live
    ]
    if not missing:
        return []
    created = []
    admin = kafka_admin(settings)
    for name, future in admin.create_topics(missing, request_timeout=_TIMEOUT_S).items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise UnavailableError(f"topic {name} could not be created: {error}") from error
        created.append(name)
    _wait_for_leaders(admin, [(name, partition) for name in created for partition in range(settings.partitions)])
    return created


def _wait_for_leaders(admin: AdminClient, places: list[tuple[str, int]]) -> None:
    """Return when partitions that were just made all answer. Raises UnavailableError after a while."""
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            topic_ends(admin, places, _TIMEOUT_S)
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise UnavailableError(f"the topics were made and do not answer: {error}") from error
            time.sleep(0.05)
        else:
            return


def wait_until_there(settings: Settings, names: Collection[str]) -> None:
    """Return when Kafka answers and has these declared topics. Says every few seconds what it waits for.

    Raises TopologyError when a topic of this ledger has another number of partitions.
    """
    wanted = {settings.topic(name) for name in names}
    every = [topic.name for topic in declared().topics]
    for attempt in count():
        try:
            live = live_partitions(settings)
            check_partitions(settings, live, every)
            if wanted <= live.keys():
                return
            reason = f"topics {sorted(wanted - live.keys())} are not there; `tape topics apply` makes them"
        except UnavailableError as error:
            reason = str(error)
        if attempt % 10 == 0:
            log.info("waiting: %s", reason)
        time.sleep(0.3)
