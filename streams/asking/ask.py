"""Sending commands to ledgers and waiting, within bounds, for the event with which each of them answers.

A command is sent first, and then looked for: nothing delays a halt. Answers are read off the tape from where the
projections stand (their tables hold what is before), or from its beginning where there is no database. Only live
records count, so an answer is what every reader of the chain sees.

Sending again with the same command id completes what was broken off: who has carried it out gives no second event, and
its first one is found here.
Verification: tests/streams/risk.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import msgspec
import psycopg

from domain.commands import Command
from domain.errors import UnavailableError
from domain.events import CommandRejected, LedgerEvent
from runtime.clients import kafka_producer, postgres
from runtime.settings import Settings
from streams import codec
from streams.partitioning import partition_of
from streams.tape import Head, TapeReader, TapeRecord, end_offsets

TAPE = "ledger.events"
COMMANDS = "trading.commands"
_SEND_S = 10.0
_POLL_S = 0.05
_log = logging.getLogger(__name__)

_PROGRESS = """
select partition, next_offset, head_seq, head_hash from projection_progress where projection = 'ledger' and topic = %s
"""
_KNOWN = """
select partition, record_offset, key, value, header_names, header_values
from desk_events join tape_records using (partition, record_offset)
where command_id = %s and topic = %s
"""
_ENVELOPE = frozenset({"command_id", "account_id", "issued_at_us"})


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one partition's ledger answered. offset: of its event on the tape; version: the desk's or the account's.

    code, text: of a refusal, otherwise empty. earlier: it had carried the command out before it was sent now.
    """

    key: str
    partition: int
    offset: int
    version: int
    event: str
    code: str = ""
    text: str = ""
    earlier: bool = False


class _Standing(NamedTuple):
    """positions: partition -> where to read on. known: events of the command id that stand before that."""

    positions: Mapping[int, tuple[int, Head | None]]
    known: Sequence[TapeRecord]


class _Asked:
    """What was sent, and the answers so far, by key. ends: partition -> where the tape ended before it was sent."""

    def __init__(self, commands: Sequence[Command], ends: Mapping[int, int]) -> None:
        self.answers: dict[str, Answer] = {}
        self._commands = {command.account_id: command for command in commands}
        self._ends = ends

    @property
    def is_answered(self) -> bool:
        return len(self.answers) == len(self._commands)

    def take(self, record: TapeRecord) -> None:
        """A live record. The first that carries the command out counts, or refuses it since it was sent.

        An earlier refusal may not hold any more; an earlier event of the same id with other content is no answer, the
        ledger refuses the id then.
        """
        key = (record.key or b"").decode(errors="replace")
        command = self._commands.get(key)
        if command is None or key in self.answers:
            return
        event = record.decoded()
        if not isinstance(event, LedgerEvent) or getattr(event, "command_id", None) != command.command_id:
            return
        earlier = record.offset < self._ends.get(record.partition, 0)
        code, text = (event.code, event.text) if isinstance(event, CommandRejected) else ("", "")
        counts = not earlier if code else _carries_out(event, command)
        if not counts:
            return
        self.answers[key] = Answer(
            key=key,
            partition=record.partition,
            offset=record.offset,
            version=event.originator_version,
            event=type(event).__name__,
            code=code,
            text=text,
            earlier=earlier,
        )


def _carries_out(event: LedgerEvent, command: Command) -> bool:
    """Whether the event says what the command asked for, field by field."""
    names = set(command.__struct_fields__) - _ENVELOPE
    return all(getattr(event, name, None) == getattr(command, name) for name in names)


def ask(settings: Settings, commands: Sequence[Command], timeout_s: float) -> dict[str, Answer]:
    """Send commands of one command id, one a key, and give the answers that came within `timeout_s`, by key.

    Raises UnavailableError when Kafka does not take the commands, or cannot be read, and ChainError.
    """
    (command_id,) = {command.command_id for command in commands}
    topic = settings.topic(TAPE)
    homes = {partition_of(command.account_id.encode(), settings.partitions) for command in commands}
    ends = end_offsets(settings, topic)
    _send(settings, commands)
    deadline = time.monotonic() + timeout_s
    standing = _standing(settings, topic, command_id, homes)
    asked = _Asked(commands, ends)
    for record in standing.known:
        asked.take(record)
    reader = TapeReader(settings, topic, standing.positions)
    try:
        while not asked.is_answered and time.monotonic() < deadline:
            for record, live in reader.poll(timeout_s=_POLL_S):
                if live:
                    asked.take(record)
    finally:
        reader.close()
    return asked.answers


def _send(settings: Settings, commands: Sequence[Command]) -> None:
    """Put the commands on Kafka and return when it has them all. Raises UnavailableError; some may have been taken."""
    producer = kafka_producer(settings, **{"message.timeout.ms": int(_SEND_S * 1_000)})
    failed: list[str] = []

    def delivered(error: Any, _: Any) -> None:
        if error is not None:
            failed.append(str(error))

    for command in commands:
        value, headers = codec.encode(
            command,
            id_=command.command_id,
            source="risk",
            time_us=command.issued_at_us,
            subject=command.account_id,
        )
        producer.produce(
            settings.topic(COMMANDS),
            key=command.account_id.encode(),
            value=value,
            headers=cast(Any, headers),
            on_delivery=delivered,
        )
    left = producer.flush(_SEND_S + 1)
    if left or failed:
        raise UnavailableError(
            f"{settings.topic(COMMANDS)}: Kafka did not take {left + len(failed)} of {len(commands)} commands "
            f"({failed[0] if failed else 'no answer'}); send {commands[0].command_id} again"
        )


def _standing(settings: Settings, topic: str, command_id: str, partitions: set[int]) -> _Standing:
    """From the tables, as of one moment; from the tape's beginning where the database is away."""
    beginning: dict[int, tuple[int, Head | None]] = dict.fromkeys(partitions, (0, None))
    if not settings.database_url:
        return _Standing(beginning, ())
    try:
        with postgres(settings, connect_timeout=5) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            progress = connection.execute(_PROGRESS, (topic,)).fetchall()
            known = connection.execute(_KNOWN, (command_id, topic)).fetchall()
    except psycopg.Error as error:
        _log.warning("the database does not answer, so the tape is read from its beginning: %s", error)
        return _Standing(beginning, ())
    positions = {
        partition: (next_offset, Head(seq, bytes(digest)))
        for partition, next_offset, seq, digest in progress
        if partition in partitions and next_offset
    }
    records = [
        TapeRecord(topic, partition, offset, 0, key, value, list(zip(names, values, strict=True)))
        for partition, offset, key, value, names, values in known
    ]
    return _Standing({**beginning, **positions}, records)
