"""Where topics end on the broker."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]


def topic_ends(admin: AdminClient, places: Iterable[tuple[str, int]], timeout_s: float) -> dict[tuple[str, int], int]:
    """(topic on the broker, partition) -> the offset of the record that comes next there. Blocks.

    Raises KafkaException, also when one of the places is not there or has no leader.
    """
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = {TopicPartition(topic, partition): latest for topic, partition in places}
    if not asked:
        return {}
    answers = admin.list_offsets(asked, request_timeout=timeout_s)
    return {(place.topic, place.partition): answer.result().offset for place, answer in answers.items()}
