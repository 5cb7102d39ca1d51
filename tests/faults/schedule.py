"""Which fault happens when: a pure function of the seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

WORKERS = ("ledger-1", "ledger-2", "engine-1", "engine-2", "projector-1", "projector-2", "api")
SERVERS = ("kafka", "postgres", "valkey")
WIRES = ("kafka-ledger-1", "kafka-ledger-2", "kafka-rest", "postgres", "valkey", "exchange")
FREEZABLE = tuple(name for name in WORKERS if name != "api")
FIRST_S = 1.0
GAP_S_MEAN = 2.5


class Fault(NamedTuple):
    """at_s: after the load has begun. lasts_s: until it is undone; 0 where nothing is to be undone."""

    at_s: float
    kind: str
    target: str = ""
    lasts_s: float = 0.0
    amount: float = 0.0

    def __str__(self) -> str:
        lasting = f" for {self.lasts_s:.1f} s" if self.lasts_s else ""
        amount = f" ({self.amount:g})" if self.amount else ""
        return f"{self.at_s:6.1f} s  {self.kind} {self.target}{amount}{lasting}"


Draw = Callable[[random.Random, float], Fault]


def draw(seed: int, seconds: float, *, disks: bool = True) -> list[Fault]:
    """The faults of a run, in the order of their times. disks: whether disks can be filled here."""
    chance = random.Random(seed)
    kinds = [name for name in KINDS if disks or name != "disk_full"]
    faults: list[Fault] = []
    at_s = FIRST_S
    bag: list[str] = []
    while at_s < seconds:
        if not bag:  # every kind once, what befalls workers twice, before any comes again
            bag = [*kinds, "kill", "freeze"]
            chance.shuffle(bag)
        faults.append(KINDS[bag.pop()](chance, round(at_s, 2)))
        at_s += min(chance.expovariate(1 / GAP_S_MEAN), 4 * GAP_S_MEAN)
    return faults


def _between(chance: random.Random, least: float, most: float) -> float:
    return round(chance.uniform(least, most), 2)


def _kill(chance: random.Random, at_s: float) -> Fault:
    return Fault(at_s, "kill", chance.choice(WORKERS))


def _freeze(chance: random.Random, at_s: float) -> Fault:
    """Beyond the session timeout, so that what wakes is a zombie; a ledger worker most often."""
    target = chance.choice(("ledger-1", "ledger-2", *FREEZABLE))
    return Fault(at_s, "freeze", target, _between(chance, 2.5, 7.0))


def _kill_server(chance: random.Random, at_s: float) -> Fault:
    return Fault(at_s, "kill_server", chance.choice(SERVERS), _between(chance, 0.1, 3.0))


def _flush(chance: random.Random, at_s: float) -> Fault:
    return Fault(at_s, "flush", "valkey")


def _storm(chance: random.Random, at_s: float) -> Fault:
    """Workers that come, take partitions and are killed; they need two or three seconds to arrive."""
    return Fault(at_s, "rebalance_storm", "ledger", _between(chance, 2.5, 6.0), chance.randint(1, 3))


def _repeat(chance: random.Random, at_s: float) -> Fault:
    return Fault(
        at_s, "repeat", chance.choice(("trading.commands", "execution.reports")), amount=chance.randint(20, 200)
    )


def _poison(chance: random.Random, at_s: float) -> Fault:
    target = chance.choice(("trading.commands", "execution.reports", "execution.orders", "market.ticks"))
    return Fault(at_s, "poison", target, amount=chance.randint(1, 10))


def _slow(chance: random.Random, at_s: float) -> Fault:
    return Fault(at_s, "slow", chance.choice(WIRES), _between(chance, 1.0, 5.0), _between(chance, 0.05, 0.6))


def _cut(chance: random.Random, at_s: float) -> Fault:
    return Fault(at_s, "cut", chance.choice(WIRES), _between(chance, 0.2, 5.0))


def _silence(chance: random.Random, at_s: float) -> Fault:
    return Fault(at_s, "silence", chance.choice(WIRES), _between(chance, 0.5, 6.0))


def _disk_full(chance: random.Random, at_s: float) -> Fault:
    return Fault(at_s, "disk_full", chance.choice(("postgres", "kafka")), _between(chance, 1.0, 4.0))


def _clock(chance: random.Random, at_s: float) -> Fault:
    """At most 140 s either way, so that two clocks never differ by more than a command may be ahead (300 s)."""
    return Fault(at_s, "clock_jump", chance.choice(WORKERS), _between(chance, 1.0, 8.0), _between(chance, -140, 140))


KINDS: dict[str, Draw] = {
    "kill": _kill,
    "freeze": _freeze,
    "kill_server": _kill_server,
    "flush": _flush,
    "rebalance_storm": _storm,
    "repeat": _repeat,
    "poison": _poison,
    "slow": _slow,
    "cut": _cut,
    "silence": _silence,
    "disk_full": _disk_full,
    "clock_jump": _clock,
}
