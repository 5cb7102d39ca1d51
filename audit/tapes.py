"""Which tapes there are, how far Kafka has them, and how far their archive has got."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from confluent_kafka import KafkaException, TopicPartition

from domain.errors import UnavailableError
from runtime.clients import kafka_consumer
from runtime.settings import Settings
from streams.tape import Head

# Topic -> the projection that archives it (projection_progress.projection).
TAPES: dict[str, str] = {"ledger.events": "ledger", "trading.signals": "signals", "audit.logs": "audit"}
_TIMEOUT_S = 10.0

Connection = psycopg.Connection[tuple[Any, ...]]


class Extent(NamedTuple):
    """The offsets that Kafka has of a partition: from `start` up to, not including, `end`."""

    start: int
    end: int


class Reached(NamedTuple):
    """How far a projection is: the first record it has not taken, and the chain's head before that record."""

    next_offset: int
    head: Head


def extents(settings: Settings, topic: str) -> dict[int, Extent]:
    """By partition. topic: the name on the broker. Raises UnavailableError when Kafka or the topic is not there."""
    if not settings.kafka_bootstrap_servers:
        raise UnavailableError(
            "no Kafka: KAFKA_BOOTSTRAP_SERVERS is empty and no embedded server is running (`tape up`)"
        )
    consumer = kafka_consumer(settings, log_level=0)
    try:
        metadata = consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic]
        if metadata.error is not None:
            raise UnavailableError(f"topic {topic} is not there; expected `tape topics apply` to have run")
        found = {}
        for partition in sorted(metadata.partitions):
            start, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT_S)
            found[partition] = Extent(start, end)
        return found
    except KafkaException as error:
        raise UnavailableError(
            f"Kafka at {settings.kafka_bootstrap_servers} does not answer: {error.args[0].str()}"
        ) from error
    finally:
        consumer.close()


@contextmanager
def snapshot(settings: Settings) -> Iterator[Connection]:
    """One read-only view of the database as it is at the first query. Raises UnavailableError."""
    if not settings.database_url:
        raise UnavailableError("no database: DATABASE_URL is empty and no embedded server is running (`tape up`)")
    try:
        connection = psycopg.connect(settings.database_url, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise UnavailableError(f"the database does not answer: {' '.join(str(error).split())}") from error
    with connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        try:
            connection.execute("set local time zone 'UTC'")
            yield connection
        except psycopg.errors.UndefinedTable as error:
            raise UnavailableError(f"{error.diag.message_primary}; expected `tape db migrate` to have run") from error


def reached(connection: Connection, projection: str, topic: str) -> dict[int, Reached]:
    """By partition; a partition that is not there has not been begun."""
    rows = connection.execute(
        """select partition, next_offset, head_seq, head_hash from projection_progress
           where projection = %s and topic = %s""",
        (projection, topic),
    )
    return {partition: Reached(next_offset, Head(seq, bytes(hash_))) for partition, next_offset, seq, hash_ in rows}
