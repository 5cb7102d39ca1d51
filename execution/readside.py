"""How far the read side is: `ledger.events` as Kafka has it, and as the projection has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from confluent_kafka.admin import AdminClient

from runtime.clients import kafka_admin
from runtime.settings import Settings
from runtime.topic_ends import topic_ends

TAPE = "ledger.events"
Connection = psycopg.Connection[tuple[Any, ...]]
_KAFKA_S = 5.0
_PROGRESS = "select partition, next_offset from projection_progress where projection = 'ledger'"


def connection_of(who: str, *more: str) -> Mapping[str, Any]:
    """Options of a reader's connection. more: settings of the session, such as `timezone=UTC`."""
    options = ("statement_timeout=5000", "default_transaction_read_only=on", *more)
    return {
        "connect_timeout": 5,
        "application_name": f"tapeledger {who}",
        "options": " ".join(f"-c {option}" for option in options),
    }


def progress(connection: Connection) -> dict[int, int]:
    """Of each partition the offset from which the projection reads on. Raises psycopg.Error. Blocks."""
    return dict(connection.execute(_PROGRESS).fetchall())


class LedgerEnds:
    """Where the tape of the ledger ends; the client is made when first asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin: AdminClient | None = None

    def read(self) -> dict[int, int]:
        """Of each partition the offset after the last record. Blocks. Raises KafkaException."""
        if self._admin is None:
            self._admin = kafka_admin(self._settings)
        topic = self._settings.topic(TAPE)
        places = [(topic, partition) for partition in range(self._settings.partitions)]
        return {partition: end for (_, partition), end in topic_ends(self._admin, places, _KAFKA_S).items()}
