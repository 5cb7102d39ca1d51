"""Ways through the choices of a simulation: all of them, or seeded random ones; and a measure of their speed.

python -m tests.streams.tape.schedules [seconds]      random schedules for so long on every core, and how many a second
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from typing import NamedTuple

from streams.tape.chain import KNOWN_MAX
from tests.streams.tape.oracle import judge
from tests.streams.tape.simulation import Faults, Plan
from tests.streams.tape.stage import Stage, simulated
from tests.streams.tape.tally import Violation

RARE = 0.06
COMMANDS, REPORTS = "trading.commands", "execution.reports"


class Seen(Exception):
    """This state was reached before, and all that can follow has been or will be explored from there."""


class Exhaustive:
    """Depth first through every schedule; a state that was reached before is not followed again.

    What follows from a state depends on nothing but the state (World.state), and so does the verdict.
    """

    def __init__(self) -> None:
        self._path: list[tuple[int, int]] = []  # (chosen, options)
        self._depth = 0
        self._seen: set[Hashable] = set()
        self.runs = 0

    def choose(self, options: int, rare: int, state: Callable[[], Hashable]) -> int:
        del rare
        if self._depth == len(self._path):
            here = state()
            if here in self._seen:
                raise Seen
            self._seen.add(here)
            self._path.append((0, options))
        chosen, expected = self._path[self._depth]
        assert expected == options, "the simulation is not deterministic"
        self._depth += 1
        return chosen

    def explore(self, stage: Stage, plan: Plan) -> int:
        """Run and judge every schedule; returns how many distinct states there were."""
        while True:
            self._depth = 0
            self.runs += 1
            with suppress(Seen):
                judge(stage.run(plan, self.choose))
            while self._path and self._path[-1][0] + 1 == self._path[-1][1]:
                self._path.pop()
            if not self._path:
                return len(self._seen)
            chosen, options = self._path[-1]
            self._path[-1] = (chosen + 1, options)


class Random:
    """Choices by a seed; disturbances come seldom, and one writer is slower than the others."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed).random

    def choose(self, options: int, rare: int, state: Callable[[], Hashable]) -> int:
        del state
        usual = options - rare
        if rare and (not usual or self._draw() < RARE):
            return usual + int(self._draw() * rare)
        return int(self._draw() * usual)


def random_plan(seed: int) -> Plan:
    """Two or three writers, one or two partitions and input topics, and every kind of disturbance."""
    draw = random.Random(f"plan {seed}")
    partitions = [0, 1] if draw.random() < 0.2 else [0]
    topics = [COMMANDS, REPORTS] if draw.random() < 0.4 else [COMMANDS]
    total = draw.choice((2, 3, 3, 4, 4, 5, 6, 8))
    sources = [(topic, partition) for topic in topics for partition in partitions]
    inputs = {source: "".join(draw.choices("equ", (8, 1, 1), k=max(1, total // len(sources)))) for source in sources}
    memory = draw.choice((KNOWN_MAX, KNOWN_MAX, 3))
    faults = Faults(*(draw.randint(0, 2) for _ in Faults._fields))
    return Plan(
        inputs, writers=draw.choice((2, 2, 2, 3)), batch_max=draw.choice((1, 2, 3, 5, 5)), memory=memory, faults=faults
    )


def random_schedule(stage: Stage, seed: int) -> None:
    """Run and judge one. Raises Violation, naming the seed."""
    plan = random_plan(seed)
    try:
        judge(stage.run(plan, Random(seed).choose))
    except Exception as error:
        raise Violation(f"seed {seed}, {plan}: {type(error).__name__}: {error}") from error


class Ran(NamedTuple):
    """What a process ran in its time. records, dead: on the tapes of all its schedules."""

    schedules: int
    records: int
    dead: int
    seconds: float
    cpu_seconds: float


def random_schedules(first: int, step: int, seconds: float) -> Ran:
    """The seeds first, first + step, ... for so long."""
    began, began_cpu = time.perf_counter(), time.process_time()
    count = records = dead = 0
    with simulated() as stage:
        for seed in itertools.count(first, step):
            random_schedule(stage, seed)
            count += 1
            records += sum(map(len, stage.world.tape.values()))
            dead += sum(map(len, stage.world.tape.values())) - sum(map(len, stage.world.live.values()))
            if time.perf_counter() - began > seconds:
                break
    return Ran(count, records, dead, time.perf_counter() - began, time.process_time() - began_cpu)


def main() -> None:
    """A process on each core; every seed is run by one of them."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as processes:
        ran = list(processes.map(random_schedules, range(cores), [cores] * cores, [seconds] * cores))
    per_s = sum(one.schedules / one.seconds for one in ran)
    per_cpu_s = sum(one.schedules for one in ran) / sum(one.cpu_seconds for one in ran)
    sys.stdout.write(
        f"{sum(one.schedules for one in ran)} schedules, {per_s:.0f} a second on {cores} cores, "
        f"{per_cpu_s:.0f} a second of CPU; {sum(one.records for one in ran)} records, "
        f"{sum(one.dead for one in ran)} dead\n"
    )


if __name__ == "__main__":
    main()
