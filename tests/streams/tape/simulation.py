"""Kafka simulated around the production agent: any schedule of any number of writers, one step at a time.

What runs is streams.agent.TapeAgent with streams.tape.writer.TapeWriter and Chain, unchanged. Simulated are the broker
(lists), the producer's flush and `asyncio.to_thread`: each call of Kafka is a step that a scheduler grants, and each
record of a batch lands in a step of its own. What nobody else can see (deciding, sending, taking in the last
acknowledgement) is part of the step before: to be stopped there differs in nothing from being stopped earlier. So a writer can be stopped anywhere (a zombie, with records still on
their way), killed anywhere with part of a batch landed, told of a failure although the records land later, or left
without the offset of its first record, as librdkafka is when the broker knows a retried batch only by its number.

Boundaries: producers are idempotent, so records of one batch land in order and once. Inputs are there from the start.
"""

from __future__ import annotations

import asyncio
import logging
import types
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

from domain.errors import UnavailableError
from runtime.settings import Settings
from streams.agent import TapeAgent
from streams.codec import rfc3339
from streams.decider import Folded
from streams.tape import Appended, Interrupted, TapeRecord, TapeWriter, Unsealed, chain, record_hash
from tests.streams.tape import tally
from tests.streams.tape.tally import SPEC, Place

SETTINGS = Settings(_env_file=None, topic_prefix="simulated.")
TAPE = SETTINGS.topic(SPEC.tape)
STEPS_MAX = 20_000


def declared(topic: str) -> str:
    """The name in topics.yaml of a topic on the broker."""
    return topic.removeprefix(SETTINGS.topic_prefix)


class Violation(AssertionError):
    """A promise was broken; the text says which, and how."""


class Faults(NamedTuple):
    """How many of each may happen in one schedule."""

    crashes: int = 0
    failures: int = 0  # the producer reports an error; what it had sent may land all the same
    unreadable: int = 0  # a read of Kafka fails
    unplaced: int = 0  # a record's acknowledgement has no offset
    pauses: int = 0  # a writer stands still, and its records with it, until it is let go
    rebalances: int = 0  # the partitions are revoked and come back
    jumps: int = 0  # records come that do not follow the last ones: older, or with a gap before them


class Plan(NamedTuple):
    """What is there and what may happen.

    inputs: (declared topic, partition) -> one letter an input, see tests.streams.tape.tally.KINDS. batch_min, batch_max:
    how many inputs a writer decides at once. memory: how many hashes its Chain keeps (in production 100,000).
    """

    inputs: Mapping[tuple[str, int], str]
    writers: int = 2
    batch_min: int = 1
    batch_max: int = 5
    memory: int = chain.KNOWN_MAX
    faults: Faults = Faults()

    @property
    def partitions(self) -> list[int]:
        return sorted({partition for _, partition in self.inputs})


Option = tuple[Callable[[Any], None], Any]
Choose = Callable[[int, int, Callable[[], Hashable]], int]
"""choose(options, rare, state): which of `options`, of which the last `rare` are disturbances."""


@types.coroutine
def granted() -> Generator[None, None, None]:
    """Wait until the scheduler grants the next step."""
    yield


class Flight:
    """A batch's records of one partition on their way, and who waits for them."""

    def __init__(self, sender: Worker) -> None:
        self.sender: Worker | None = sender
        self.records: deque[tuple[TapeRecord, Callable[..., None]]] = deque()
        self.offsets: list[int | None] = []  # what the sender was told


class SimulatedProducer:
    """The part of confluent_kafka.Producer that is used. Records for other topics than the tape land at the flush."""

    def __init__(self, world: World) -> None:
        assert world.current is not None
        self.world, self.worker = world, world.current
        self.flights: dict[int, Flight] = {}
        self._others: list[tuple[bytes, Any]] = []

    def produce(
        self, topic: str, *, key: bytes, value: Any, headers: Any, partition: int = 0, on_delivery: Any = None
    ) -> None:
        if topic == TAPE:
            flight = self.flights.setdefault(partition, Flight(self.worker))
            flight.records.append((TapeRecord(TAPE, partition, -1, 0, key, value, headers), on_delivery))
        else:
            self._others.append((key, value))

    def flush(self) -> int:
        self.world.dead_letters |= {key for key, _ in self._others}
        self._others.clear()
        return 0


class SimulatedWriter(TapeWriter):
    """The production writer; only waiting for acknowledgements is the scheduler's."""

    def append(self, batch: Mapping[int, Sequence[Unsealed]]) -> Any:
        producer: Any = self._producer
        producer.flights = {}
        sent = self._send_all(batch)
        yield from producer.world.landing(producer)
        return self._settle(sent)


class Listener:
    """A Follower that checks each word against the chain, as the oracle has it at that moment."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.views: dict[int, list[Place]] = {}

    async def loaded(self, partition: int, decider: Any) -> None:
        self.views[partition] = list(decider.places)
        self._check(partition, "loaded")

    async def appended(self, partition: int, decider: Any, events: Sequence[Folded]) -> None:
        live = self.world.live[partition]
        for event in events:
            self.views[partition].append(Place(event.cause.topic, event.cause.offset))
            place = (event.offset, tally.place_of(live[event.seq - 1])) if event.seq <= len(live) else None
            if place is None or place != (live[event.seq - 1].offset, self.views[partition][-1]):
                raise Violation(f"told of {event.cause} at offset {event.offset}, number {event.seq}; there is {place}")
        self._check(partition, "appended")

    async def closed(self, partition: int) -> None:
        self.views.pop(partition, None)

    async def run(self) -> None: ...

    def _check(self, partition: int, word: str) -> None:
        view, live = self.views[partition], [tally.place_of(record) for record in self.world.live[partition]]
        if view != live[: len(view)]:
            raise Violation(f"{word}: a follower was told {view}, the chain is {live}")
        self.world.told[partition] = max(self.world.told[partition], len(view))


class Worker:
    """One process with one agent. history: all it has seen, which decides all it will do."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.number = world, number
        self.history: list[Hashable] = []
        self.waits_for: SimulatedProducer | None = None
        self.paused = self.done = False
        world.current = self
        self.listener = Listener(world)
        self.agent = TapeAgent(SETTINGS, SPEC, self.listener)
        self.life = self._live()
        self.step()  # to its first call

    async def _live(self) -> None:
        plan, world = self.world.plan, self.world
        try:
            at = await self.agent.assign(plan.partitions)
            while batch := self._next_batch(at):
                await self.agent.process(batch)
                for record in batch:
                    at[record.partition][declared(record.topic)] = record.offset + 1
                if world.spend("rebalances"):
                    await self.agent.revoke()
                    at = await self.agent.assign(plan.partitions)
        except UnavailableError:
            # The process is about to end. Until then Faust may still rebalance.
            if world.spend("rebalances"):
                await self.agent.revoke()
                await self.agent.assign(plan.partitions)
            raise

    def _next_batch(self, at: dict[int, dict[str, int]]) -> list[TapeRecord]:
        """What the consumer brings next: the following records of all partitions, mixed."""
        world = self.world
        ahead = {
            (name, partition): at[partition][name]
            for name, partition in world.plan.inputs
            if at[partition][name] < len(world.inputs[name, partition])
        }
        size = world.plan.batch_min + world.choose(1 + world.plan.batch_max - world.plan.batch_min)
        batch: list[TapeRecord] = []
        while ahead and len(batch) < size:
            source = sorted(ahead)[world.choose(len(ahead))]
            records = world.inputs[source]
            if world.spend("jumps"):
                ahead[source] = world.choose(len(records))
            batch.append(records[ahead[source]])
            ahead[source] += 1
            if ahead[source] >= len(records):
                del ahead[source]
        return batch

    def flights(self) -> list[Flight]:
        """What it waits for: records that have not landed yet."""
        flights = self.waits_for.flights.values() if self.waits_for else ()
        return [flight for flight in flights if flight.records]

    def step(self) -> None:
        """Run to the next call of Kafka, or to the end."""
        self.world.current = self
        self.history.append("step")
        try:
            self.life.send(None)
        except StopIteration:
            self.done = True
        except UnavailableError:
            self.world.replace(self)


@dataclass
class World:
    """A broker, the writers on it, and what the oracle knows: `live`, the chain by plain comparison of headers."""

    plan: Plan
    chooser: Choose
    inputs: dict[tuple[str, int], list[TapeRecord]] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    gone: list[Worker] = field(default_factory=list)
    dead_letters: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        partitions = self.plan.partitions
        self.inputs = {source: tally.inputs(SETTINGS, *source, kinds) for source, kinds in self.plan.inputs.items()}
        self.tape: dict[int, list[TapeRecord]] = {partition: [] for partition in partitions}
        self.live: dict[int, list[TapeRecord]] = {partition: [] for partition in partitions}
        self.tips = {partition: tally.origin(TAPE, partition).encode() for partition in partitions}
        self.told = dict.fromkeys(partitions, 0)
        self.hashes: dict[int, tuple[Any, bytes]] = {}
        self.left = self.plan.faults._asdict()
        self.current: Worker | None = None
        self.adrift: list[Flight] = []  # records whose sender is gone

    # Choices

    def choose(self, options: int, rare: int = 0) -> int:
        if options == 1:
            return 0
        chosen = self.chooser(options, rare, self.state)
        if self.current is not None:
            self.current.history.append(chosen)
        return chosen

    def spend(self, fault: str) -> bool:
        """Whether a disturbance happens here."""
        if not self.left[fault] or not self.choose(2, 1):
            return False
        self.left[fault] -= 1
        return True

    def state(self) -> Hashable:
        """Equal for equal states of the world: what has landed, what is on its way, and what each writer has seen."""
        return (
            tuple(tuple(tally.digest_of(record) for record in self.tape[p]) for p in self.plan.partitions),
            tuple((w.number, tuple(w.history), w.paused, _on_the_way(w)) for w in (*self.workers, *self.gone)),
            tuple(len(flight.records) for flight in self.adrift),
            tuple(self.left.values()),
        )

    # Running

    def run(self) -> None:
        """Writers work side by side until every input is on the chain; then a last one loads what is there."""
        self.workers = [Worker(self, number) for number in range(self.plan.writers)]
        for _ in range(STEPS_MAX):
            self.current = None
            if all(worker.done for worker in self.workers):
                break
            usual, rare = self._options()
            options = usual + rare
            act, subject = options[self.choose(len(options), len(rare))]
            act(subject)
        else:
            raise Violation(f"no end after {STEPS_MAX} steps")
        self.left = dict.fromkeys(self.left, 0)
        last = Worker(self, len(self.workers) + len(self.gone))
        while not last.done:
            last.step()
            if last.waits_for is not None:
                raise Violation("the last writer has written: an input was not on the chain")

    def _options(self) -> tuple[list[Option], list[Option]]:
        """What may happen next: the usual, and what is rare."""
        usual: list[Option] = []
        rare: list[Option] = [(self._land, flight) for flight in self.adrift if flight.records]
        left = self.left
        for worker in self.workers:
            if worker.done:
                continue
            flights = worker.flights()
            if worker.paused:
                rare.append((self._let_go, worker))
            else:
                usual += [(self._land, flight) for flight in flights] or [(Worker.step, worker)]
                if left["pauses"]:
                    rare.append((self._pause, worker))
            if left["crashes"]:
                rare.append((self._crash, worker))
            if left["failures"] and flights:
                rare.append((self._fail, worker))
        return usual, rare

    def _let_go(self, worker: Worker) -> None:
        worker.paused = False

    def _pause(self, worker: Worker) -> None:
        self.left["pauses"] -= 1
        worker.paused = True

    def _crash(self, worker: Worker) -> None:
        self.left["crashes"] -= 1
        self.replace(worker)

    def replace(self, worker: Worker) -> None:
        """The process is gone; a successor starts. What it had sent may land later, or never."""
        worker.life.close()
        self._set_adrift(worker)
        self.gone.append(worker)
        self.workers[self.workers.index(worker)] = Worker(self, len(self.workers) + len(self.gone))

    def _fail(self, worker: Worker) -> None:
        """The producer gives up: each record still on its way is reported as failed, and may land all the same."""
        self.left["failures"] -= 1
        reports = [report for flight in worker.flights() for _, report in flight.records]
        self._set_adrift(worker)
        for report in reports:
            report("simulated failure", None)

    def _set_adrift(self, worker: Worker) -> None:
        for flight in worker.flights():
            flight.sender = None
            self.adrift.append(flight)
        if worker.waits_for is not None:
            worker.waits_for.flights = {}

    # The broker

    def landing(self, producer: SimulatedProducer) -> Iterator[None]:
        assert self.current is not None
        worker = self.current
        worker.waits_for = producer
        worker.history.append("send")
        yield
        worker.history += [tuple(flight.offsets) for flight in producer.flights.values()]
        worker.waits_for = None

    def _land(self, flight: Flight) -> None:
        record, report = flight.records.popleft()
        partition = record.partition
        record = record._replace(offset=len(self.tape[partition]))
        self.tape[partition].append(record)
        headers = dict(record.headers)
        if headers["tape-prev"] == self.tips[partition]:
            self.tips[partition] = headers["tape-hash"]
            self.live[partition].append(record)
        worker = flight.sender
        if worker is not None:
            offset = None if self.spend("unplaced") else record.offset
            flight.offsets.append(offset)
            report(None, SimpleNamespace(offset=lambda: offset))
            if not worker.flights():
                worker.step()

    def end_offsets(self, settings: Settings, topic: str) -> dict[int, int]:
        assert topic == TAPE
        return {partition: len(records) for partition, records in self.tape.items()}

    def read_range(
        self, settings: Settings, topic: str, partition: int, first: int = 0, end: int | None = None
    ) -> Iterator[TapeRecord]:
        records = self.tape[partition] if topic == TAPE else self.inputs[declared(topic), partition]
        return iter(records[first:end])

    async def to_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        """A call of Kafka: the scheduler grants it."""
        worker = self.current
        assert worker is not None
        if function.__name__ != "append":  # a batch that is sent is seen by nobody before its records land
            await granted()
        worker.history.append((function.__name__, *map(len, self.tape.values())))
        if function.__name__ != "append" and self.spend("unreadable"):
            raise UnavailableError("simulated: Kafka cannot be read")
        result = function(*args)
        return await _driven(result) if isinstance(result, types.GeneratorType) else result


@types.coroutine
def _driven(
    steps: Generator[None, None, dict[int, Appended | Interrupted]],
) -> Generator[None, None, dict[int, Appended | Interrupted]]:
    return (yield from steps)


def _on_the_way(worker: Worker) -> Hashable:
    flights = worker.waits_for.flights if worker.waits_for else {}
    return tuple((partition, len(f.records), tuple(f.offsets)) for partition, f in flights.items())


class Stage:
    """Where worlds are put: the production modules see the world that was set last."""

    world: World

    def run(self, plan: Plan, chooser: Choose) -> World:
        kept, chain.KNOWN_MAX = chain.KNOWN_MAX, plan.memory
        try:
            self.world = World(plan, chooser)
            self.world.run()
        finally:
            chain.KNOWN_MAX = kept
            for worker in self.world.workers:
                worker.life.close()
        return self.world


@contextmanager
def simulated() -> Iterator[Stage]:
    """Put the simulated edges under the production agent and writer, and take them away again."""
    stage = Stage()

    def producer(settings: Settings, **_: Any) -> SimulatedProducer:
        return SimulatedProducer(stage.world)

    def now_us() -> int:
        assert stage.world.current is not None
        return stage.world.current.number

    def read_range(*args: Any, **named: Any) -> Iterator[TapeRecord]:
        return stage.world.read_range(*args, **named)

    def remembered_hash(seq: int, prev: bytes, key: Any, value: Any, headers: Any) -> bytes:
        """The production hash, computed once for each record of a world, for every reader asks again."""
        hashes = stage.world.hashes
        known = hashes.get(id(headers))
        if known is None:  # the list is kept, so that its id stays its own
            known = hashes[id(headers)] = (headers, record_hash(seq, prev, key, value, headers))
        return known[1]

    edges = SimpleNamespace(Lock=asyncio.Lock, to_thread=lambda *args: stage.world.to_thread(*args))
    loggers = [logging.getLogger(name) for name in ("streams.agent", "streams.deadletters")]
    levels = [logger.level for logger in loggers]
    with (
        mock.patch.multiple(
            "streams.agent",
            asyncio=edges,
            kafka_producer=producer,
            end_offsets=lambda *args: stage.world.end_offsets(*args),
            read_range=read_range,
            now_us=now_us,
            TapeWriter=SimulatedWriter,
        ),
        mock.patch.multiple("streams.tape.writer", kafka_producer=producer, read_range=read_range),
        mock.patch.multiple("streams.tape.reader", read_range=read_range),
        mock.patch.multiple("streams.tape.chain", record_hash=remembered_hash),
        mock.patch.multiple("streams.codec", rfc3339=lru_cache(64)(rfc3339)),
    ):
        try:
            for logger in loggers:
                logger.setLevel(logging.CRITICAL + 1)
            yield stage
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
