"""Telling marks to every partition's desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from domain import ids
from domain.commands import MarkPrices
from domain.desk_checks import MARKS_MAX
from domain.errors import UnavailableError
from domain.world import MarkedPrice
from runtime import metrics
from runtime.clients import kafka_producer
from runtime.clock import now_us
from runtime.settings import Settings
from streams import codec
from streams.desks import desk_keys

COMMANDS = "trading.commands"
_FLUSH_S = 0.5
_CLOSE_S = 5.0


class MarkSender:
    """One command a partition; the same marks have the same command id, whoever sends them. Not thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic(COMMANDS)
        self._keys = desk_keys(settings.partitions)
        self._producer = kafka_producer(settings)
        self._errors: list[str] = []

    def send(self, marks: Sequence[MarkedPrice]) -> None:
        """Send without waiting. Raises UnavailableError when Kafka has refused an earlier one."""
        for start in range(0, len(marks), MARKS_MAX):
            chunk = tuple(marks[start : start + MARKS_MAX])
            for key in self._keys:
                self._produce(key, chunk)
        metrics.marks_sent_total.inc(len(marks))
        self._producer.poll(0)
        self._check()

    def flush(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Return when Kafka has all, or `stopped` says so. Raises UnavailableError when it refused one."""
        while self._producer.flush(_FLUSH_S) and not stopped():
            self._check()
        self._check()

    def close(self) -> None:
        """Give what is queued a last chance, then drop it: newer prices follow."""
        self._producer.flush(_CLOSE_S)
        self._producer.purge()
        self._producer.flush(_FLUSH_S)

    def _produce(self, key: str, marks: tuple[MarkedPrice, ...]) -> None:
        texts = [f"{one.symbol} {one.price} {one.market_time_us}" for one in marks]
        command = MarkPrices(
            command_id=ids.derive("mrk", key, *texts), account_id=key, issued_at_us=now_us(), marks=marks
        )
        value, headers = codec.encode(
            command, id_=command.command_id, source="marks", time_us=command.issued_at_us, subject=key
        )
        try:
            self._producer.produce(
                self._topic, key=key.encode(), value=value, headers=cast(Any, headers), on_delivery=self._note
            )
        except BufferError as error:
            raise UnavailableError(f"{self._topic}: Kafka takes no marks: {error}") from error

    def _note(self, error: Any, _: Any) -> None:
        if error is not None:
            self._errors.append(str(error))

    def _check(self) -> None:
        if self._errors:
            raise UnavailableError(f"{self._topic}: Kafka refused marks: {self._errors[0]}")
