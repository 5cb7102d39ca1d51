"""The projector: a thread for each group of projections. As many processes as wanted; they cannot harm one another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from domain.errors import UnavailableError
from projections.groups import GROUPS
from projections.rebuild.work import send_actions
from projections.runner import Runner
from runtime import health as health_module
from runtime import metrics, stopping
from runtime.clients import kafka_admin
from runtime.settings import Settings
from runtime.topic_ends import topic_ends

log = logging.getLogger(__name__)

_TURN_S = 0.5
_SILENT_S_MAX = 60.0
_STOP_S = 8.0
_LAG_EVERY_S = 5.0
_SEND_EVERY_S = 60.0


class Projector:
    """All groups of projections, each in a thread of its own.

    Verification: tests/projections/test_worker.py (kill, restart, two at once, servers that come late).
    """

    def __init__(self, settings: Settings) -> None:
        self.runners = [Runner(settings, group) for group in GROUPS]
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._run, args=(runner,), name=f"projection-{runner.group.name}", daemon=True)
            for runner in self.runners
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask all threads to end and wait for a bounded time. A batch that is not committed by then is not written."""
        self._stop.set()
        deadline = time.monotonic() + _STOP_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                log.warning("%s did not stop in %.0f s; leaving it", thread.name, _STOP_S)

    def check(self) -> None:
        """Raises what a thread died of."""
        if self._failure is not None:
            raise self._failure

    def caught_up(self) -> bool:
        """Every topic was read to the end that it had at the start."""
        return all(runner.caught_up.is_set() for runner in self.runners)

    def problems(self) -> list[str]:
        """Why a group stands still, for each that does."""
        return [str(runner.stopped) for runner in self.runners if runner.stopped is not None]

    def turns(self) -> bool:
        """Every thread is at work, or waits for a server and says so."""
        return all(time.monotonic() - runner.turned_at < _SILENT_S_MAX for runner in self.runners)

    def _run(self, runner: Runner) -> None:
        try:
            runner.run(self._stop)
        except BaseException as error:  # noqa: BLE001  # handed to the main thread, which raises it
            self._failure = error


def run(settings: Settings) -> None:
    """Project until SIGTERM or SIGINT. Raises TopologyError.

    A group whose tape is not what was written, or holds what cannot be projected, stands still; the others go on.
    """
    health = health_module.serve(settings, "projector")
    if not settings.database_projector_url:
        log.warning("DATABASE_PROJECTOR_URL is not given: projecting as the owner of the tables, with DATABASE_URL")
    stop = threading.Event()
    stopping.on_signal(stop.set)
    projector = Projector(settings)
    projector.start()
    threading.Thread(target=_watch_lag, args=(settings, projector.runners, stop), name="lag", daemon=True).start()
    threading.Thread(target=_send_actions, args=(settings, stop), name="actions", daemon=True).start()
    try:
        while not stop.wait(_TURN_S):
            projector.check()
            if projector.turns():
                health.beat()
            problems = projector.problems()
            health.ready(projector.caught_up() and not problems, "; ".join(problems) or "not caught up yet")
    finally:
        stop.set()
        projector.stop()
        health.close()


def _watch_lag(settings: Settings, runners: Sequence[Runner], stop: threading.Event) -> None:
    admin = kafka_admin(settings)
    while not stop.wait(_LAG_EVERY_S):
        for runner in runners:
            for partition, lag in lags(admin, runner).items():
                metrics.projection_lag_records.labels(runner.topic, str(partition)).set(lag)


def _send_actions(settings: Settings, stop: threading.Event) -> None:
    """What a command wrote down for `audit.logs` and could not send is sent from here."""
    while True:
        try:
            sent = send_actions(settings)
            if sent:
                log.info("%d actions were waiting for audit.logs and are sent", sent)
        except (UnavailableError, psycopg.Error) as error:
            log.warning("actions wait for audit.logs: %s", error)
        if stop.wait(_SEND_EVERY_S):
            return


def lags(admin: AdminClient, runner: Runner) -> dict[int, int]:
    """Records on the broker that are not yet projected, per partition; empty while Kafka is away."""
    progress = dict(runner.progress)
    try:
        ends = topic_ends(admin, [(runner.topic, partition) for partition in progress], _LAG_EVERY_S)
    except KafkaException as error:
        log.debug("lag of %s is not known: %s", runner.topic, error)
        return {}
    return {partition: max(0, end - progress[partition][0]) for (_, partition), end in ends.items()}
