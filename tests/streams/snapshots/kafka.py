"""A ledger of one partition on a real broker, with the ledger's own agent, and ways to look at what is there."""

from __future__ import annotations

from typing import Any

import pytest

import streams.loading
from domain.commands import Command
from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams.agent import TapeAgent
from streams.decider import Folded
from streams.ledger.worker import spec
from streams.loading import Loading
from streams.partitioning import partition_of
from streams.tape import TapeRecord, TapeWriter, read_range
from tests.streams.trading import send

PARTITION = 0
SNAPSHOTS = "ledger.snapshots"


class Ledger:
    """One agent's life on partition 0 of a ledger, and ways to look at what is on the broker."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sent = 0
        self.agent = TapeAgent(settings, spec(settings))

    @property
    def topic(self) -> str:
        return self.settings.topic(SNAPSHOTS)

    async def start(self) -> TapeAgent:
        """A new agent, as after a kill."""
        self.agent = TapeAgent(self.settings, spec(self.settings))
        await self.agent.assign([PARTITION])
        return self.agent

    async def work(self, *commands: Command) -> None:
        """Send commands and have the agent decide them."""
        first = len(self.inputs())
        send(self.settings, *commands)
        await self.agent.process(self.inputs()[first:])

    async def snapshot(self) -> None:
        assert self.agent.keeper is not None
        await self.agent.keeper.write()

    def inputs(self) -> list[TapeRecord]:
        return list(read_range(self.settings, self.settings.topic("trading.commands"), PARTITION))

    def snapshots(self) -> list[TapeRecord]:
        return list(read_range(self.settings, self.topic, PARTITION))

    def newest(self, key: bytes) -> TapeRecord:
        return next(record for record in reversed(self.snapshots()) if record.key == key)

    def put(self, key: bytes | None, value: bytes | None) -> None:
        """Somebody writes to the snapshot topic."""
        producer = kafka_producer(self.settings)
        errors: list[Any] = []
        producer.produce(
            self.topic, key=key, value=value, partition=PARTITION, on_delivery=lambda error, _: errors.append(error)
        )
        assert producer.flush(10) == 0
        assert errors == [None]

    def digest(self) -> str:
        return digest_of(self.agent)

    def truth(self) -> str:
        return truth(self.settings, PARTITION)


def digest_of(agent: TapeAgent, partition: int = PARTITION) -> str:
    decider: Any = agent._owned[partition].decider
    return f"{decider.ledger.digest().hex()} {list(decider.ledger.accounts)} {agent._owned[partition].next_input}"


def truth(settings: Settings, partition: int) -> str:
    """What a fold of the whole tape gives, in the words of `digest_of`."""
    made = spec(settings)
    writer = TapeWriter(settings, settings.topic(made.tape))
    loaded = Loading(settings, writer, made.inputs, made.decider, None).load(partition)
    decider: Any = loaded.decider
    next_input = {name: loaded.causes.get(name, -1) + 1 for name in made.inputs}
    return f"{decider.ledger.digest().hex()} {list(decider.ledger.accounts)} {next_input}"


def accounts(settings: Settings, count: int) -> list[str]:
    """So many account ids that live on partition 0."""
    names = (f"acc_{number}" for number in range(10_000))
    return [name for name in names if partition_of(name.encode(), settings.partitions) == PARTITION][:count]


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The offsets of the tape's records that loading decodes."""
    offsets: list[int] = []
    real = streams.loading.folded

    def counted(record: TapeRecord, head: Any) -> Folded:
        offsets.append(record.offset)
        return real(record, head)

    monkeypatch.setattr(streams.loading, "folded", counted)
    return offsets
