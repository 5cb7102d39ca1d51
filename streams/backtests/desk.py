"""What a worker does with its jobs: one turn of its loop after another, in one thread.

A turn hears what the processes say and looks after them, which needs no server; then it tells the database what became
of the jobs, takes others for its free places, and has results put on MLflow's record, one at a time. An end that the
database does not take at once is kept and offered again; a job that is no longer this worker's is ended and forgotten.

Verification: tests/streams/backtests/test_desk.py; test_worker.py for kill -9, two workers, and servers that go away.
"""

from __future__ import annotations

import logging
import queue
import time
from typing import Literal, NamedTuple

import psycopg

from runtime import metrics
from runtime.settings import Settings
from streams.backtests import untracked
from streams.backtests.messages import Answer, Done, Failed, Progress, RunTask, Tracked, TrackTask
from streams.backtests.outcomes import Outcome
from streams.backtests.port import Programs
from streams.backtests.process import JobProcess, Mailbox
from streams.backtests.queue import Claim, Connection, Failure, Policy, claim, fail, finish, heartbeat, release
from streams.backtests.untracked import Untracked

_HEARTBEAT_S = 0.5
_GRACE_S = 1.5
"""From the word that a backtest is to end until it is ended."""
_IDLE_S = 0.2
_MEMORY_EVERY_S = 0.3
_TRACKING_S_MAX = 300.0
log = logging.getLogger(__name__)

Ending = Literal["done", "failed", "again", "cancelled", "lost", "released"]


class _Limits(NamedTuple):
    seconds_max: float
    memory_mb_max: int


class _Job:
    """A claim and its process. end: what became of it, once that is known. stop_s: when it is killed, after a word."""

    def __init__(self, claimed: Claim, process: JobProcess) -> None:
        self.claimed, self.process = claimed, process
        self.share, self.text = 0.0, "starting"
        self.began_s = self.told_s = self.looked_s = time.monotonic()
        self.stop_s: float | None = None
        self.end: Outcome | Failure | None = None


class _Record:
    """A result on its way to MLflow. answer: what its process has said of that."""

    def __init__(self, result: Untracked, process: JobProcess) -> None:
        self.result, self.process = result, process
        self.began_s = time.monotonic()
        self.answer: Tracked | str | None = None


class Desk:
    """The jobs of one worker. name: of no other worker, at any time. Not thread-safe."""

    def __init__(self, settings: Settings, name: str, programs: Programs) -> None:
        self._settings, self._name, self._programs = settings, name, programs
        self._policy = Policy.of(settings)
        self._limits = _Limits(settings.backtest_seconds_max, settings.backtest_memory_mb_max)
        self._places = settings.backtest_jobs_at_once
        self._heartbeat_s = min(_HEARTBEAT_S, settings.backtest_lease_s / 5)
        self._mailbox: Mailbox = queue.SimpleQueue()
        self._jobs: list[_Job] = []
        self._record: _Record | None = None
        self._look_s = 0.0

    @property
    def busy(self) -> int:
        """How many backtests run here."""
        return len(self._jobs)

    @property
    def ended(self) -> int:
        """Of how many the end is known here, and not yet in the database."""
        return sum(job.end is not None for job in self._jobs)

    def hear(self, timeout_s: float) -> None:
        """Wait so long for a first word of a process, take all that there are, and end what goes beyond its bounds."""
        try:
            said = self._mailbox.get(timeout=timeout_s)
            while True:
                self._heard(said.process, said.answer)
                said = self._mailbox.get_nowait()
        except queue.Empty:
            pass
        now_s = time.monotonic()
        for job in self._jobs:
            self._watch(job, now_s)
        record = self._record
        if record is not None and record.answer is None and now_s - record.began_s > _TRACKING_S_MAX:
            record.answer = f"expected an answer of MLflow within {_TRACKING_S_MAX:.0f} s"

    def write(self, connection: Connection) -> None:
        """Tell the database, and take what is due. Raises psycopg.Error; what was not told is told the next time."""
        for job in list(self._jobs):
            self._tell(connection, job)
        self._tell_record(connection)
        now_s = time.monotonic()
        if now_s < self._look_s:
            return
        self._look_s = now_s + _IDLE_S
        while len(self._jobs) < self._places and (claimed := claim(connection, self._name, self._policy)):
            self._look_s = 0.0
            self._begin(connection, claimed)
        if self._record is None and (result := untracked.take(connection)):
            self._begin_record(result)

    def stop(self, connection: Connection | None) -> None:
        """End all processes, and give the jobs back that have not ended. Without a database their leases run out."""
        for job in list(self._jobs):
            job.process.kill()
            if connection is not None and job.end is not None:
                self._tell_end(connection, job, job.end)
            elif connection is not None:
                standing = release(connection, job.claimed)
                self._ended(job, "released" if standing == "MINE" else "cancelled" if standing == "CANCEL" else "lost")
        if self._record is not None:
            self._record.process.kill()
        self._jobs, self._record = [], None

    def _heard(self, process: JobProcess, answer: Answer | None) -> None:
        record = self._record
        if record is not None and record.process is process:
            if isinstance(answer, Tracked):
                record.answer = answer
            elif record.answer is None:
                record.answer = answer.text if isinstance(answer, Failed) else f"its process died: {process.ending()}"
            return
        for job in self._jobs:
            if job.process is process and job.end is None:
                self._answered(job, answer)

    def _answered(self, job: _Job, answer: Answer | None) -> None:
        match answer:
            case Progress():
                job.share, job.text = answer.share, answer.text
            case Done():
                job.end = answer.outcome
            case Failed():
                job.end = Failure(answer.code, answer.text, answer.again)
            case None:
                text = f"the process ended without an answer: {job.process.ending()}"
                job.end = Failure("BACKTEST_PROCESS_DIED", text, again=True)
            case _:  # it was asked to stop
                job.end = Failure("BACKTEST_PROCESS_DIED", "the process stopped before its work was done", again=True)

    def _watch(self, job: _Job, now_s: float) -> None:
        if job.end is not None:
            return
        took_s = now_s - job.began_s
        if job.stop_s is not None and now_s > job.stop_s:
            job.end = Failure("BACKTEST_PROCESS_DIED", "the process was ended", again=True)
        elif took_s > self._limits.seconds_max:
            text = f"expected an end within {self._limits.seconds_max:g} s, it ran for {took_s:.1f} s"
            job.end = Failure("BACKTEST_OUT_OF_TIME", text, again=False)
        elif now_s >= job.looked_s:
            job.looked_s = now_s + _MEMORY_EVERY_S
            memory_mb = job.process.memory_mb()
            if memory_mb > self._limits.memory_mb_max:
                text = f"expected at most {self._limits.memory_mb_max} MiB of memory, it had {memory_mb:.0f} MiB"
                job.end = Failure("BACKTEST_OUT_OF_MEMORY", text, again=False)
        if job.end is not None:
            job.process.kill()

    def _tell(self, connection: Connection, job: _Job) -> None:
        now_s = time.monotonic()
        if job.end is not None:
            self._tell_end(connection, job, job.end)
        elif now_s >= job.told_s:
            standing = heartbeat(connection, job.claimed, job.share, job.text, self._policy)
            job.told_s = now_s + self._heartbeat_s
            if standing == "LOST":
                self._leave(job, "lost")
            elif standing == "CANCEL" and job.stop_s is None:
                job.process.ask_to_stop()
                job.stop_s = now_s + _GRACE_S

    def _tell_end(self, connection: Connection, job: _Job, end: Outcome | Failure) -> None:
        ending: Ending
        try:
            if isinstance(end, Outcome):
                standing, ending = finish(connection, job.claimed, end), "done"
            else:
                standing = fail(connection, job.claimed, end, self._policy)
                is_again = end.again and job.claimed.attempt < self._policy.attempts_max
                ending = "again" if is_again else "failed"
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            job.end = Failure("BACKTEST_RESULT_INVALID", f"the database refuses the result: {error}", again=False)
            return
        if standing != "MINE":
            ending = "cancelled" if standing == "CANCEL" else "lost"
        if isinstance(end, Failure):
            log.warning("backtest %s: %s: %s", job.claimed.backtest_id, end.code, end.text)
        self._leave(job, ending)

    def _leave(self, job: _Job, ending: Ending) -> None:
        job.process.kill()
        self._jobs.remove(job)
        self._ended(job, ending)

    @staticmethod
    def _ended(job: _Job, ending: Ending) -> None:
        took_s = time.monotonic() - job.began_s
        log.info("backtest %s, attempt %d: %s in %.1f s", job.claimed.backtest_id, job.claimed.attempt, ending, took_s)
        metrics.backtest_attempts_total.labels(ending).inc()
        metrics.backtest_job_duration_seconds.observe(took_s)

    def _begin(self, connection: Connection, claimed: Claim) -> None:
        log.info("backtest %s, attempt %d: begun", claimed.backtest_id, claimed.attempt)
        try:
            process = JobProcess(self._settings, RunTask(programs=self._programs, terms=claimed.terms), self._mailbox)
        except OSError as error:
            fail(
                connection, claimed, Failure("BACKTEST_PROCESS_DIED", f"it did not start: {error}", True), self._policy
            )
            return
        self._jobs.append(_Job(claimed, process))

    def _begin_record(self, result: Untracked) -> None:
        task = TrackTask(
            programs=self._programs,
            backtest_id=result.backtest_id,
            requested_by=result.requested_by,
            terms=result.terms,
            result=result.result,
            report=result.report,
        )
        try:
            self._record = _Record(result, JobProcess(self._settings, task, self._mailbox))
        except OSError as error:  # it is due again after a pause
            log.warning("backtest %s is not on MLflow's record yet: %s", result.backtest_id, error)

    def _tell_record(self, connection: Connection) -> None:
        record = self._record
        if record is None or record.answer is None:
            return
        backtest_id = record.result.backtest_id
        if isinstance(record.answer, Tracked):
            untracked.logged(connection, backtest_id, record.answer.run_id)
            log.info("backtest %s is run %s of MLflow", backtest_id, record.answer.run_id)
        else:
            untracked.failed(connection, backtest_id, record.answer)
            log.warning("backtest %s, attempt %d to log it: %s", backtest_id, record.result.attempt, record.answer)
        record.process.kill()
        self._record = None
