"""Faust, set up the way this project needs it (docs/adr: consume through aiokafka with a short fetch wait).

The stock driver waits up to 1.5 s for a busy partition when an idle one is on the same broker, assigns co-partitioned
topics apart when workers and partitions do not divide, and starts from committed offsets. Here: a short wait, ranges
(partition n of every topic goes to one worker), and the offsets that the caller names.

A rebalance right after a broker has come back may find a leader of the group whose metadata has no partitions yet; the
stock assignor then gives nobody anything, and nothing is read for minutes. The number of partitions never changes
(design: fixed partitions), so here it is taken from the settings.

At a rebalance the stock consumer waits until every message that it counts is acknowledged, and after a broker's crash
it may count one that it never handed over: the group then stands still for ever. Here it does not wait. What was under
way is decided again from the chain, by whoever has the partition (design promises 3 and 4).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any

import faust
import uvloop
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faust.auth import Credentials, SASLCredentials, SSLCredentials
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from domain.errors import UnavailableError
from runtime import stopping
from runtime.clients import kafka_ssl
from runtime.settings import Settings
from streams.eager import Begun
from streams.tape import TapeRecord

log = logging.getLogger(__name__)
Seek = Callable[[set[TP]], Awaitable[Mapping[TP, int]]]
_STOP_S = 7.0
_METADATA_AGE_MS = 10_000
"""So long after somebody altered a topic's partitions the group is assigned anew, and its members see it."""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The loop that an app runs in; Faust's threads get loops of the same kind. To be made before the app."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def make_app(settings: Settings, service: str, seek: Seek | None = None) -> faust.App:
    """An app whose consumer group is the service's name. seek: given the assigned partitions, where to start in each;
    partitions that it leaves out start from the committed offset, or the beginning.
    """
    folder = settings.tape_home / "faust" / service
    folder.mkdir(parents=True, exist_ok=True)  # Faust wants it to be there, though nothing is put in it
    app = faust.App(
        id=settings.topic_prefix + service,
        broker=";".join(f"kafka://{address}" for address in settings.kafka_bootstrap_servers.split(",")),
        broker_credentials=_credentials(settings),
        datadir=str(folder),
        key_serializer="raw",
        value_serializer="raw",
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.worker_instance or None,
        broker_session_timeout=settings.session_timeout_ms / 1000,
        broker_heartbeat_interval=settings.session_timeout_ms / 3000,
        broker_rebalance_timeout=max(10.0, settings.session_timeout_ms / 1000),
        broker_request_timeout=300.0,
        broker_commit_interval=0.5,
        consumer_metadata_max_age_ms=_METADATA_AGE_MS,
        stream_buffer_maxsize=settings.batch_records_max * 4,
        stream_wait_empty=False,
        worker_redirect_stdouts=False,
        logging_config=None,
    )
    app.transport = _transport(settings, seek)(url=app.conf.broker_consumer, app=app, loop=app.loop)
    return app


def _credentials(settings: Settings) -> Credentials | None:
    """How Faust's connections to Kafka are secured."""
    context = kafka_ssl(settings)
    if settings.kafka_security_protocol.startswith("SASL"):
        return SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password.get_secret_value(),
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return None if context is None else SSLCredentials(context)


def fixed_ranges(partitions: int) -> type[RangePartitionAssignor]:
    """aiokafka's range assignor for topics that all have so many partitions, whatever the broker says just now."""

    class Known:
        def partitions_for_topic(self, _: str) -> set[int]:
            return set(range(partitions))

    class FixedRanges(RangePartitionAssignor):  # type: ignore[misc]  # aiokafka has no types
        @classmethod
        def assign(cls, cluster: Any, members: Any) -> Any:
            return super().assign(Known(), members)

    return FixedRanges


def _transport(settings: Settings, seek: Seek | None) -> type[driver.Transport]:
    class ConsumerThread(driver.AIOKafkaConsumerThread):
        def _create_worker_consumer(self, transport: driver.Transport) -> Any:
            consumer = super()._create_worker_consumer(transport)
            consumer._fetch_max_wait_ms = settings.fetch_wait_ms_max
            consumer._partition_assignment_strategy = [fixed_ranges(settings.partitions)]
            return consumer

    class Consumer(driver.Consumer):
        def _new_consumer_thread(self) -> ConsumerThread:
            return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

        async def wait_first(self, *waiting: Any, timeout: Any = None) -> Any:  # noqa: ASYNC109  # Faust's signature
            """For each message Faust waits for its delivery or for one of three events, in four tasks. A delivery that
            need not wait is done here without them. It is what Faust waits for first, and the answer is not looked at.
            """
            delivery, *events = waiting
            if timeout is not None or not asyncio.iscoroutine(delivery):
                return await super().wait_first(*waiting, timeout=timeout)
            begun = Begun(delivery)
            if not begun.done:
                return await super().wait_first(begun, *events)
            for event in events:
                event.close()
            return None

        async def perform_seek(self) -> None:
            await super().perform_seek()
            if seek is not None:
                offsets = await seek(set(self.assignment()))
                for partition, offset in offsets.items():
                    await self.seek(partition, offset)
                # The committed offsets say where the chain is, also when a worker died before it could commit:
                # whoever measures the lag by them must not count what is decided.
                await self._commit(offsets)
                self._committed_offset.update({tp: offset or None for tp, offset in offsets.items()})

    class Transport(driver.Transport):
        pass

    Transport.Consumer = Consumer
    return Transport


def run_app(app: faust.App, failed: asyncio.Future[None], companions: Iterable[Coroutine[Any, Any, None]] = ()) -> None:
    """Run until SIGTERM or SIGINT, or until `failed` has an exception, which is raised after the app has stopped.

    companions: run beside the app, and cancelled with it; an exception in one of them ends all, too.
    Raises RuntimeError when Faust itself crashed. A server that is away is no failure of a worker that is to stop.
    """
    failed.get_loop().run_until_complete(_main(app, failed, companions))


async def _main(app: faust.App, failed: asyncio.Future[None], companions: Iterable[Coroutine[Any, Any, None]]) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    stopping.on_signal(stop.set, loop)
    starting = loop.create_task(app.start())  # it waits for Kafka, which may be away
    stopped = loop.create_task(stop.wait())
    await asyncio.wait([starting, stopped], return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        for companion in companions:
            companion.close()
        return
    starting.result()

    def ended(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not failed.done():
            log.critical("%s cannot go on: %s", app.conf.id, error, exc_info=error)
            failed.set_exception(error)

    tasks = [loop.create_task(companion) for companion in companions]
    for task in tasks:
        task.add_done_callback(ended)
    watch: list[asyncio.Future[Any]] = [
        failed,
        stopped,
        asyncio.ensure_future(app.wait_until_stopped()),
    ]
    await asyncio.wait(watch, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    try:
        await asyncio.wait_for(asyncio.gather(app.stop(), *tasks, return_exceptions=True), _STOP_S)
    except TimeoutError:
        log.warning("the app did not stop within %s s; leaving it", _STOP_S)
    if failed.done() and not (stop.is_set() and isinstance(failed.exception(), UnavailableError)):
        failed.result()
    if not stop.is_set():
        raise RuntimeError(f"the Faust app {app.conf.id} stopped by itself: {app.crash_reason!r}")


def record_of(message: Any) -> TapeRecord:
    """A Faust message as the broker had it."""
    return TapeRecord(
        message.topic,
        message.partition,
        message.offset,
        int((message.timestamp or 0) * 1000),
        message.key,
        message.value,
        list(message.headers or ()),
    )
