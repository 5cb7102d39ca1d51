"""How far the ledger is behind: the age of the oldest command that it has not decided.

What it has decided is read from the offsets that its consumer group has committed (they exist for lag alone: the ledger
itself finds its place from the chain, and commits that place whenever it is assigned partitions). Where they cannot be
had, because Kafka is away or the ledger never ran, nothing is said: a lag that is not known refuses no command.
Verification: tests/api/test_ledger_lag.py.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from api.gateway.producer import LOG_CRITICAL
from api.problems import unavailable
from domain.errors import TopologyError
from runtime import metrics
from runtime.clients import kafka_admin, kafka_consumer
from runtime.clock import now_us
from runtime.partitions import check_partitions
from runtime.settings import Settings
from runtime.topic_ends import topic_ends

COMMANDS, REQUESTS = "trading.commands", "signals.requests"
_EVERY_S = 1.0
_TIMEOUT_S = 2.0  # of each request to Kafka; bounds the stop, too
_FETCH_S = 1.0
_FIRST_LOOK_S = 3.0
_CHECK_EVERY = 10
_RETRY_AFTER_S = 5
_log = logging.getLogger(__name__)


class LedgerLag:
    """Looks once a second, in a thread. seconds: the lag, None while it is not known.

    failure: set when the topics have another number of partitions than this ledger; nothing may be sent then.
    """

    def __init__(self, settings: Settings) -> None:
        self.seconds: float | None = None
        self.failure: TopologyError | None = None
        self._settings = settings
        self._topic = settings.topic(COMMANDS)
        self._created_ms: dict[tuple[int, int], int] = {}  # (partition, offset) -> CreateTime, of the oldest undecided
        self._looked = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-lag", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    async def admit(self) -> None:
        """Raises ProblemError 503 when the ledger is too far behind to take more, and TopologyError; see `failure`.

        The first commands wait for the first look, at most _FIRST_LOOK_S.
        """
        if not self._looked.is_set() and self._thread.is_alive():
            await asyncio.to_thread(self._looked.wait, _FIRST_LOOK_S)
        if self.failure is not None:
            raise self.failure
        seconds, seconds_max = self.seconds, self._settings.api_ledger_lag_s_max
        if seconds is not None and seconds > seconds_max:
            raise unavailable(
                "LEDGER_BEHIND",
                f"the ledger is {seconds:.0f} s behind, expected at most {seconds_max:g} s; nothing was sent",
                retry_after_s=_RETRY_AFTER_S,
            )

    def _run(self) -> None:
        quiet = {"log_level": LOG_CRITICAL, "fetch.message.max.bytes": 65_536, "queued.max.messages.kbytes": 1_024}
        consumer = kafka_consumer(self._settings, **{"group.id": self._settings.topic("ledger"), **quiet})
        admin = kafka_admin(self._settings)
        rounds = 0
        try:
            while not self._stopping.is_set():
                self._look(consumer, admin, with_topics=rounds % _CHECK_EVERY == 0 or self.seconds is None)
                rounds += 1
                self._stopping.wait(_EVERY_S)
        finally:
            consumer.close()

    def _look(self, consumer: Consumer, admin: AdminClient, *, with_topics: bool) -> None:
        try:
            if with_topics:
                self._check_topics(consumer)
            self.seconds = self._measure(consumer, admin)
        except KafkaException as error:
            _log.debug("the ledger's lag is not known: %s", error)
            self.seconds = None
        except TopologyError as error:
            self.failure = error
        self._looked.set()
        metrics.ledger_lag_seconds.set(math.nan if self.seconds is None else self.seconds)

    def _check_topics(self, consumer: Consumer) -> None:
        topics = consumer.list_topics(timeout=_TIMEOUT_S).topics
        live = {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}
        check_partitions(self._settings, live, (COMMANDS, REQUESTS))
        self.failure = None

    def _measure(self, consumer: Consumer, admin: AdminClient) -> float | None:
        """Seconds; 0 when all is decided. None when no partition's progress is known. Raises KafkaException."""
        partitions = [TopicPartition(self._topic, number) for number in range(self._settings.partitions)]
        decided = {
            tp.partition: tp.offset for tp in consumer.committed(partitions, timeout=_TIMEOUT_S) if tp.offset >= 0
        }
        if not decided:
            return None
        ends = topic_ends(admin, [(self._topic, number) for number in decided], _TIMEOUT_S)
        behind = {(number, offset) for number, offset in decided.items() if offset < ends[self._topic, number]}
        self._created_ms = {place: at for place, at in self._created_ms.items() if place in behind}
        self._fetch(consumer, behind - self._created_ms.keys())
        oldest_ms = min(self._created_ms.values(), default=None)
        return 0.0 if oldest_ms is None else max(0.0, now_us() / 1_000_000 - oldest_ms / 1_000)

    def _fetch(self, consumer: Consumer, places: set[tuple[int, int]]) -> None:
        """When the commands at these places were made. What does not come in time is asked for in the next round."""
        if not places:
            return
        missing = dict(places)
        consumer.assign([TopicPartition(self._topic, number, offset) for number, offset in places])
        deadline = time.monotonic() + _FETCH_S
        while missing and (left_s := deadline - time.monotonic()) > 0:
            message = consumer.poll(left_s)
            if message is None or message.error() is not None:
                continue
            number, offset = message.partition(), message.offset()
            assert number is not None
            assert offset is not None
            if missing.get(number) == offset:
                del missing[number]
                self._created_ms[number, offset] = message.timestamp()[1]
        consumer.unassign()
