"""The agent that alone writes a tape: inputs in, one event each out (design promises 1, 3 and 4).

Per owned partition it keeps a Decider folded from the tape, and decides inputs in the order of their offsets without
gaps, whatever Faust hands over after a rebalance. Drafts of a batch are appended together; when another writer was in
between, the partition is folded anew and its inputs are decided again. Only then are followers told (`Follower`).

Boundaries: no retry of what cannot be understood; a broken tape or a lost broker ends the process, whose successor
starts from the tape. Verification: tests/streams/test_agent.py, tests/streams/tape/test_simulation.py, tests/e2e.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from confluent_kafka import Producer
from faust.types import TP

from domain.errors import UnreadableInput
from runtime.clients import kafka_producer
from runtime.clock import now_us
from runtime.health import Health, serve
from runtime.partitions import check_partitions, live_partitions
from runtime.settings import Settings
from streams import codec
from streams.deadletters import DeadLetters
from streams.decider import Decider, Draft, Folded, Input
from streams.faust_app import make_app, new_event_loop, run_app
from streams.guards import check_inputs
from streams.intake import Intake
from streams.loading import Loading
from streams.partitioning import partition_of
from streams.snapshots.checkpoint import Checkpoint
from streams.snapshots.keeper import Keeper
from streams.snapshots.port import SnapshotSpec
from streams.tape import Interrupted, TapeRecord, TapeWriter, Unsealed, end_offsets, read_range
from streams.topics import wait_until_there

log = logging.getLogger(__name__)


class AgentSpec(NamedTuple):
    """What distinguishes one agent from another. Topic names as declared; key: the message's field that is its key.

    snapshots: where its states are written down, so that a start need not read the whole tape; None: nowhere.
    """

    service: str
    tape: str
    inputs: tuple[str, ...]
    key: str
    decider: Callable[[int], Decider]
    snapshots: SnapshotSpec | None = None


class Follower(Protocol):
    """Who is told what is on the chain, and only that. Called in the agent's event loop, never concurrently."""

    async def loaded(self, partition: int, decider: Any) -> None:
        """The partition was folded; everything before may have been told to nobody."""

    async def appended(self, partition: int, decider: Any, events: Sequence[Folded]) -> None:
        """These events are on the chain now."""

    async def closed(self, partition: int) -> None:
        """The partition is somebody else's now."""

    async def run(self) -> None:
        """What the follower does besides, until it is cancelled. An exception ends the agent."""


class Nobody:
    """A Follower that does nothing."""

    async def loaded(self, partition: int, decider: Any) -> None: ...

    async def appended(self, partition: int, decider: Any, events: Sequence[Folded]) -> None: ...

    async def closed(self, partition: int) -> None: ...

    async def run(self) -> None: ...


class Partition:
    """What the agent knows of one owned partition. next_input: topic -> the offset that is to be decided next."""

    def __init__(self, decider: Decider, next_input: dict[str, int], checkpoint: Checkpoint | None = None) -> None:
        self.decider = decider
        self.next_input = next_input
        self.checkpoint = checkpoint


class _Decided(NamedTuple):
    draft: Draft
    source: Input


class TapeAgent:
    """Decides and appends. Faust only brings the records (see `run_agent`), so tests can bring them too."""

    def __init__(self, settings: Settings, spec: AgentSpec, follower: Follower | None = None) -> None:
        self.settings = settings
        self.spec = spec
        self.tape = settings.topic(spec.tape)
        self._names = {settings.topic(name): name for name in spec.inputs}
        self.follower: Follower = follower or Nobody()
        self._writer = TapeWriter(settings, self.tape)
        self._producer: Producer = kafka_producer(settings)
        self._dead_letters = DeadLetters(settings, spec.service, self._producer)
        self._owned: dict[int, Partition] = {}
        self._assigned: set[int] = set()
        self._lock = asyncio.Lock()
        self._loading = Loading(settings, self._writer, spec.inputs, spec.decider, spec.snapshots)
        self.keeper: Keeper | None = None
        if spec.snapshots is not None:
            topic = settings.topic(spec.snapshots.topic)
            self.keeper = Keeper(settings, topic, self._lock, self._checkpoints, self._writer.position)
        self._rounds = self._rounds_seen = 0

    async def assign(self, partitions: Iterable[int]) -> dict[int, dict[str, int]]:
        """Own exactly these partitions; returns for each where its inputs go on: declared topic -> offset."""
        wanted = set(partitions)
        async with self._lock:
            for partition in set(self._owned) - wanted:
                await self._close(partition)
            ends = await asyncio.to_thread(self._ends)
            for partition in sorted(wanted):
                if self._writer.next_offset(partition) != ends[partition]:
                    await self._load(partition)
                elif partition not in self._assigned:  # nobody has written since it was ours
                    await self.follower.loaded(partition, self._owned[partition].decider)
            self._assigned = wanted
            return {partition: dict(self._owned[partition].next_input) for partition in wanted}

    def _ends(self) -> dict[int, int]:
        """Where each partition of the tape ends. Raises TopologyError when somebody has altered one of our topics."""
        check_partitions(self.settings, live_partitions(self.settings), (self.spec.tape, *self.spec.inputs))
        return end_offsets(self.settings, self.tape)

    async def revoke(self) -> None:
        """A rebalance has begun: until `assign` no record is taken and the follower stands still.

        What was folded is kept, for partitions that come back with nobody having written in between.
        """
        async with self._lock:
            log.info("%s: partitions %s revoked", self.tape, sorted(self._assigned))
            for partition in self._assigned:
                await self.follower.closed(partition)
            self._assigned = set()

    def idle_or_moving(self) -> bool:
        """Whether a batch was finished since the last call, or none is being worked on."""
        moving = not self._lock.locked() or self._rounds != self._rounds_seen
        self._rounds_seen = self._rounds
        return moving

    async def process(self, records: Sequence[TapeRecord]) -> None:
        """Decide a batch of input records, and return when all of it is on the chain and told.

        Records of partitions that are not assigned are left to whoever has them: the inputs are positioned from the
        chain, so none is lost.
        """
        async with self._lock:
            by_partition: dict[int, list[TapeRecord]] = {}
            for record in records:
                if record.partition in self._assigned:
                    by_partition.setdefault(record.partition, []).append(record)
            try:
                while by_partition:
                    by_partition = await self._round(by_partition)
                    self._rounds += 1
            except BaseException:
                # What was decided may not be on the chain. Neither a rebalance before the process ends nor a snapshot
                # may tell of it.
                for partition in by_partition:
                    self._writer.close(partition)
                raise

    async def _round(self, batch: dict[int, list[TapeRecord]]) -> dict[int, list[TapeRecord]]:
        """One attempt; returns the partitions that must be decided again because another writer was in between."""
        decided: dict[int, list[_Decided]] = {}
        for partition, records in batch.items():
            decided[partition] = await self._decide(self._owned[partition], records)
        if self._dead_letters.pending:  # they are kept before their inputs count as done
            await asyncio.to_thread(self._dead_letters.flush)
        unsealed = {partition: [self._encode(item) for item in items] for partition, items in decided.items() if items}
        if not unsealed:
            return {}
        results = await asyncio.to_thread(self._writer.append, unsealed)
        again: dict[int, list[TapeRecord]] = {}
        for partition, result in results.items():
            if isinstance(result, Interrupted):
                log.warning(
                    "%s/%s: another writer's record stands at offset %s (ours landed at %s): deciding again",
                    self.tape,
                    partition,
                    result.expected_offset,
                    result.found_offset,
                )
                await self._load(partition)
                again[partition] = batch[partition]
                continue
            events = [
                Folded(
                    partition, sealed.offset, sealed.seq, item.draft.message, _cause(item.source), _trace(item.source)
                )
                for sealed, item in zip(result.records, decided[partition], strict=True)
            ]
            owned = self._owned[partition]
            if owned.checkpoint is not None:
                owned.checkpoint.appended(events)
            await self.follower.appended(partition, owned.decider, events)
        return again

    def _checkpoints(self) -> dict[int, Checkpoint]:
        """Of the assigned partitions; where it is in doubt what is on the tape, the writer is closed."""
        return {
            partition: owned.checkpoint
            for partition, owned in self._owned.items()
            if partition in self._assigned
            and owned.checkpoint is not None
            and self._writer.next_offset(partition) is not None
        }

    async def _decide(self, owned: Partition, records: Sequence[TapeRecord]) -> list[_Decided]:
        decided: list[_Decided] = []
        now = now_us()
        for record in records:
            name = self._names[record.topic]
            expected = owned.next_input.get(name, 0)
            if record.offset < expected:
                continue
            if record.offset > expected:
                # Left over from before a rebalance, or the topic has a hole: what stands between comes first.
                between = await asyncio.to_thread(self._between, record, expected)
                for earlier in between:
                    self._decide_one(owned, earlier, now, decided)
            self._decide_one(owned, record, now, decided)
        return decided

    def _between(self, record: TapeRecord, expected: int) -> list[TapeRecord]:
        return list(read_range(self.settings, record.topic, record.partition, expected, record.offset))

    def _decide_one(self, owned: Partition, record: TapeRecord, now: int, decided: list[_Decided]) -> None:
        source = self._read(record)
        if source is not None:
            try:
                draft = owned.decider.decide(source, now)
            except UnreadableInput as error:  # a message of ours, but no input of this agent
                self._dead_letters.add(record, str(error))
                draft = None
            if draft is not None:
                decided.append(_Decided(draft, source))
        owned.next_input[self._names[record.topic]] = record.offset + 1

    def _read(self, record: TapeRecord) -> Input | None:
        """The input, or None when it cannot be read; it is among the dead letters then."""
        try:
            message = codec.decode(record.value, record.headers)
            self._check_key(record, message)
        except UnreadableInput as error:
            self._dead_letters.add(record, str(error))
            return None
        return Input(
            self._names[record.topic],
            record.partition,
            record.offset,
            record.timestamp_ms,
            record.key,
            message,
            record.headers,
        )

    def _check_key(self, record: TapeRecord, message: Any) -> None:
        subject = getattr(message, self.spec.key, None)
        if not isinstance(subject, str):
            raise UnreadableInput(f"{type(message).__name__} is no input of {self.spec.service}")
        if record.key != subject.encode():
            raise UnreadableInput(f"the key is {record.key!r}, expected the message's {self.spec.key} {subject!r}")
        home = partition_of(record.key, self.settings.partitions)
        if home != record.partition:
            raise UnreadableInput(
                f"key {subject!r} belongs on partition {home} (murmur2), it came on {record.partition}"
            )

    def _encode(self, item: _Decided) -> Unsealed:
        draft, source = item
        value, headers = codec.encode(
            draft.message,
            id_=draft.id,
            source=self.spec.service,
            time_us=now_us(),
            subject=draft.subject,
            traceparent=_trace(source),
            cause=_cause(source),
        )
        return Unsealed(draft.key.encode(), value, headers)

    async def _load(self, partition: int) -> None:
        """Fold the tape, rebuild what it does not hold, and tell the follower."""
        self._owned.pop(partition, None)
        owned = await asyncio.to_thread(self._fold, partition)
        self._owned[partition] = owned
        await self.follower.loaded(partition, owned.decider)

    def _fold(self, partition: int) -> Partition:
        decider, causes, checkpoint, _ = self._loading.load(partition)
        rewound = decider.rewind(causes)
        check_inputs(self.settings, partition, self.spec.inputs, causes, rewound)
        for name, first in rewound.items():
            for record in read_range(self.settings, self.settings.topic(name), partition, first, causes[name] + 1):
                source = self._read(record)
                if source is not None:
                    decider.observe(source)
        return Partition(decider, {name: causes.get(name, -1) + 1 for name in self.spec.inputs}, checkpoint)

    async def _close(self, partition: int) -> None:
        del self._owned[partition]
        self._writer.close(partition)
        if partition in self._assigned:
            await self.follower.closed(partition)


def _cause(source: Input) -> codec.Cause:
    raw = codec.header(source.headers, "ce_id")
    return codec.Cause(source.topic, source.partition, source.offset, raw.decode(errors="replace") if raw else "")


def _trace(source: Input) -> str | None:
    return codec.traceparent_of(source.headers)


def run_agent(settings: Settings, spec: AgentSpec, follower: Follower | None = None) -> None:
    """Run an agent under Faust until SIGTERM or SIGINT. Raises what it could not go on from."""
    health = serve(settings, spec.service)
    wait_until_there(settings, (spec.tape, *spec.inputs, *([spec.snapshots.topic] if spec.snapshots else ())))
    loop = new_event_loop()
    failed: asyncio.Future[None] = loop.create_future()
    agent = TapeAgent(settings, spec, follower)
    topics = [settings.topic(name) for name in spec.inputs]

    async def seek(assigned: set[TP]) -> dict[TP, int]:
        try:
            offsets = await agent.assign({tp.partition for tp in assigned if tp.topic in topics})
        except Exception as error:
            fail(error)
            raise
        health.ready(True)
        return {
            tp: offsets[tp.partition][name]
            for tp in assigned
            for name in spec.inputs
            if tp.topic == settings.topic(name)
        }

    def fail(error: BaseException) -> None:
        log.critical("%s cannot go on: %s", spec.service, error, exc_info=error)
        if not failed.done():
            failed.set_exception(error)

    app = make_app(settings, spec.service, seek)

    async def revoked(*_: Any, **__: Any) -> None:
        await agent.revoke()

    app.on_partitions_revoked.connect(revoked)
    intake = Intake(settings.batch_records_max, agent.process)
    app.agent(app.topic(*topics, key_serializer="raw", value_serializer="raw"), name=spec.service)(intake.follow)
    companions = [intake.run(), agent.follower.run(), _beat(agent, health)]
    if agent.keeper is not None:
        companions.append(agent.keeper.run())
    run_app(app, failed, companions)


async def _beat(agent: TapeAgent, health: Health) -> None:
    """A sign of life every second, but not while one batch takes for ever."""
    while True:
        if agent.idle_or_moving():
            health.beat()
        await asyncio.sleep(1)
