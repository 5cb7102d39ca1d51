"""The process manager between `trading.signals` and `trading.commands`: live signals in, commands out.

Progress is in the log, not in the consumer group: each command names the signal that caused it, so the newest one of a
partition of signals says how far the manager was. Up to there the tape is folded without effect, from there on its
commands are sent. A command's whole record is a function of its signal, so one that is sent again after a crash is the
same byte for byte, and the ledger takes it once.
Boundaries: no Faust here (see streams.strategy.worker). Verification: tests/streams/strategy.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple, cast

import msgspec
from confluent_kafka import KafkaError, Message

from domain.commands import SubmitOrder
from domain.errors import UnavailableError
from domain.signals import SignalGenerated
from runtime.clients import kafka_producer
from runtime.partitions import check_partitions, live_partitions
from runtime.settings import Settings
from streams import codec
from streams.guards import check_input
from streams.partitioning import partition_of
from streams.strategy.rule import follower_of
from streams.tape import Chain, TapeRecord, read_range

SIGNALS = "trading.signals"
COMMANDS = "trading.commands"
_SOURCE = "strategy"
_DELIVERY_TIMEOUT_MS = 30_000
_logger = logging.getLogger(__name__)


class Encoded(NamedTuple):
    """A command as it goes to Kafka."""

    key: bytes
    value: bytes
    headers: codec.Headers


class PartitionFollower:
    """The rule along one partition of the tape, in the order of offsets, each record once.

    emit_from: the first offset whose command is to be sent.
    """

    def __init__(self, settings: Settings, partition: int, emit_from: int) -> None:
        self._settings = settings
        self._topic = settings.topic(SIGNALS)
        self._partition = partition
        self._chain = Chain(self._topic, partition)
        self._rule = follower_of(settings)
        self._emit_from = emit_from
        self._next_offset = 0

    def take(self, record: TapeRecord) -> list[Encoded]:
        """The commands that records up to this one cause. Those between the last one taken and this are read first.

        Raises ChainError, UnreadableInput, UnavailableError.
        """
        if record.offset < self._next_offset:
            return []
        between = read_range(self._settings, self._topic, self._partition, self._next_offset, record.offset)
        return [command for one in chain(between, (record,)) if (command := self._advance(one)) is not None]

    def _advance(self, record: TapeRecord) -> Encoded | None:
        live = self._chain.accept(record)
        self._next_offset = record.offset + 1
        if not live:
            return None
        event = record.decoded()
        command = self._rule.decide(event) if isinstance(event, SignalGenerated) else None
        return encode(command, record) if command is not None and record.offset >= self._emit_from else None


def next_to_emit(settings: Settings) -> dict[int, int]:
    """Partition of `trading.signals` -> the offset after the newest signal whose command was sent.

    Reads the strategy account's partition of `trading.commands`. Raises UnavailableError.
    """
    key = settings.strategy_account_id.encode()
    found: dict[int, int] = {}
    for record in read_range(settings, settings.topic(COMMANDS), partition_of(key, settings.partitions)):
        if record.key != key or codec.header(record.headers, "ce_source") != _SOURCE.encode():
            continue
        cause = codec.cause_of(record.headers)
        if cause is not None and cause.topic == SIGNALS:
            found[cause.partition] = max(found.get(cause.partition, 0), cause.offset + 1)
    return found


def encode(command: SubmitOrder, record: TapeRecord) -> Encoded:
    """The command's record, a function of the signal's record alone: the signal's own times and trace go on."""
    signal_id = codec.header(record.headers, "ce_id") or b""
    value, headers = codec.encode(
        command,
        id_=command.command_id,
        source=_SOURCE,
        time_us=command.issued_at_us,
        subject=command.account_id,
        traceparent=codec.traceparent_of(record.headers),
        cause=codec.Cause(SIGNALS, record.partition, record.offset, signal_id.decode()),
    )
    return Encoded(command.account_id.encode(), value, headers)


class Manager:
    """All partitions that this worker was handed. Not thread-safe: one call at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._commands = settings.topic(COMMANDS)
        self._producer = kafka_producer(settings, **{"message.timeout.ms": _DELIVERY_TIMEOUT_MS})
        self._partitions: dict[int, PartitionFollower] = {}
        self._errors: list[KafkaError] = []

    def assign(self, partitions: Iterable[int]) -> dict[int, int]:
        """Own exactly these partitions, anew; returns from which offset each is to be handed over.

        Raises TopologyError when the topics are not those that the commands were made from.
        """
        check_partitions(self._settings, live_partitions(self._settings), (SIGNALS, COMMANDS))
        emit_from = next_to_emit(self._settings)
        starts = {partition: emit_from.get(partition, 0) for partition in partitions}
        for partition, start in starts.items():
            check_input(self._settings, SIGNALS, partition, 0, start)
        self._partitions = {
            partition: PartitionFollower(self._settings, partition, start) for partition, start in starts.items()
        }
        return starts

    def process(self, records: Sequence[TapeRecord]) -> int:
        """Send the commands of a batch; returns how many, when Kafka has acknowledged them all.

        Records of partitions that are not owned any more are left to their owner.
        Raises ChainError, UnreadableInput, UnavailableError; the worker must end then, and its successor goes on.
        """
        sent = 0
        for record in records:
            follower = self._partitions.get(record.partition)
            for command in follower.take(record) if follower is not None else ():
                self._produce(command)
                sent += 1
        if sent and (self._producer.flush() or self._errors):
            raise UnavailableError(f"{self._commands}: Kafka did not take a command: {self._errors}")
        return sent

    def _produce(self, command: Encoded) -> None:
        fields = msgspec.json.decode(command.value)
        _logger.info(
            "signal causes a command",
            extra={name: fields[name] for name in ("order_id", "symbol", "side", "quantity", "signal_id")},
        )
        while True:
            try:
                self._producer.produce(
                    self._commands,
                    key=command.key,
                    value=command.value,
                    headers=cast(Any, command.headers),  # the stub's list type is invariant
                    on_delivery=self._note,
                )
            except BufferError:  # the local queue is full: wait for acknowledgements, then go on
                self._producer.poll(0.1)
            else:
                return

    def _note(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._errors.append(error)
