"""Records that nobody can read, and the dead letters that an agent makes of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from domain.commands import Deposit, OpenAccount
from runtime.clients import kafka_producer
from runtime.clock import now_us
from runtime.settings import Settings
from streams import codec
from streams.codec import Headers
from streams.deadletters import DeadLetters, Place
from streams.partitioning import partition_of
from streams.tape import TapeRecord, end_offsets, read_range

COMMANDS = "trading.commands"


def account_on(partition: int, partitions: int) -> str:
    """An account id whose key belongs there."""
    return next(name for n in range(1000) if partition_of((name := f"acc_{n}").encode(), partitions) == partition)


def opening(account: str) -> tuple[bytes, Headers]:
    command = OpenAccount(command_id=f"open-{account}", account_id=account, issued_at_us=now_us(), owner="Ada")
    return codec.encode(command, id_=command.command_id, source="test", time_us=1, subject=account)


def deposit(account: str, id_: str) -> tuple[bytes, Headers]:
    command = Deposit(command_id=id_, account_id=account, issued_at_us=now_us(), amount=Decimal("5.00"))
    return codec.encode(command, id_=id_, source="test", time_us=1, subject=account)


def put(
    settings: Settings,
    value: bytes | None,
    headers: Headers,
    key: bytes | None,
    partition: int,
    topic: str = COMMANDS,
) -> Place:
    """Put a record on a topic and return where it stands."""
    found: list[Place] = []
    producer = kafka_producer(settings, **{"message.max.bytes": 2_000_000})
    producer.produce(
        settings.topic(topic),
        key=key,
        value=value,
        headers=cast(Any, headers),
        partition=partition,
        on_delivery=lambda _error, m: found.append(Place(m.topic(), m.partition(), m.offset())),
    )
    assert producer.flush(20) == 0
    return found[0]


def record_at(settings: Settings, place: Place) -> TapeRecord:
    (record,) = read_range(settings, place.topic, place.partition, place.offset, place.offset + 1)
    return record


def bury(
    settings: Settings, place: Place, reason: str = "it is poison", service: str = "ledger", copies: int = 1
) -> Place:
    """Make a dead letter of a record, as the agent of a service does; again, as it does after a restart."""
    letters = DeadLetters(settings, service, kafka_producer(settings))
    for _ in range(copies):
        letters.add(record_at(settings, place), reason)
    letters.flush()
    return place


def records(settings: Settings, topic: str = COMMANDS) -> list[TapeRecord]:
    """All records of a topic."""
    name = settings.topic(topic)
    return [record for p in end_offsets(settings, name) for record in read_range(settings, name, p)]


def retries(settings: Settings, place: Place, topic: str = COMMANDS) -> list[TapeRecord]:
    """The records that say that they are a retry of a place."""
    wanted = ("retried-from", str(place).encode())
    return [record for record in records(settings, topic) if wanted in record.headers]
