"""The worker's end of a job's process: its start, what it says, and its end."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import NamedTuple

import msgspec
import psutil
from pydantic import SecretStr

from runtime.settings import Settings
from streams.backtests.messages import CANCEL, Answer, Task, answers, line

_MEBIBYTE = 2**20
_END_S = 5.0
_WITHHELD = frozenset({"database_url", "database_projector_url", "database_backtests_url", "redis_url"})
"""Addresses of what a backtest has no business with; besides these, Kafka's and all secrets."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Said(NamedTuple):
    """By a process: an answer; None: its output has ended, and it says no more."""

    process: JobProcess
    answer: Answer | None


Mailbox = queue.SimpleQueue[Said]


class JobProcess:
    """One task in a process of its own, which leads a process group. What it says goes to the mailbox."""

    def __init__(self, settings: Settings, task: Task, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._words: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "streams.backtests.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(settings),
            start_new_session=True,
        )
        self._words.put(line(task))
        for name, target in (("telling", self._tell), ("hearing", self._hear)):
            threading.Thread(target=target, name=f"{name}-{self._popen.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def ask_to_stop(self) -> None:
        self._words.put(CANCEL)

    def memory_mb(self) -> float:
        """MiB that it and its own children hold, resident; 0 once it is gone."""
        try:
            process = psutil.Process(self._popen.pid)
            resident: int = sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))
        except psutil.Error:
            return 0.0
        return resident / _MEBIBYTE

    def kill(self) -> None:
        """With everything that it has started. Safe to repeat."""
        with suppress(ProcessLookupError):
            if self._popen.poll() is None:
                os.killpg(self._popen.pid, signal.SIGKILL)
        self._words.put(None)

    def ending(self) -> str:
        """How it ended, for people, once it has said its last word."""
        code = self._popen.poll()
        if code is None:
            return "it closed its output and did not end"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def _tell(self) -> None:
        assert self._popen.stdin is not None
        with suppress(OSError), self._popen.stdin as words:
            while (word := self._words.get()) is not None:
                words.write(word)
                words.flush()

    def _hear(self) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout as said:
            for text in said:
                try:
                    self._mailbox.put(Said(self, answers.decode(text)))
                except (msgspec.DecodeError, UnicodeDecodeError):
                    break  # not ours: as if it had died
        try:
            self._popen.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._mailbox.put(Said(self, None))
        self._popen.wait()  # reaped: no zombie stays


def environment(settings: Settings) -> dict[str, str]:
    """The variables of a job's process: all settings, but no secret, and no server's address but the reader's.

    Libraries compute in one thread each, unless the worker's environment says otherwise.
    """
    hidden = {name.upper(): value for name, value in _bare(settings).environ().items()}
    return {**dict.fromkeys(_THREADS, "1"), **os.environ, **hidden}


def _bare(settings: Settings) -> Settings:
    withheld = {
        name: field.get_default(call_default_factory=True)
        for name, field in type(settings).model_fields.items()
        if name in _WITHHELD or name.startswith("kafka_") or field.annotation is SecretStr
    }
    return settings.model_copy(update=withheld)
