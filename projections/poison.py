"""The one record of a batch that cannot be projected: found by halving the batch, with everything before it written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from confluent_kafka import KafkaException

from domain.errors import ChainError, TapeledgerError, UnavailableError
from projections.progress import Overtaken
from projections.sources import Batch, Positions, first, place, type_of

# What heals by waiting: a server that is away or restarts, a deadlock that we lost, tables that are not migrated yet.
AWAY = (
    UnavailableError,
    KafkaException,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidCatalogName,
)


class Poison(TapeledgerError):
    """A record that cannot be projected. type: its ce_type, None where it has none. problem: what came of trying.

    heals: trying again may help, because it was the database that refused it.
    """

    def __init__(self, topic: str, item: Any, cause: Exception) -> None:
        self.topic = topic
        self.partition, self.offset = place(item)
        self.type = type_of(item)
        self.heals = isinstance(cause, psycopg.Error)
        self.problem = " ".join(str(cause).split()) or repr(cause)
        if not isinstance(cause, TapeledgerError):
            self.problem = f"{type(cause).__name__}: {self.problem}"
        where = f"{topic}/{self.partition} at offset {self.offset}"
        told = self.problem.removeprefix(f"{where}: ")
        super().__init__(f"{where}: {self.type or 'a record without a type'} cannot be projected: {told}")


def write_up_to(batch: Batch, topic: str, before: Callable[[], Positions], write: Callable[[Batch], None]) -> None:
    """Write a batch whole, or all of it that stands before the first record that cannot be written.

    before: where the partitions stand now. write: one transaction. Raises Poison, or ChainError where that is what
    `write` says of the record; Overtaken, and what heals by waiting.
    """
    try:
        write(batch)
    except (Overtaken, *AWAY):
        raise
    except Exception as error:
        if not batch.items:
            raise
        if len(batch.items) == 1 and isinstance(error, ChainError):
            raise
        if len(batch.items) == 1:
            raise Poison(topic, batch.items[0], error) from error
        one, other = first(batch, len(batch.items) // 2, before())
        write_up_to(one, topic, before, write)
        write_up_to(other, topic, before, write)
