"""What the query side asks Kafka: where topics end, and how far agents have decided their inputs. No record is read.

Each question is bounded in time; where Kafka does not answer, the answer is None.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from functools import cached_property

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from runtime.clients import kafka_admin
from runtime.settings import Settings

_REQUEST_S = 1.0
_GRACE_S = 0.5  # for a client that cannot even find out that nobody is there
_log = logging.getLogger(__name__)


class Broker:
    """Connects with the first question."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _client(self) -> AdminClient:
        return kafka_admin(self._settings)

    async def ends(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int] | None:
        """(topic on the broker, partition) -> the offset of the record that comes next; missing ones are left out."""
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {TopicPartition(topic, partition): latest for topic, partition in places}
        if not asked:
            return {}
        found: dict[tuple[str, int], int] = {}
        try:
            async with asyncio.timeout(_REQUEST_S + _GRACE_S):
                for place, answer in self._client.list_offsets(asked, request_timeout=_REQUEST_S).items():
                    found[place.topic, place.partition] = (await asyncio.wrap_future(answer)).offset
        except (KafkaException, TimeoutError) as error:
            _log.debug("where topics end is not known: %s", error)
            return None
        return found

    async def decided(self, service: str, topic: str, partition: int) -> int | None:
        """Behind the last input (of a topic on the broker) that the service has decided; it says so twice a second."""
        group = self._settings.topic(service)
        asked = [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, partition)])]
        try:
            async with asyncio.timeout(_REQUEST_S + _GRACE_S):
                answers = self._client.list_consumer_group_offsets(asked, request_timeout=_REQUEST_S)
                found = await asyncio.wrap_future(answers[group])
        except (KafkaException, TimeoutError) as error:
            _log.debug("how far %s is is not known: %s", group, error)
            return None
        offset: int = found.topic_partitions[0].offset
        return offset if offset >= 0 else None
