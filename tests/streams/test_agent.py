"""The generic agent on a real broker, with a decider so small that every expected event is plain."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

import pytest

from domain.commands import Deposit
from domain.events import CommandRejected
from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams import codec
from streams.agent import AgentSpec, TapeAgent
from streams.decider import Draft, Folded, Input
from streams.partitioning import partition_of
from streams.tape import Chain, TapeRecord, read_range

pytestmark = pytest.mark.integration
PARTITION = 0


class Echo:
    """Answers each Deposit with one event that carries its command id; a command id seen before gives none."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def fold(self, event: Folded) -> None:
        self.seen.append(event.message.command_id)

    def rewind(self, causes: Mapping[str, int]) -> Mapping[str, int]:
        return {}

    def observe(self, source: Input) -> None:
        raise AssertionError

    def decide(self, source: Input, now_us: int) -> Draft | None:
        command = source.message
        if command.command_id in self.seen:
            return None
        self.seen.append(command.command_id)
        event = CommandRejected(
            originator_id=command.account_id,
            originator_version=0,
            timestamp=now_us,
            command_id=command.command_id,
            command_type="Deposit",
            code="TEST_ECHO",
            text="",
            details={},
        )
        return Draft(command.account_id, f"evt-{command.command_id}", command.account_id, event)


class Heard:
    """A follower that writes down what it was told."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.loads = 0
        self.closed_count = 0

    async def loaded(self, partition: int, decider: Any) -> None:
        self.loads += 1

    async def appended(self, partition: int, decider: Any, events: Sequence[Folded]) -> None:
        self.ids += [event.message.command_id for event in events]

    async def closed(self, partition: int) -> None:
        self.closed_count += 1

    async def run(self) -> None: ...


SPEC = AgentSpec("echo", "ledger.events", ("trading.commands",), "account_id", lambda partition: Echo())


def account_on(partition: int, partitions: int) -> str:
    return next(name for n in range(1000) if partition_of((name := f"acc_{n}").encode(), partitions) == partition)


def send(settings: Settings, *ids: str, value: bytes | None = None, key: bytes | None = None) -> None:
    """Deposits with these command ids on partition 0 of trading.commands, or a raw value."""
    producer = kafka_producer(settings)
    account = account_on(PARTITION, settings.partitions)
    for id_ in ids:
        command = Deposit(command_id=id_, account_id=account, issued_at_us=1, amount=Decimal("1"))
        good, headers = codec.encode(command, id_=id_, source="test", time_us=1, subject=account)
        producer.produce(
            settings.topic("trading.commands"),
            key=key or account.encode(),
            value=good if value is None else value,
            headers=cast(Any, headers),
            partition=PARTITION,
        )
    assert producer.flush(10) == 0


def inputs(settings: Settings) -> list[TapeRecord]:
    return list(read_range(settings, settings.topic("trading.commands"), PARTITION))


def on_chain(settings: Settings) -> list[str]:
    """The command ids of the live events, by a fresh reader."""
    chain = Chain(settings.topic("ledger.events"), PARTITION)
    records = read_range(settings, settings.topic("ledger.events"), PARTITION)
    return [codec.decode(record.value, record.headers).command_id for record in records if chain.accept(record)]


async def test_each_input_gives_one_event_and_a_successor_goes_on(ledger_settings: Settings) -> None:
    """A second agent starts where the chain says, whatever it is given again."""
    send(ledger_settings, "a", "b", "c")
    heard = Heard()
    first = TapeAgent(ledger_settings, SPEC, heard)
    await first.assign([PARTITION])
    await first.process(inputs(ledger_settings))
    send(ledger_settings, "d", "b")
    second = TapeAgent(ledger_settings, SPEC)
    starts = await second.assign([PARTITION])
    await second.process(inputs(ledger_settings))

    assert heard.ids == ["a", "b", "c"]
    assert starts == {PARTITION: {"trading.commands": 3}}
    assert on_chain(ledger_settings) == ["a", "b", "c", "d"]


async def test_two_agents_on_one_partition_write_one_chain(ledger_settings: Settings) -> None:
    """A worker that does not know it lost its partition does no harm: every input is on the chain once, in order."""
    ids = [f"c{number}" for number in range(60)]
    send(ledger_settings, *ids)
    records = inputs(ledger_settings)
    heard = [Heard(), Heard()]
    agents = [TapeAgent(ledger_settings, SPEC, follower) for follower in heard]
    for agent in agents:
        await agent.assign([PARTITION])

    async def work(agent: TapeAgent, size: int) -> None:
        for start in range(0, len(records), size):
            await agent.process(records[start : start + size])

    await asyncio.gather(work(agents[0], 7), work(agents[1], 5))

    assert on_chain(ledger_settings) == ids
    assert sum(follower.loads for follower in heard) > 2, "the two never met, so the test showed nothing"
    assert len(heard[0].ids + heard[1].ids) <= len(ids), "an event was told twice"


async def test_inputs_are_decided_in_order_without_gaps(ledger_settings: Settings) -> None:
    """Records left over from before a rebalance come out of order; what stands between is fetched and comes first."""
    send(ledger_settings, *"abcdef")
    records = inputs(ledger_settings)
    agent = TapeAgent(ledger_settings, SPEC)
    await agent.assign([PARTITION])
    await agent.process(records[4:5])
    await agent.process(records[:3])
    await agent.process(records)

    assert on_chain(ledger_settings) == list("abcdef")


async def test_nothing_is_taken_between_revocation_and_assignment(ledger_settings: Settings) -> None:
    """A rebalance: records left in buffers are dropped, the follower stands still, and nothing is lost or doubled."""
    send(ledger_settings, "a", "b")
    heard = Heard()
    agent = TapeAgent(ledger_settings, SPEC, heard)
    await agent.assign([PARTITION])
    await agent.process(inputs(ledger_settings)[:1])
    await agent.revoke()
    await agent.process(inputs(ledger_settings))

    assert on_chain(ledger_settings) == ["a"]
    assert heard.closed_count == 1

    await agent.assign([PARTITION])
    await agent.process(inputs(ledger_settings))

    assert on_chain(ledger_settings) == ["a", "b"]
    assert (heard.loads, heard.ids) == (2, ["a", "b"])


@pytest.mark.parametrize(
    ("value", "key", "reason"),
    [
        (b"no json", None, b"not a tapeledger.Deposit.v1"),
        (b'{"command_id":"x"}', None, b"missing required field"),
        (b'{"command_id":"x","account_id":"acc_0","issued_at_us":1,"amount":"1","more":1}', None, b"unknown field"),
        (None, b"other", b"the key is b'other'"),
    ],
)
async def test_what_cannot_be_read_goes_to_the_dead_letters(
    ledger_settings: Settings, value: bytes | None, key: bytes | None, reason: bytes
) -> None:
    """A record that is no command stops nothing: it is kept as it was, with its place and the reason."""
    send(ledger_settings, "a")
    send(ledger_settings, "bad", value=value, key=key)
    send(ledger_settings, "b")
    agent = TapeAgent(ledger_settings, SPEC)
    await agent.assign([PARTITION])
    await agent.process(inputs(ledger_settings))

    assert on_chain(ledger_settings) == ["a", "b"]
    topic = ledger_settings.topic("ledger.deadletters")
    letters = [r for p in range(ledger_settings.partitions) for r in read_range(ledger_settings, topic, p)]
    headers = [dict(letter.headers) for letter in letters]
    assert [h["deadletter-place"] for h in headers] == [f"{ledger_settings.topic('trading.commands')}:0:1".encode()]
    assert reason in headers[0]["deadletter-reason"]
    assert value is None or letters[0].value == value


async def test_a_key_on_a_foreign_partition_is_a_dead_letter(ledger_settings: Settings) -> None:
    """An account must not come to live on two tapes, whatever partitioner a sender used."""
    stray = account_on(1, ledger_settings.partitions)
    command = Deposit(command_id="s", account_id=stray, issued_at_us=1, amount=Decimal("1"))
    value, _ = codec.encode(command, id_="s", source="test", time_us=1, subject=stray)
    send(ledger_settings, "s", value=value, key=stray.encode())
    agent = TapeAgent(ledger_settings, SPEC)
    await agent.assign([PARTITION])
    await agent.process(inputs(ledger_settings))

    assert on_chain(ledger_settings) == []


def test_partition_of_agrees_with_the_producer(ledger_settings: Settings) -> None:
    """Keys land where partition_of says: checked against librdkafka's own choice on the broker."""
    landed: dict[bytes, int] = {}
    producer = kafka_producer(ledger_settings)
    for number in range(50):
        key = f"acc_{number}".encode()
        producer.produce(
            ledger_settings.topic("trading.commands"),
            key=key,
            value=b"",
            on_delivery=lambda _error, message: landed.__setitem__(message.key(), message.partition()),
        )
    producer.flush(10)

    assert landed == {key: partition_of(key, ledger_settings.partitions) for key in landed}
    assert len(landed) == 50
