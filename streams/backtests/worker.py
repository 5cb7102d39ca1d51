"""`tape worker backtests`: takes requests in, runs them in processes of their own, keeps the results.

As many workers as wanted, on any machine that has the models; they share the queue. One thread takes in what
`backtest.requests` brings, the main thread sees to the jobs; each waits for its servers by itself. While the database
is away what runs goes on.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from contextlib import suppress

import psycopg

from runtime import health as health_module
from runtime import stopping
from runtime.clients import postgres_backtests
from runtime.health import Health
from runtime.settings import Settings
from streams.backtests.desk import Desk
from streams.backtests.figures import Figures
from streams.backtests.port import Programs
from streams.backtests.queue import Connection
from streams.backtests.requests import AWAY, CONNECTION, SERVICE, TOPIC, Requests
from streams.backtests.results import delete_old
from streams.topics import wait_until_there

_TURN_S = 0.1
_BACKOFF_S_MAX = 5.0
_SILENT_S_MAX = 60.0
_STOP_S = 5.0
_DELETE_EVERY_S = 600.0
log = logging.getLogger(__name__)


class Worker:
    """Both loops, until `stop` is set."""

    def __init__(self, settings: Settings, programs: Programs, health: Health) -> None:
        self._settings, self._health = settings, health
        self._requests = Requests(settings)
        self._desk = Desk(settings, f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}", programs)
        self._figures = Figures()
        self._connection: Connection | None = None
        self._problem: str | None = "no turn yet"
        self._failures, self._again_s, self._delete_s = 0, 0.0, 0.0
        self._failure: BaseException | None = None

    def run(self, stop: threading.Event) -> None:
        """Raises what it could not go on from; then its jobs are given back, if the database takes that."""
        taking = threading.Thread(target=self._take_in, args=(stop,), name="requests", daemon=True)
        taking.start()
        try:
            while not stop.is_set() and self._failure is None:
                self._desk.hear(_TURN_S)
                self._write()
                self._say()
        finally:
            stop.set()
            self._end()
            taking.join(_STOP_S)
        if self._failure is not None:
            raise self._failure

    def _take_in(self, stop: threading.Event) -> None:
        try:
            self._requests.run(stop)
        except BaseException as error:  # noqa: BLE001  # handed to the main thread, which raises it
            self._failure = error

    def _write(self) -> None:
        now_s = time.monotonic()
        if now_s < self._again_s:
            return
        try:
            if self._connection is None:
                self._connection = postgres_backtests(self._settings, **CONNECTION)
            self._desk.write(self._connection)
            self._figures.look(self._connection)
            if now_s > self._delete_s:
                self._delete_s = now_s + _DELETE_EVERY_S
                if count := delete_old(self._connection, self._settings.backtest_kept_days):
                    log.info("%d backtests were older than %d days", count, self._settings.backtest_kept_days)
            self._problem, self._failures = None, 0
        except AWAY as error:
            self._close()
            pause_s = min(_BACKOFF_S_MAX, 0.1 * 2**self._failures)
            self._failures = min(self._failures + 1, 10)
            self._again_s, self._problem = now_s + pause_s, " ".join(str(error).split())
            log.warning("jobs wait %.1f s for the database: %s", pause_s, self._problem)

    def _say(self) -> None:
        if time.monotonic() - self._requests.turned_at < _SILENT_S_MAX:
            self._health.beat()
        problem = self._problem or self._requests.problem
        if problem is None and not self._requests.caught_up.is_set():
            problem = "requests that were there are not taken in yet"
        self._health.ready(problem is None, problem or "")

    def _end(self) -> None:
        try:
            self._desk.stop(self._connection)
        except psycopg.Error as error:
            log.warning("jobs were not given back, their leases run out: %s", error)
            self._desk.stop(None)
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


def run(settings: Settings, programs: Programs | None = None) -> None:
    """Run until SIGTERM or SIGINT. programs: others than the models' own.

    Raises TopologyError, when the topics have another number of partitions or lost records that were taken in.
    """
    health = health_module.serve(settings, SERVICE)
    if not settings.database_backtests_url:
        log.warning("DATABASE_BACKTESTS_URL is not given: writing as the owner of the tables, with DATABASE_URL")
    wait_until_there(settings, (TOPIC,))
    stopped = threading.Event()
    stopping.on_signal(stopped.set)
    try:
        Worker(settings, programs or Programs(), health).run(stopped)
    finally:
        health.close()
