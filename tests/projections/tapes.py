"""Tapes for tests: sealing messages into records, putting them on Kafka, and reading the tables back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg

from domain.signals import SignalGenerated
from projections.ticks import Print
from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams import codec
from streams.codec import Cause, Headers
from streams.tape import Head, TapeRecord, genesis, seal
from tests.projections import story

TABLES = (
    "tape_records",
    "tape_causes",
    "accounts",
    "balances",
    "journal_postings",
    "orders",
    "order_events",
    "order_groups",
    "order_history",
    "fills",
    "rebalance_events",
    "command_rejections",
    "operator_actions",
    "fill_corrections",
    "position_changes",
    "positions",
    "lots",
    "order_book_orders",
    "order_book_history",
    "order_book_levels",
    "reconciliation_breaks",
    "signals",
    "signal_refusals",
    "signal_outcomes",
    "model_outcomes",
    "audit_actions",
    "audit_refusals",
    "access_users",
    "access_keys",
    "desk_events",
    "desk_controls",
    "desk_marks",
    "ticks",
    "portfolio_values",
)
BARS = ("bars_1m", "bars_5m", "bars_15m", "bars_1h", "bars_1d")
VERSIONS = ("projection_versions", "projection_stops", "projection_skips", "projection_actions")
"""Of projections, not of what they project."""


def unsealed(message: Any, number: int) -> tuple[bytes, bytes, Headers]:
    """Key, value and headers of a message that answers input `number`."""
    subject = message.symbol if isinstance(message, SignalGenerated) else message.originator_id
    time_us = getattr(message, "recorded_at_us", None) or message.timestamp
    value, headers = codec.encode(
        message,
        id_=f"evt-{subject}-{number}",
        source="test",
        time_us=time_us,
        subject=subject,
        cause=Cause("trading.commands", 0, number, f"cmd-{number}"),
    )
    return subject.encode(), value, headers


class Tape:
    """One partition, record by record, as its only writer would write it."""

    def __init__(self, topic: str, partition: int) -> None:
        self.topic, self.partition = topic, partition
        self.head = Head(0, genesis(topic, partition))
        self.records: list[tuple[TapeRecord, bool]] = []

    def write(self, message: Any) -> TapeRecord:
        """A live record behind the head."""
        record = self.after(self.head, message)
        self.head = head_of(record)
        return record

    def after(self, head: Head, message: Any) -> TapeRecord:
        """A record behind any head: dead, unless it is the tape's own."""
        key, value, headers = unsealed(message, len(self.records))
        _, sealed = seal(head.seq + 1, head.hash, key, value, headers)
        record = TapeRecord(self.topic, self.partition, len(self.records), 1_767_225_600_123, key, value, sealed)
        self.records.append((record, head == self.head))
        return record


def head_of(record: TapeRecord) -> Head:
    found = dict(record.headers)
    return Head(int(found["tape-seq"]), bytes.fromhex(found["tape-hash"].decode()))


def story_tapes(topic: str) -> list[Tape]:
    """Ann's tape (partition 0) and Bob's (partition 1)."""
    tapes = [Tape(topic, 0), Tape(topic, 1)]
    for tape, events in zip(tapes, (story.ann(), story.bob()), strict=True):
        for event in events:
            tape.write(event)
    return tapes


def story_prints() -> list[Print]:
    """The story's ticks: X on partition 0, Y on partition 1."""
    offsets = {"X": iter(range(100)), "Y": iter(range(100))}
    return [Print("XY".index(tick.symbol), next(offsets[tick.symbol]), tick) for tick in story.ticks()]


def produce(settings: Settings, records: Iterable[TapeRecord]) -> None:
    """Put records on Kafka, each on its partition, in order."""
    producer = kafka_producer(settings)
    failures: list[Any] = []
    for record in records:
        producer.produce(
            record.topic,
            key=record.key,
            value=record.value,
            headers=list(record.headers),
            partition=record.partition,
            timestamp=record.timestamp_ms,
            on_delivery=lambda error, _: failures.append(error) if error else None,
        )
        producer.poll(0)
    producer.flush(20)

    assert not failures


def tick_records(settings: Settings, prints: Sequence[Print]) -> list[TapeRecord]:
    """Ticks as the feed publishes them."""
    found = []
    for partition, offset, tick in prints:
        value, headers = codec.encode(
            tick, id_=f"{partition}:{offset}", source="feed", time_us=tick.market_time_us, subject=tick.symbol
        )
        found.append(
            TapeRecord(settings.topic("market.ticks"), partition, offset, 0, tick.symbol.encode(), value, headers)
        )
    return found


def dump(connection: psycopg.Connection[Any], tables: Sequence[str] = TABLES) -> dict[str, list[Any]]:
    """All rows of all tables, in an order of their own."""
    return {
        table: sorted(connection.execute(f"select * from {table}".encode()).fetchall(), key=repr) for table in tables
    }


def digest(rows: Mapping[str, list[Any]]) -> str:
    """A name for a dump, by its values and not by their scales."""
    return hashlib.sha256(repr({table: [_plain(row) for row in rows[table]] for table in rows}).encode()).hexdigest()


def _plain(row: Sequence[Any]) -> list[Any]:
    return [value.normalize() if isinstance(value, Decimal) else value for value in row]


def us(time: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return round(time.timestamp() * 1_000_000)
