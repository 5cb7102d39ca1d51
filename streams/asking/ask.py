"""Sending commands to ledgers and waiting, within bounds, for the event with which each of them answers.

A command is sent first, and then looked for: nothing delays a halt. Answers are read off the tape from where the
projections stand (their tables hold what is before), or from its beginning where there is no database. Only live
records count, so an answer is what every reader of the chain sees.

Sending again with the same command id, or under the same reference, completes what was broken off: who has carried it
out gives no second event, and its first one is found here.
Verification: tests/streams/risk, tests/streams/ops.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from domain.commands import Command
from domain.errors import UnavailableError
from domain.events import CommandRejected, LedgerEvent
from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams import codec
from streams.asking.outcomes import carries_out, refuses
from streams.asking.standing import standing
from streams.tape import TapeReader, TapeRecord, end_offsets

TAPE = "ledger.events"
COMMANDS = "trading.commands"
_SEND_S = 10.0
_POLL_S = 0.05
_WAITING_MAX = 10_000


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one ledger answered. offset: of its event on the tape; version: the desk's or the account's.

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
        if not isinstance(event, LedgerEvent):
            return
        earlier = record.offset < self._ends.get(record.partition, 0)
        if not carries_out(event, command) and (earlier or not refuses(event, command)):
            return
        code, text = (event.code, event.text) if isinstance(event, CommandRejected) else ("", "")
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


def ask(settings: Settings, commands: Sequence[Command], timeout_s: float, source: str) -> dict[str, Answer]:
    """Send commands of one kind, one a key, and give the answers that came within `timeout_s`, by key.

    source: who sends them, as CloudEvents name it. Raises UnavailableError when Kafka does not take the commands, or
    cannot be read, and ChainError.
    """
    topic = settings.topic(TAPE)
    ends = end_offsets(settings, topic)
    _send(settings, commands, source)
    deadline = time.monotonic() + timeout_s
    before = standing(settings, topic, commands)
    asked = _Asked(commands, ends)
    for record in before.known:
        asked.take(record)
    reader = TapeReader(settings, topic, before.positions)
    try:
        while not asked.is_answered and time.monotonic() < deadline:
            for record, live in reader.poll(timeout_s=_POLL_S):
                if live:
                    asked.take(record)
    finally:
        reader.close()
    return asked.answers


def _send(settings: Settings, commands: Sequence[Command], source: str) -> None:
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
            source=source,
            time_us=command.issued_at_us,
            subject=command.account_id,
        )
        while len(producer) >= _WAITING_MAX:  # each is delivered or given up within _SEND_S
            producer.poll(_POLL_S)
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
