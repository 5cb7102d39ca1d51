"""Kafka simulated around the production agent: any schedule of any number of writers, one step at a time.

What runs is streams.agent.TapeAgent with streams.tape.writer.TapeWriter and Chain, unchanged. Simulated are the broker
(lists), the producer's flush and `asyncio.to_thread`: each read of Kafka is a step that a scheduler grants, and each
record of a batch lands in a step of its own. What nobody else can see (deciding, sending, taking in the last
acknowledgement) is part of the step before. So a writer can be stopped anywhere (a zombie, with records still on their
way), killed anywhere with part of a batch landed, told of a failure although the records land later, or left without
the offset of a record, as librdkafka is when the broker knows a retried batch only by its number.

Boundaries: producers are idempotent, so records of one batch land in order and once. Inputs are there from the start.
"""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

from domain.errors import UnavailableError
from runtime.settings import Settings
from streams.agent import TapeAgent
from streams.tape import Appended, Interrupted, TapeRecord, TapeWriter, Unsealed, chain
from tests.streams.tape import tally
from tests.streams.tape.listener import Listener
from tests.streams.tape.tally import SPEC, Violation

SETTINGS = Settings(_env_file=None, topic_prefix="simulated.")
TAPE = SETTINGS.topic(SPEC.tape)
STEPS_MAX = 20_000


def declared(topic: str) -> str:
    """The name in topics.yaml of a topic on the broker."""
    return topic.removeprefix(SETTINGS.topic_prefix)


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

    inputs: (declared topic, partition) -> one letter an input, see tests.streams.tape.tally.KINDS.
    batch_min, batch_max: how many inputs a writer decides at once.
    memory: how many hashes its Chain keeps (in production 100,000).
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


class Worker:
    """One process with one agent. history: all it has seen, which decides all it will do."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.number = world, number
        self.history: list[Hashable] = []
        self.waits_for: SimulatedProducer | None = None
        self.paused = self.done = False
        world.current = self
        self.listener = Listener(world, number)
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
