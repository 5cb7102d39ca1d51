"""The half of the transfers' process manager that reads tapes and sends commands (domain.transfers is the pure half).

It keeps nothing. It reads every partition of the ledger's tape from the beginning, and sends nothing before it has read
all that was there when it started: whatever was sent and answered before is known then. A command is sent when it is
due, and again while no answer comes, after pauses that double. Several managers may run, and one that was frozen may
wake up: domain.transfers says why no schedule of theirs makes cash or loses any.

Boundaries: reading the whole tape takes a start of about a second for 30,000 records, during which transfers wait.
Verification: tests/streams/transfers.
"""

from __future__ import annotations

import logging
import time
from typing import Any, cast

import msgspec

from domain.commands import Command
from domain.transfers import READS, Transfer, Transfers, command_of
from runtime import metrics
from runtime.clients import kafka_producer
from runtime.clock import now_us
from runtime.settings import Settings
from streams import codec
from streams.tape import TapeReader, TapeRecord, end_offsets

TAPE, COMMANDS = "ledger.events", "trading.commands"
_POLL_S = 0.05
_SWEEP_S = 1.0
_PAUSE_S = 5.0
_PAUSE_S_MAX = 3_600.0
_CLOSE_S = 5.0
_READS = [[event.__name__.encode()] for event in READS]
_log = logging.getLogger(__name__)


class _Sent(msgspec.Struct):
    """The command that was sent last for a transfer. again_s: monotonic time; pause_s: how long was waited for it."""

    again_s: float
    pause_s: float


class TransferManager:
    """Not thread-safe. is_current: all that was on the tape at the start is read."""

    def __init__(self, settings: Settings) -> None:
        tape = settings.topic(TAPE)
        self.is_current = False
        self._topic = settings.topic(COMMANDS)
        self._transfers = Transfers()
        self._left = {partition: end for partition, end in end_offsets(settings, tape).items() if end}
        self._reader = TapeReader(settings, tape, dict.fromkeys(range(settings.partitions), (0, None)))
        self._producer = kafka_producer(settings)
        self._sent: dict[tuple[str, str], _Sent] = {}
        self._sweep_s = 0.0

    def turn(self) -> None:
        """Take in what has come, and send what is due. Raises ChainError, UnavailableError and UnreadableInput."""
        for record, live in self._reader.poll(timeout_s=_POLL_S):
            if live and _is_read(record):
                self._transfers.fold(record.decoded())
            if record.offset + 1 >= self._left.get(record.partition, record.offset + 2):
                del self._left[record.partition]
        self.is_current = not self._left
        if self.is_current:
            self._send_due()
        metrics.transfers_under_way.set(len(self._transfers.open))
        self._producer.poll(0)

    def close(self) -> None:
        """Give what is queued a last chance; a successor sends it again."""
        self._producer.flush(_CLOSE_S)
        self._reader.close()

    def _send_due(self) -> None:
        now = time.monotonic()
        for transfer in self._transfers.take_news():
            self._send(transfer, now, _PAUSE_S)
        if now < self._sweep_s:
            return
        self._sweep_s = now + _SWEEP_S
        self._sent = {key: sent for key, sent in self._sent.items() if key in self._transfers.open}
        for key, sent in list(self._sent.items()):
            if sent.again_s <= now:
                _log.info("no answer yet, sending again: transfer %s of %s", key[1], key[0])
                self._send(self._transfers.open[key], now, min(2 * sent.pause_s, _PAUSE_S_MAX))

    def _send(self, transfer: Transfer, now: float, pause_s: float) -> None:
        """What Kafka does not take is sent again after the pause, as everything is that nobody has answered."""
        command = command_of(transfer, now_us())
        self._sent[transfer.from_account_id, transfer.transfer_id] = _Sent(now + pause_s, pause_s)
        value, headers = codec.encode(
            command,
            id_=command.command_id,
            source="transfers",
            time_us=command.issued_at_us,
            subject=command.account_id,
        )
        try:
            self._producer.produce(
                self._topic, key=command.account_id.encode(), value=value, headers=cast(Any, headers)
            )
        except BufferError:
            _log.warning("Kafka takes no more for now: %s waits", _name(command))
            return
        _log.info("%s sent to %s: transfer %s", _name(command), command.account_id, transfer.transfer_id)


def _is_read(record: TapeRecord) -> bool:
    """Whether a manager looks at such an event, whatever its version."""
    return (codec.header(record.headers, "ce_type") or b"").split(b".")[1:2] in _READS


def _name(command: Command) -> str:
    return type(command).__name__
