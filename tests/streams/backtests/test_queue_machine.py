"""Goal: no order of requests, cancellations, lost leases and ends leaves a job twice done or tried for ever.

Method: Hypothesis draws the order; the steps are the queue's own on a real PostgreSQL; a model of a few lines, which
knows nothing of leases or claims' numbers but who had a job last, says what must be in the table after each.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from streams.backtests.queue import Claim, Connection, Failure, claim, enqueue, fail, finish, heartbeat, release
from tests.streams.backtests.house import POLICY, asked, end, id_of, later, outcome

pytestmark = pytest.mark.integration
NAMES = ("a", "b", "c")
WORKERS = ("w1", "w2")
OVER = {"DONE", "FAILED", "CANCELLED"}


class Job:
    """What a person with paper and pencil would note of a job."""

    def __init__(self) -> None:
        self.state, self.attempts, self.wanted = "QUEUED", 0, True
        self.holder: Claim | None = None
        self.is_silent = False  # its lease is over


class Queue(RuleBasedStateMachine):
    """Two workers, three backtests. held: every claim that was ever given; workers use old ones too."""

    connection: Connection

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, Job] = {}
        self.order: list[str] = []
        self.held: list[Claim] = []

    @initialize()
    def begin(self) -> None:
        for table in ("jobs", "results", "trades", "equity"):
            self.connection.execute(f"delete from backtest_{table}".encode())

    @rule(name=st.sampled_from(NAMES))
    def request(self, name: str) -> None:
        with self.connection.transaction(), self.connection.cursor() as cursor:
            is_new = enqueue(cursor, asked(name), 0, 0, POLICY)
        assert is_new == (name not in self.jobs)
        if is_new:
            self.jobs[name] = Job()
            self.order.append(name)

    @rule(name=st.sampled_from(NAMES))
    def cancel(self, name: str) -> None:
        was_taken = end(self.connection, name)
        job = self.jobs.get(name)
        assert was_taken == (job is not None and job.state not in OVER and job.wanted)
        if job is not None and was_taken:
            job.wanted = False
            if job.state == "QUEUED":
                job.state = "CANCELLED"

    @rule(name=st.sampled_from(NAMES))
    def time_passes(self, name: str) -> None:
        later(self.connection, name)
        if name in self.jobs:
            self.jobs[name].is_silent = self.jobs[name].state == "RUNNING"

    @rule(worker=st.sampled_from(WORKERS))
    def take(self, worker: str) -> None:
        taken = claim(self.connection, worker, POLICY)
        lost = [name for name in self.order if self.jobs[name].is_silent]
        waiting = [name for name in self.order if self.jobs[name].state == "QUEUED"]
        if lost and (not self.jobs[lost[0]].wanted or self.jobs[lost[0]].attempts == POLICY.attempts_max):
            job = self.jobs[lost[0]]
            self._over(job, "FAILED" if job.wanted else "CANCELLED")
            assert taken is None
        elif lost or waiting:
            name = (lost or waiting)[0]
            job = self.jobs[name]
            assert taken is not None
            assert taken.backtest_id == id_of(name)
            job.state, job.holder, job.is_silent = "RUNNING", taken, False
            job.attempts += 1
            assert taken.attempt == job.attempts
            self.held.append(taken)
        else:
            assert taken is None

    @rule(data=st.data())
    def live(self, data: st.DataObject) -> None:
        found = self._drawn(data)
        if found is None:
            return
        mine, job = found
        standing = heartbeat(self.connection, mine, 0.5, "half", POLICY)
        assert standing == self._expected(mine, job)
        if standing != "LOST":
            job.is_silent = False

    @rule(data=st.data())
    def succeed(self, data: st.DataObject) -> None:
        self._end(data, lambda mine: finish(self.connection, mine, outcome()), lambda job: self._over(job, "DONE"))

    @rule(data=st.data(), again=st.booleans())
    def break_down(self, data: st.DataObject, again: bool) -> None:
        def failed(job: Job) -> None:
            if again and job.attempts < POLICY.attempts_max:
                job.state, job.holder, job.is_silent = "QUEUED", None, False
            else:
                self._over(job, "FAILED")

        self._end(data, lambda mine: fail(self.connection, mine, Failure("X", "x", again), POLICY), failed)

    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        def released(job: Job) -> None:
            job.state, job.holder, job.is_silent = "QUEUED", None, False
            job.attempts -= 1

        self._end(data, lambda mine: release(self.connection, mine), released)

    def _end(self, data: st.DataObject, act: Any, then: Any) -> None:
        found = self._drawn(data)
        if found is None:
            return
        mine, job = found
        expected = self._expected(mine, job)
        assert act(mine) == expected
        if expected == "CANCEL":
            self._over(job, "CANCELLED")
        elif expected == "MINE":
            then(job)

    def _drawn(self, data: st.DataObject) -> tuple[Claim, Job] | None:
        if not self.held:
            return None
        mine = data.draw(st.sampled_from(self.held))
        (name,) = (name for name in NAMES if id_of(name) == mine.backtest_id)
        return mine, self.jobs[name]

    @staticmethod
    def _expected(mine: Claim, job: Job) -> str:
        if job.holder != mine:
            return "LOST"
        return "MINE" if job.wanted else "CANCEL"

    @staticmethod
    def _over(job: Job, state: str) -> None:
        job.state, job.holder, job.is_silent = state, None, False

    @invariant()
    def the_table_is_as_noted(self) -> None:
        rows = self.connection.execute("select backtest_id, state, attempts from backtest_jobs").fetchall()
        assert sorted(rows) == sorted((id_of(name), job.state, job.attempts) for name, job in self.jobs.items())
        assert all(job.attempts <= POLICY.attempts_max for job in self.jobs.values())

    @invariant()
    def exactly_what_is_done_has_one_result(self) -> None:
        done = sorted(id_of(name) for name, job in self.jobs.items() if job.state == "DONE")
        for table in ("results", "trades"):
            found = self.connection.execute(f"select backtest_id from backtest_{table} order by 1".encode()).fetchall()
            assert [backtest_id for (backtest_id,) in found] == done


def test_any_order_of_steps(connection: Connection) -> None:
    """Thirty-odd steps in any order, many times over, from fresh tables each."""
    machine = type("Machine", (Queue,), {"connection": connection})
    run_state_machine_as_test(
        machine, settings=hypothesis_settings(max_examples=50, stateful_step_count=35, deadline=None)
    )
