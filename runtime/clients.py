"""Clients of the three servers, configured in one place.

Every producer partitions by murmur2, as the Java client, aiokafka and Faust do: a key has one partition, whoever sends.
"""

from __future__ import annotations

import logging
import ssl
from typing import Any

import psycopg
import redis
import redis.asyncio
from confluent_kafka import Consumer, Message, Producer
from confluent_kafka.admin import AdminClient

from domain.errors import UnavailableError
from runtime.settings import Settings

_log = logging.getLogger("kafka")
"""What librdkafka says; without a logger it writes to standard error, a line for each failed attempt to connect."""


def kafka_address(settings: Settings) -> dict[str, Any]:
    """Where librdkafka finds Kafka, and how the connection is secured."""
    config: dict[str, Any] = {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "security.protocol": settings.kafka_security_protocol,
    }
    for name, file in (
        ("ssl.ca.location", settings.kafka_ssl_ca),
        ("ssl.certificate.location", settings.kafka_ssl_certificate),
        ("ssl.key.location", settings.kafka_ssl_key),
    ):
        if file is not None:
            config[name] = str(file)
    if settings.kafka_security_protocol.startswith("SASL"):
        config["sasl.mechanism"] = settings.kafka_sasl_mechanism
        config["sasl.username"] = settings.kafka_sasl_username
        config["sasl.password"] = settings.kafka_sasl_password.get_secret_value()
    return config


def kafka_ssl(settings: Settings) -> ssl.SSLContext | None:
    """The TLS of aiokafka's connections; None where Kafka is reached without. Raises UnavailableError."""
    if not settings.kafka_security_protocol.endswith("SSL"):
        return None
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ssl_ca)
        if settings.kafka_ssl_certificate is not None:
            context.load_cert_chain(settings.kafka_ssl_certificate, settings.kafka_ssl_key, password=_no_password)
    except (ssl.SSLError, OSError) as error:
        raise UnavailableError(f"KAFKA_SSL_CA, _CERTIFICATE and _KEY do not make a TLS client: {error}") from error
    return context


def _no_password() -> str:
    raise ssl.SSLError("the key has a password, expected one without")


def kafka_producer(settings: Settings, **overrides: Any) -> Producer:
    """An idempotent producer: acks=all, no reordering, no duplicates from its own retries."""
    return Producer(
        {
            **kafka_address(settings),
            "enable.idempotence": True,
            "acks": "all",
            "partitioner": "murmur2_random",
            "linger.ms": 0,
            "logger": _log,
            **overrides,
        }
    )


def kafka_consumer(settings: Settings, **overrides: Any) -> Consumer:
    """A consumer that commits nothing and sees each partition's end; assign it, or pass a group.id to subscribe."""
    return Consumer(
        {
            **kafka_address(settings),
            "group.id": "unused",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "logger": _log,
            **overrides,
        }
    )


def gathering(wait_ms: int) -> dict[str, int]:
    """Overrides for a consumer that can wait so long: the broker answers it in fewer, larger pieces.

    For readers whose work is cheaper in batches; a reader that somebody waits for does without.
    """
    return {"fetch.min.bytes": 262_144, "fetch.wait.max.ms": wait_ms}


def consume_ready(consumer: Consumer, max_records: int, timeout_s: float) -> list[Message]:
    """Wait up to `timeout_s` for a first message, then take along what is there already, at most `max_records`.

    Consumer.consume alone waits out its timeout unless it gets as many as it may take.
    """
    first = consumer.poll(timeout_s)
    return [] if first is None else [first, *consumer.consume(max_records - 1, timeout=0)]


def kafka_admin(settings: Settings) -> AdminClient:
    config: dict[str, Any] = {**kafka_address(settings), "logger": _log}
    return AdminClient(config)


def redis_async(settings: Settings, text: bool = True) -> redis.asyncio.Redis:
    """text: answers are text, and bytes that are no UTF-8 an error; else bytes. Commands time out after 5 s."""
    return redis.asyncio.Redis.from_url(
        settings.redis_url, decode_responses=text, socket_timeout=5, socket_connect_timeout=2
    )


def redis_sync(settings: Settings) -> redis.Redis:
    return redis.Redis.from_url(settings.redis_url, decode_responses=True, socket_timeout=5, socket_connect_timeout=2)


def postgres(settings: Settings, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection as the owner. The query side uses `database_reader_url` and a pool of its own."""
    return psycopg.connect(settings.database_url, **options)


def postgres_projector(settings: Settings, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection as the role that writes the read models; as the owner where no address of it is given."""
    return psycopg.connect(settings.database_projector_url or settings.database_url, **options)


def postgres_backtests(settings: Settings, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection as the role that writes backtests' rows alone; as the owner where no address of it is given."""
    return psycopg.connect(settings.database_backtests_url or settings.database_url, **options)


def postgres_reader(settings: Settings, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection as the role that can only select. Raises psycopg.OperationalError, without an address as well."""
    if not settings.database_reader_url:
        raise psycopg.OperationalError("DATABASE_READER_URL is not set")
    return psycopg.connect(settings.database_reader_url, **options)
