"""A trading floor for the tests: real Kafka and Redis, the engine's workers, and the test in the ledger's place."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar, cast

import msgspec
import redis
from confluent_kafka import Producer, TopicPartition

from domain.dispatch import Dispatch
from domain.market import Tick, TickRef
from domain.reports import Report
from execution.engine import Engine
from execution.paper import PaperParameters, PaperVenue
from runtime.clients import kafka_consumer, kafka_producer, redis_sync
from runtime.settings import Settings
from streams import codec
from tests.execution.examples import NO_COSTS

R = TypeVar("R")
PATIENCE_S = 30.0
_encode = msgspec.json.Encoder(decimal_format="string").encode


class Floor:
    """Publishes ticks, writes dispatches, reads reports; starts and stops workers in this process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.redis: redis.Redis = redis_sync(settings)
        self.reports: list[Any] = []
        self.headers: list[codec.Headers] = []
        self._producer: Producer = kafka_producer(settings)
        self._consumer = kafka_consumer(settings)
        topic = settings.topic("execution.reports")
        self._consumer.assign([TopicPartition(topic, partition, 0) for partition in range(settings.partitions)])
        self._workers: dict[str, tuple[Engine, asyncio.Event, asyncio.Task[None]]] = {}

    # The market

    def publish(self, symbol: str = "AAPL", price: str = "100", volume: str = "1000", second: int = 0) -> TickRef:
        """Put a tick on the market and say where it is."""
        tick = Tick(symbol=symbol, market_time_us=second * 1_000_000, price=Decimal(price), volume=Decimal(volume))
        value, headers = codec.encode(tick, id_="t", source="test", time_us=0, subject=symbol)
        partition, offset = self.produce(value, headers, key=symbol)
        return TickRef(partition=partition, offset=offset, market_time_us=tick.market_time_us)

    def produce(self, value: bytes, headers: codec.Headers, key: str = "AAPL") -> tuple[int, int]:
        """Put any bytes on `market.ticks`."""
        placed: list[tuple[int, int]] = []

        def delivered(error: Any, message: Any) -> None:
            assert error is None, error
            placed.append((message.partition(), message.offset()))

        self._producer.produce(
            self.settings.topic("market.ticks"), value, key, headers=cast(Any, headers), on_delivery=delivered
        )
        assert self._producer.flush(10) == 0
        return placed[0]

    # The ledger

    def send(self, dispatch: Dispatch, traceparent: str = "") -> str:
        """Hand an order to the engine, as the ledger does."""
        return self.send_raw({"dispatch": _encode(dispatch), "traceparent": traceparent})

    def send_raw(self, fields: dict[str, Any]) -> str:
        return cast(str, self.redis.xadd(self.settings.execution_stream, cast(Any, fields)))

    async def report(self, kind: type[R], count: int = 1, patience_s: float = PATIENCE_S, **where: Any) -> R:
        """Wait for the `count`th report of a kind whose fields are as given."""
        found = await self.reports_of(kind, count, patience_s, **where)
        return found[count - 1]

    async def reports_of(self, kind: type[R], count: int, patience_s: float = PATIENCE_S, **where: Any) -> list[R]:
        def matching() -> list[R] | None:
            self.read_reports()
            found = [
                report
                for report in self.reports
                if isinstance(report, kind) and all(getattr(report, name) == value for name, value in where.items())
            ]
            return found if len(found) >= count else None

        return await eventually(matching, f"{count} {kind.__name__} {where}", patience_s)

    def read_reports(self) -> list[Report]:
        """All reports so far."""
        for message in self._consumer.consume(500, 0):
            if message.error() is None:
                headers = cast(codec.Headers, message.headers())
                self.reports.append(codec.decode(message.value(), headers))
                self.headers.append(headers)
        return self.reports

    # Redis

    def watermark(self, order_id: str) -> dict[str, int] | None:
        text = self.redis.hget("execution.watermarks", order_id)
        return None if text is None else cast(dict[str, int], json.loads(cast(str, text)))

    def pending(self) -> int:
        """Entries that are not done with."""
        return int(
            cast(Any, self.redis.xpending(self.settings.execution_stream, self.settings.execution_group))["pending"]
        )

    async def nothing_pending(self) -> None:
        await eventually(
            lambda: self.pending() == 0 and self.redis.xlen(self.settings.execution_stream) == 0, "an empty queue"
        )

    # The workers

    async def start(self, name: str = "worker-a", parameters: PaperParameters = NO_COSTS, **venue: Any) -> Engine:
        """Start a worker and wait until it takes orders."""
        engine = Engine(self.settings, PaperVenue(parameters, **venue), name)
        stop, ready = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(
            engine.run(stop, lambda is_ready: ready.set() if is_ready else None, lambda: None), name=name
        )
        self._workers[name] = (engine, stop, task)
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait([task, waiting], timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            task.result()
        assert ready.is_set(), "the worker did not become ready"
        return engine

    async def stop(self, name: str = "worker-a") -> None:
        """Stop a worker cleanly, as SIGTERM does."""
        _, stop, task = self._workers.pop(name)
        stop.set()
        await asyncio.wait_for(task, PATIENCE_S)

    async def close(self) -> None:
        for _, _, task in self._workers.values():
            task.cancel()
        await asyncio.gather(*(task for _, _, task in self._workers.values()), return_exceptions=True)
        self._consumer.close()
        self._producer.close()
        self.redis.close()


async def eventually(
    check: Callable[[], R | None], what: str, patience_s: float = PATIENCE_S, every_s: float = 0.01
) -> R:
    """Look now and then until there is something, and fail when there is nothing in time."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        await asyncio.sleep(every_s)
    raise AssertionError(f"expected {what} within {patience_s} s")
