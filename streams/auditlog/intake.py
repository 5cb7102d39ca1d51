"""Sending actions to the audit agent. Whoever does something worth recording does it with this."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from domain.actions import RecordAction
from domain.errors import UnavailableError
from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams import codec

INTAKE = "audit.intake"
_TIMEOUT_S = 15.0


def send(settings: Settings, actions: Iterable[RecordAction], source: str) -> None:
    """Put actions on `audit.intake` and return when Kafka has them all: then they will be recorded, or refused.

    source: the sender's name. Sending one again is harmless, its id is known. Raises UnavailableError when Kafka did
    not take one; others of the call may have been taken.
    """
    producer = kafka_producer(settings, **{"message.timeout.ms": int(_TIMEOUT_S * 1_000), "linger.ms": 5})
    failed: list[str] = []

    def delivered(error: Any, _: Any) -> None:
        if error is not None:
            failed.append(str(error))

    for action in actions:
        value, headers = codec.encode(
            action, id_=action.action_id, source=source, time_us=action.issued_at_us, subject=action.subject
        )
        producer.produce(
            settings.topic(INTAKE),
            key=action.subject.encode(),
            value=value,
            headers=cast(Any, headers),
            on_delivery=delivered,
        )
        producer.poll(0)
    left = producer.flush(_TIMEOUT_S + 1)
    if left or failed:
        raise UnavailableError(
            f"{settings.topic(INTAKE)}: Kafka did not take {left + len(failed)} of the actions: "
            f"{failed[0] if failed else 'no answer'}"
        )
