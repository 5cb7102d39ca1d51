"""One seed from beginning to end: a house, a load, the faults of the schedule, and the oracle's verdict."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.figures import Figures, figures
from tests.faults.house import MODULES, House, Venue
from tests.faults.load import Load
from tests.faults.market import Market
from tests.faults.mischief import Mischief
from tests.faults.oracle import FINAL_WITHIN_S, Oracle, Violation
from tests.faults.schedule import Fault, draw
from tests.faults.watch import Watch

UP_WITHIN_S = 60.0
RATE_PER_S = 25.0
REPEATED_LAST = 300
FLUSH_AFTER_S = 0.5
__all__ = ["Verdict", "run"]
Say = Callable[[str], None]


@dataclass
class Verdict:
    """What one run showed."""

    seed: int
    plant: str
    seconds: float
    faults: list[Fault]
    violations: list[Violation] = field(default_factory=list)
    figures: Figures | None = None
    home: Path | None = None

    @property
    def ok(self) -> bool:
        return not self.violations


def run(
    seed: int,
    seconds: float,
    *,
    plant: str = "",
    faults: Sequence[Fault] | None = None,
    say: Say = lambda _: None,
    keep: bool = False,
    venue: Venue | None = None,
    rate_per_s: float = RATE_PER_S,
) -> Verdict:
    """Run a seed. faults: instead of those that the seed draws. keep: leave the home folder behind, logs and all.

    venue: the harness's exchange or the paper venue; every third seed has paper, and every sixth shares its ticks.
    """
    home = Path(tempfile.mkdtemp(prefix="tape-faults-"))
    home.chmod(0o755)
    house = House(home, seed, plant, venue or _venue_of(seed))
    verdict = Verdict(seed, plant, seconds, [], home=home if keep else None)
    try:
        house.open()
        verdict.faults = list(faults) if faults is not None else draw(seed, seconds, disks=house.disks)
        _play(house, verdict, rate_per_s, say)
    finally:
        house.close()
        if not keep:
            shutil.rmtree(home, ignore_errors=True)
    return verdict


def _venue_of(seed: int) -> Venue:
    if seed % 3:
        return "exchange"
    return "paper" if seed % 2 else "shared"


def _play(house: House, verdict: Verdict, rate_per_s: float, say: Say) -> None:
    load = Load(f"http://127.0.0.1:{house.settings.api_port}", verdict.seed, rate_per_s)
    mischief = Mischief(house.settings)
    market = Market(house.settings, verdict.seed)
    load.start()
    market.start()
    watch = Watch(house.settings)
    watch.start()
    stage = Stage(house, mischief, verdict.seed, say)
    began_s, began_ms = time.monotonic(), int(time.time() * 1_000)
    stage.play(verdict.faults, verdict.seconds)
    oracle = Oracle(house, load, mischief)
    if not _until(house.all_up, UP_WITHIN_S):
        oracle.found("up", f"servers and workers were not up {UP_WITHIN_S:.0f} s after the last fault")
    say(f"{time.monotonic() - began_s:6.1f} s  the faults are over")
    for name in ("trading.commands", "execution.reports"):  # whatever was restarted must know them all
        mischief.repeat(name, REPEATED_LAST, random.Random(verdict.seed))
    load.stop()
    if not load.join(FINAL_WITHIN_S):
        oracle.found("answered", f"requests had no answer {FINAL_WITHIN_S:.0f} s after the last fault")
    house.exchange.wake()
    if house.venue != "exchange" and not load.cancel_all(FINAL_WITHIN_S):  # some limits are never met there
        oracle.found("answered", f"cancels had no answer within {FINAL_WITHIN_S:.0f} s")
    watch.stop()
    for problem in watch.problems:
        oracle.found("watch", problem)
    verdict.violations = oracle.judge()
    market.stop()
    say(f"{time.monotonic() - began_s:6.1f} s  all is checked, {watch.rounds} times while the faults went on")
    verdict.figures = figures(stage.done, began_ms, oracle.tape, oracle.raw, load, house)


def _until(condition: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


class Stage:
    """Plays faults at their times and undoes them. done: each with the wall time at which it happened, milliseconds.

    What has to wait for Kafka is done on a thread of its own, so that it does not put off the faults behind it, nor
    Kafka's return.
    """

    def __init__(self, house: House, mischief: Mischief, seed: int, say: Say) -> None:
        self.done: list[tuple[int, Fault]] = []
        self._house, self._mischief, self._say = house, mischief, say
        self._chance = random.Random(f"{seed}:mischief")
        self._order = itertools.count()
        self._errands: list[threading.Thread] = []

    def play(self, faults: Sequence[Fault], seconds: float) -> None:
        """Returns after `seconds`, with everything undone."""
        began = time.monotonic()
        agenda: list[tuple[float, int, Callable[[], None]]] = []
        for fault in faults:
            heapq.heappush(agenda, (fault.at_s, next(self._order), self._doing(fault, agenda, began)))
        while agenda and agenda[0][0] < seconds:
            at_s, _, action = heapq.heappop(agenda)
            time.sleep(max(0.0, began + at_s - time.monotonic()))
            action()
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        while agenda:
            heapq.heappop(agenda)[2]()
        self._mend()

    def _doing(
        self, fault: Fault, agenda: list[tuple[float, int, Callable[[], None]]], began: float
    ) -> Callable[[], None]:
        def act() -> None:
            self._say(str(fault))
            self.done.append((int(time.time() * 1_000), fault))
            undo = self._act(fault)
            if undo is not None:
                heapq.heappush(agenda, (time.monotonic() - began + fault.lasts_s, next(self._order), undo))

        return act

    def _act(self, fault: Fault) -> Callable[[], None] | None:  # noqa: PLR0911 -- one line for each kind
        house, target = self._house, fault.target
        match fault.kind:
            case "kill":
                house.kill(target)
            case "freeze":
                house.freeze(target)
                return lambda: house.thaw(target)
            case "kill_server":
                house.kill_server(target)
                return lambda: house.start_server(target)
            case "flush":
                self._flush()
            case "rebalance_storm":
                visitors = house.invite(int(fault.amount))
                return lambda: house.dismiss(visitors)
            case "repeat":
                self._send(self._mischief.repeat, fault)
            case "poison":
                self._send(self._mischief.poison, fault)
            case "slow":
                house.wires[target].slow(fault.amount)
                return house.wires[target].mend
            case "cut":
                house.wires[target].cut()
                return house.wires[target].mend
            case "silence":
                house.wires[target].silence()
                return house.wires[target].mend
            case "disk_full":
                house.fill_disk(target)
                return lambda: house.free_disk(target)
            case "clock_jump":
                house.clocks[target].set(int(fault.amount * 1_000_000))
                return lambda: house.clocks[target].set(0)
            case _:
                raise ValueError(f"no fault is called {fault.kind!r}")
        return None

    def _send(self, errand: Callable[[str, int, random.Random], None], fault: Fault) -> None:
        chance = random.Random(self._chance.random())
        thread = threading.Thread(target=errand, args=(fault.target, int(fault.amount), chance))
        thread.start()
        self._errands.append(thread)

    def _flush(self) -> None:
        """While the engines stand still, so that there are orders in the queue that nobody has taken."""
        engines = [name for name in MODULES if name.startswith("engine")]
        for name in engines:
            self._house.freeze(name)
        time.sleep(FLUSH_AFTER_S)
        self._mischief.flush()
        for name in engines:
            self._house.thaw(name)

    def _mend(self) -> None:
        house = self._house
        for wire in house.wires.values():
            wire.mend()
        for name in MODULES:
            with contextlib.suppress(ProcessLookupError):
                house.thaw(name)
            house.clocks[name].set(0)
        for errand in self._errands:
            errand.join()
