"""Waiting until a tick's consequences have reached the tapes (design section 4, Market time).

Two threads follow `trading.signals` and `ledger.events`, chain-checked, and fold them into Consequences; the feed's
thread waits on what they fold. The engine's watermarks are read from Redis only while an order of the tick's symbol is
open and active. A worker that is away is waited for: it comes back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import redis

from domain.errors import UnreadableInput
from runtime.clients import redis_sync
from runtime.settings import Settings
from streams import codec
from streams.feed.consequences import Consequences, Published, Watermark
from streams.feed.patience import Stopped, patiently
from streams.strategy.rule import follower_of
from streams.tape import TapeReader, TapeRecord, end_offsets

SIGNALS = "trading.signals"
LEDGER = "ledger.events"
WATERMARKS = "execution.watermarks"
_TELL_S = 10.0  # so long a wait is worth a line in the log
_POLL_S = 0.001
_POLL_LONG_S = 0.02  # once a wait is no longer a matter of latency
_LONG_S = 1.0
_TURN_S = 0.5
_logger = logging.getLogger(__name__)


class Lockstep:
    """Follows both tapes from their beginnings. Use as a context manager; entering returns when it has caught up."""

    def __init__(self, settings: Settings, stopped: Callable[[], bool]) -> None:
        self._settings = settings
        self._stopped = stopped
        self._consequences = Consequences(follower_of(settings))
        self._changed = threading.Condition()
        self._failure: Exception | None = None
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._redis: redis.Redis = redis_sync(settings)
        self._marks = msgspec.json.Decoder(Watermark)

    def __enter__(self) -> Lockstep:
        # Signals first: a verdict is then never far ahead of the signal it belongs to.
        try:
            self._follow(SIGNALS, self._fold_signal)
            self._follow(LEDGER, self._fold_ledger_event)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join(5)
        self._redis.close()

    def causes_nothing(self, symbol: str, completes_bar: bool) -> bool:
        """Whether the next tick of a symbol needs no waiting for."""
        with self._changed:
            self._check()
            return not completes_bar and not self._consequences.has_open(symbol)

    def wait(self, at: Published) -> None:
        """Return when the tick is done with. Raises Stopped, ChainError, UnavailableError."""
        started = told = time.monotonic()
        while True:
            missing = self._missing(at, long=time.monotonic() - started > _LONG_S)
            if missing is None:
                return
            if self._stopped():
                raise Stopped
            if time.monotonic() - told > _TELL_S:
                told = time.monotonic()
                _logger.warning("the feed has waited %.0f s for %s; it goes on waiting", told - started, missing)

    def _missing(self, at: Published, *, long: bool) -> str | None:
        """What is missing, after a short wait for it if anything is."""
        with self._changed:
            self._check()
            missing = self._consequences.missing_verdict(at)
            if missing is not None:
                self._changed.wait(_TURN_S)
                return missing
            orders = self._consequences.awaited_orders(at)
        marks = self._watermarks(orders) if orders else {}
        with self._changed:
            self._check()
            missing = self._consequences.missing(at, marks)
            if missing is not None:
                self._changed.wait(_POLL_LONG_S if long else _POLL_S)
            return missing

    def _watermarks(self, orders: list[str]) -> dict[str, Watermark]:
        """Those that are there. Redis may be away or wiped: the engine writes them again."""
        try:
            raw: list[Any] = self._redis.hmget(WATERMARKS, orders)
        except redis.RedisError as error:
            _logger.debug("the engine's watermarks cannot be read: %s", error)
            time.sleep(_POLL_LONG_S)
            return {}
        return {order: self._marks.decode(mark) for order, mark in zip(orders, raw, strict=True) if mark is not None}

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _follow(self, tape: str, fold: Callable[[TapeRecord], None]) -> None:
        """Start following a tape; return when everything that is on it now is folded."""
        topic = self._settings.topic(tape)
        ends = patiently(lambda: end_offsets(self._settings, topic), self._stopped)
        behind = {partition: end for partition, end in ends.items() if end}
        caught_up = threading.Event()

        def run() -> None:
            try:
                reader = TapeReader(self._settings, topic, dict.fromkeys(range(self._settings.partitions), (0, None)))
                try:
                    self._run(reader, fold, behind, caught_up)
                finally:
                    reader.close()
            except Exception as error:  # noqa: BLE001  # handed to the feed's thread, which raises it
                with self._changed:
                    self._failure = error
                    self._changed.notify_all()
                caught_up.set()

        thread = threading.Thread(target=run, name=f"feed follows {tape}", daemon=True)
        self._threads.append(thread)
        thread.start()
        while not caught_up.wait(0.2):
            if self._stopped():
                raise Stopped
        self._check()

    def _run(
        self,
        reader: TapeReader,
        fold: Callable[[TapeRecord], None],
        behind: dict[int, int],
        caught_up: threading.Event,
    ) -> None:
        while not self._closing.is_set():
            if not behind:
                caught_up.set()
            # One record is waited for, the others are taken as they are there: a full batch is never waited for.
            taken = reader.poll(1, 0.2)
            while taken:
                with self._changed:
                    for record, live in taken:
                        if live:
                            fold(record)
                        if record.offset + 1 >= behind.get(record.partition, 0):
                            behind.pop(record.partition, None)
                    self._changed.notify_all()
                taken = reader.poll(timeout_s=0)

    def _fold_signal(self, record: TapeRecord) -> None:
        cause = codec.cause_of(record.headers)
        if cause is None:
            raise UnreadableInput(f"{record.topic}/{record.partition} at offset {record.offset}: no ce_cause header")
        self._consequences.on_signal(record.decoded(), cause)

    def _fold_ledger_event(self, record: TapeRecord) -> None:
        self._consequences.on_ledger_event(record.decoded())
