"""Topics and tapes that are not what they should be: the agent stops, and says where.

Method: real records are written to a real tape by hand; each test plants one thing that a ledger must not guess about.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewPartitions  # type: ignore[attr-defined]

from domain.commands import Deposit
from domain.errors import ChainError, TopologyError, UnreadableInput
from domain.events import CommandRejected
from runtime.clients import kafka_admin, kafka_producer
from runtime.settings import Settings
from streams import codec
from streams.agent import TapeAgent
from streams.strategy.manager import Manager
from streams.tape import genesis, read_range, seal
from streams.topics import apply
from tests.streams.test_agent import PARTITION, SPEC, account_on, on_chain, send
from tests.workers import eventually

pytestmark = pytest.mark.integration
COMMANDS = "trading.commands"
Edit = Callable[[codec.Headers], codec.Headers]


def rejection(command_id: str, account: str) -> CommandRejected:
    return CommandRejected(
        originator_id=account,
        originator_version=0,
        timestamp=1,
        command_id=command_id,
        command_type="Deposit",
        code="TEST_ECHO",
        text="",
        details={},
    )


def plant(
    settings: Settings,
    *causes: codec.Cause | None,
    edit: Edit = lambda headers: headers,
    edit_sealed: Edit = lambda headers: headers,
    prev: bytes | None = None,
    value: bytes | None = None,
) -> None:
    """One event for each cause on partition 0 of ledger.events, chained from the genesis or from `prev`."""
    topic = settings.topic("ledger.events")
    account = account_on(PARTITION, settings.partitions)
    producer = kafka_producer(settings)
    head = genesis(topic, PARTITION) if prev is None else prev
    for seq, cause in enumerate(causes, 1):
        good, headers = codec.encode(
            rejection(f"c{seq}", account), id_=f"e{seq}", source="test", time_us=1, subject=account, cause=cause
        )
        head, sealed = seal(seq, head, account.encode(), value or good, edit(headers))
        sent = cast(Any, edit_sealed(sealed))
        producer.produce(topic, key=account.encode(), value=value or good, headers=sent, partition=PARTITION)
    assert producer.flush(10) == 0


def cause(offset: int, topic: str = COMMANDS, partition: int = PARTITION) -> codec.Cause:
    return codec.Cause(topic, partition, offset, "c")


def place(settings: Settings, offset: int, topic: str = "ledger.events") -> str:
    return f"{settings.topic(topic)}/{PARTITION} at offset {offset}: "


async def assigned(settings: Settings) -> None:
    await TapeAgent(settings, SPEC).assign([PARTITION])


async def test_a_tape_that_fits_its_inputs_is_taken(ledger_settings: Settings) -> None:
    """The planting itself is sound: with causes in order and inputs that have them, the agent goes on behind them."""
    send(ledger_settings, "a", "b", "c")
    plant(ledger_settings, cause(0), cause(2))

    agent = TapeAgent(ledger_settings, SPEC)

    assert await agent.assign([PARTITION]) == {PARTITION: {COMMANDS: 3}}


@pytest.mark.parametrize(
    ("causes", "offset", "words"),
    [
        ((cause(0), cause(0, "market.ticks")), 1, "expected one of trading.commands"),
        ((cause(0, partition=1),), 0, "expected partition 0"),
        ((cause(1), cause(0)), 1, "expected an offset above 1"),
        ((cause(0), cause(0)), 1, "expected an offset above 0"),
    ],
    ids=["no input of ours", "another partition", "backwards", "the same input twice"],
)
async def test_a_cause_that_cannot_be_ours(
    ledger_settings: Settings, causes: tuple[codec.Cause, ...], offset: int, words: str
) -> None:
    """Two agents or two ledgers pointed at one tape."""
    send(ledger_settings, "a", "b")
    plant(ledger_settings, *causes)

    with pytest.raises(TopologyError, match=words) as caught:
        await assigned(ledger_settings)

    assert str(caught.value).startswith(place(ledger_settings, offset))


async def test_inputs_that_were_made_anew(ledger_settings: Settings) -> None:
    """A tape that answers the sixth command, and an input that has two: it is another input of the same name."""
    send(ledger_settings, "a", "b")
    plant(ledger_settings, cause(5))

    with pytest.raises(TopologyError, match="ends at offset 2, but the tape answers its record at offset 5") as caught:
        await assigned(ledger_settings)

    assert str(caught.value).startswith(f"{ledger_settings.topic(COMMANDS)}/{PARTITION} ")


async def test_inputs_that_were_deleted_before_they_were_decided(ledger_settings: Settings) -> None:
    """Commands 0 to 2 are gone and only 0 was answered: 1 was never decided, and nobody can tell what it was."""
    send(ledger_settings, "a", "b", "c", "d")
    plant(ledger_settings, cause(0))
    delete_before(ledger_settings, COMMANDS, 3)

    with pytest.raises(TopologyError, match="begins at offset 3, but the record at offset 1 is still needed"):
        await assigned(ledger_settings)


async def test_inputs_that_were_decided_may_be_deleted(ledger_settings: Settings) -> None:
    """What is answered on the tape is not needed any more."""
    send(ledger_settings, "a", "b", "c")
    plant(ledger_settings, cause(0), cause(1))
    delete_before(ledger_settings, COMMANDS, 2)

    agent = TapeAgent(ledger_settings, SPEC)
    assert await agent.assign([PARTITION]) == {PARTITION: {COMMANDS: 2}}
    await agent.process(inputs_from(ledger_settings, 2))

    assert on_chain(ledger_settings) == ["c1", "c2", "c"]


async def test_a_tape_whose_beginning_was_deleted(ledger_settings: Settings) -> None:
    """Without its first record nothing on a tape can be proven."""
    send(ledger_settings, "a", "b")
    plant(ledger_settings, cause(0), cause(1))
    delete_before(ledger_settings, "ledger.events", 1)

    with pytest.raises(ChainError, match="the beginning was deleted") as caught:
        await assigned(ledger_settings)

    assert str(caught.value).startswith(place(ledger_settings, 0))


async def test_a_chain_that_starts_nowhere(ledger_settings: Settings) -> None:
    """The first record follows one that is not on this tape."""
    send(ledger_settings, "a")
    plant(ledger_settings, cause(0), prev=genesis("another.tape", PARTITION))

    with pytest.raises(ChainError, match="which is not on this tape") as caught:
        await assigned(ledger_settings)

    assert str(caught.value).startswith(place(ledger_settings, 0))


async def test_a_record_without_chain_headers(ledger_settings: Settings) -> None:
    """Somebody who is no agent of ours wrote to the tape."""
    plant(ledger_settings, cause(0), edit_sealed=lambda headers: [h for h in headers if not h[0].startswith("tape-")])

    with pytest.raises(ChainError, match="expected headers tape-seq") as caught:
        await assigned(ledger_settings)

    assert str(caught.value).startswith(place(ledger_settings, 0))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            lambda headers: [(n, b"tapeledger.CommandRejected.v99" if n == "ce_type" else v) for n, v in headers],
            "version 99",
        ),
        (lambda headers: [h for h in headers if h[0] != "ce_cause"], "no ce_cause header"),
        (lambda headers: [(n, b"nonsense" if n == "ce_cause" else v) for n, v in headers], "topic:partition:offset:id"),
    ],
    ids=["unknown version", "no cause", "unreadable cause"],
)
async def test_a_record_that_this_program_cannot_read(ledger_settings: Settings, edit: Edit, words: str) -> None:
    """Whole and in its place, but from a newer program, or from none of ours."""
    send(ledger_settings, "a")
    plant(ledger_settings, cause(0), edit=edit)

    with pytest.raises(UnreadableInput, match=words) as caught:
        await assigned(ledger_settings)

    assert str(caught.value).startswith(place(ledger_settings, 0))


def test_apply_refuses_another_number_of_partitions(ledger_settings: Settings) -> None:
    """The error says what the topics have, and with which setting the ledger was made; nothing is created."""
    other = ledger_settings.model_copy(update={"partitions": 7})

    with pytest.raises(TopologyError, match=r"expected topics with 7 partitions .* set PARTITIONS=4"):
        apply(other)


async def test_an_agent_with_another_number_of_partitions_takes_nothing(ledger_settings: Settings) -> None:
    """Every key would be looked for on the wrong partition, and all inputs would become dead letters."""
    send(ledger_settings, "a")

    with pytest.raises(TopologyError, match="set PARTITIONS=4"):
        await assigned(ledger_settings.model_copy(update={"partitions": 8}))


async def test_a_topic_that_somebody_altered(ledger_settings: Settings) -> None:
    """Kafka lets anyone add partitions to a live topic. The topics of a ledger then disagree, and no setting fits."""
    topic = ledger_settings.topic(COMMANDS)
    alter(ledger_settings, topic, 5)

    with pytest.raises(TopologyError, match=rf"{topic} has 5\. .* somebody has altered a topic"):
        await assigned(ledger_settings)


def test_the_strategy_looks_at_its_topics_too(ledger_settings: Settings) -> None:
    """It names partitions of trading.commands by the same arithmetic."""
    with pytest.raises(TopologyError, match="set PARTITIONS=4"):
        Manager(ledger_settings.model_copy(update={"partitions": 2})).assign([0])


def test_commands_of_signals_that_are_not_there(ledger_settings: Settings) -> None:
    """The strategy's newest command names signal 9, but there is no signal: the tape of signals was made anew."""
    account = ledger_settings.strategy_account_id
    command = Deposit(command_id="x", account_id=account, issued_at_us=1, amount=Decimal("1"))
    value, headers = codec.encode(
        command, id_="x", source="strategy", time_us=1, subject=account, cause=codec.Cause("trading.signals", 0, 9, "s")
    )
    producer = kafka_producer(ledger_settings)
    producer.produce(ledger_settings.topic(COMMANDS), key=account.encode(), value=value, headers=cast(Any, headers))
    assert producer.flush(10) == 0

    with pytest.raises(TopologyError, match="ends at offset 0, but the tape answers its record at offset 9"):
        Manager(ledger_settings).assign([0])


def inputs_from(settings: Settings, first: int) -> list[Any]:
    return list(read_range(settings, settings.topic(COMMANDS), PARTITION, first))


def delete_before(settings: Settings, name: str, offset: int) -> None:
    """Kafka's own delete-records: what `kafka-delete-records.sh` and retention do."""
    partition = TopicPartition(settings.topic(name), PARTITION, offset)
    admin = kafka_admin(settings)
    for future in admin.delete_records([partition]).values():
        future.result()


def alter(settings: Settings, topic: str, partitions: int) -> None:
    """Kafka's own alter: what `kafka-topics.sh --alter --partitions` does. Returns when the broker says so."""
    admin = kafka_admin(settings)
    for future in admin.create_partitions([NewPartitions(topic, partitions)]).values():
        future.result()
    eventually(
        lambda: len(kafka_admin(settings).list_topics(timeout=5).topics[topic].partitions) == partitions,
        "the topic has its new partitions",
    )
