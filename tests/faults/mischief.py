"""Inputs that nobody should send: old records again and out of order, and records that cannot be read."""

from __future__ import annotations

import json
import random
from functools import partial
from typing import Any, NamedTuple, cast

import redis
from confluent_kafka import Consumer, KafkaException, TopicPartition

from runtime.clients import kafka_consumer, kafka_producer
from runtime.settings import Settings

_TIMEOUT_S = 60.0  # longer than Kafka is ever away: what was sent has landed, and we know where


class Poison(NamedTuple):
    """Where an unreadable record landed: topic:partition:offset."""

    place: str


class Mischief:
    """Speaks to the servers past the wires, so that it can always say what it did."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.poisons: list[Poison] = []
        self.repeated = 0

    def flush(self) -> None:
        """FLUSHALL: Redis forgets everything."""
        client = redis.Redis.from_url(self._settings.redis_url, socket_timeout=2, socket_connect_timeout=2)
        try:
            client.flushall()
        except redis.RedisError:
            return  # it is away
        finally:
            client.close()

    def repeat(self, name: str, count: int, chance: random.Random) -> None:
        """So many records of an input's topic once more, bytes and all, shuffled."""
        topic = self._settings.topic(name)
        consumer = kafka_consumer(self._settings)
        producer = kafka_producer(self._settings, **{"message.timeout.ms": int(_TIMEOUT_S * 1_000)})
        try:
            records = [
                message
                for partition in range(self._settings.partitions)
                for message in _some(consumer, topic, partition, count, chance)
            ]
            chance.shuffle(records)
            for message in records[:count]:
                unreadable = _place(name, message) in {poison.place for poison in self.poisons}
                producer.produce(
                    topic,
                    key=message.key(),
                    value=message.value(),
                    headers=cast(Any, message.headers()),
                    partition=message.partition(),
                    on_delivery=partial(self._landed, name) if unreadable else None,
                )
            producer.flush(_TIMEOUT_S)
            self.repeated += min(count, len(records))
        except KafkaException:
            return  # Kafka is away: then nothing is repeated
        finally:
            consumer.close()

    def poison(self, name: str, count: int, chance: random.Random) -> None:
        """Unreadable records of several kinds on an input, or on the engine's queue."""
        if name == "execution.orders":
            self._poison_queue(count)
            return
        producer = kafka_producer(self._settings, **{"message.timeout.ms": int(_TIMEOUT_S * 1_000)})

        for _ in range(count):
            key, value, headers, partition = _unreadable(chance, self._settings.partitions)
            producer.produce(
                self._settings.topic(name),
                key=key,
                value=value,
                headers=cast(Any, headers),
                partition=partition,
                on_delivery=partial(self._landed, name),
            )
        producer.flush(_TIMEOUT_S)

    def _landed(self, name: str, error: Any, message: Any) -> None:
        if error is None and name != "market.ticks":  # no agent of this house reads ticks
            self.poisons.append(Poison(_place(name, message)))

    def _poison_queue(self, count: int) -> None:
        client = redis.Redis.from_url(self._settings.redis_url, socket_timeout=2, socket_connect_timeout=2)
        try:
            for number in range(count):
                fields = {"dispatch": "{" * number} if number % 2 else {"nothing": b"\xff\x00"}
                client.xadd(self._settings.execution_stream, cast(Any, fields))
        except redis.RedisError:
            return
        finally:
            client.close()


def _place(name: str, message: Any) -> str:
    return f"{name}:{message.partition()}:{message.offset()}"


def _some(consumer: Consumer, topic: str, partition: int, count: int, chance: random.Random) -> list[Any]:
    """Up to `count` records of a partition: its newest, whose orders are still open, or some from a random place."""
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=5)
    if low >= high:
        return []
    newest = max(low, high - count)
    start = newest if chance.random() < 0.5 else chance.randint(low, newest)
    consumer.assign([TopicPartition(topic, partition, start)])
    found = [message for message in consumer.consume(count, 0.5) if message.error() is None]
    consumer.unassign()
    return found


def _unreadable(
    chance: random.Random, partitions: int
) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes]], int]:
    """Key, value, headers and partition of a record that no agent can read."""
    partition = chance.randrange(partitions)
    type_ = ("ce_type", b"tapeledger.Deposit.v1")
    body = {"command_id": "x", "account_id": "acc_f1", "issued_at_us": 1, "amount": "1.00"}
    kinds: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]] = [
        (b"acc_f1", b"\x00\xff\xfe", [type_]),
        (None, None, []),
        (b"acc_f1", b"{}", [type_]),
        (b"acc_f1", json.dumps(body).encode(), []),
        (b"somebody else", json.dumps(body).encode(), [type_]),
        (b"acc_f1", json.dumps(body).encode(), [("ce_type", b"tapeledger.Deposit.v99")]),
        (b"acc_f1", json.dumps({**body, "amount": "NaN and more"}).encode(), [type_]),
        (b"acc_f1", b"[" * 5_000, [type_]),
    ]
    return (*chance.choice(kinds), partition)
