"""`python -m tests.faults`: one seed, several, or the planted bugs."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time

from tests.faults.plants import BY_NAME, PLANTS
from tests.faults.run import Verdict, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, one after the other")
    parser.add_argument("--minutes", type=float, default=1.0, help="of load and faults, for each seed")
    parser.add_argument("--plant", choices=sorted(BY_NAME), default="", help="plant a bug; success is that it is found")
    parser.add_argument("--plants", action="store_true", help="every planted bug in turn, each until a seed finds it")
    parser.add_argument("--keep", action="store_true", help="leave the home folders behind, logs and all")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the house is closed on the way out
    logging.basicConfig(level=logging.CRITICAL)  # servers that are away are no news here
    if given.plants or given.plant:
        names = [plant.name for plant in PLANTS] if given.plants else [given.plant]
        return max(_hunt(name, given) for name in names)
    verdicts = [_one(seed, given) for seed in range(given.seed, given.seed + given.seeds)]
    bad = [verdict.seed for verdict in verdicts if not verdict.ok]
    _say(f"{len(verdicts)} seeds of {given.minutes:g} min: {f'VIOLATIONS in {bad}' if bad else 'no violation'}")
    return 1 if bad else 0


def _one(seed: int, given: argparse.Namespace, plant: str = "") -> Verdict:
    began = time.monotonic()
    _say(f"seed {seed}" + (f", planted: {plant}" if plant else ""))
    own = BY_NAME[plant] if plant else None
    verdict = run(
        seed,
        own.seconds if own and own.faults else given.minutes * 60,
        plant=plant,
        faults=own.faults if own and own.faults else None,
        say=lambda text: _say(f"  {text}"),
        keep=given.keep,
    )
    for violation in verdict.violations[:12]:
        _say(f"  VIOLATION {violation}")
    found = verdict.figures
    if found is not None:
        _say(
            f"  {found.orders} orders, {found.groups} groups, {found.replaced} replaced, {found.fills} fills, "
            f"{found.dead} dead records, {found.restarts} restarts, answers {found.answers}"
        )
        for effect in found.effects:
            if effect.fault.kind.startswith("kill") and effect.recovery_s is not None:
                _say(f"  next decision {effect.recovery_s:.1f} s after {effect.fault.kind} {effect.fault.target}")
    kept = f"; home {verdict.home}" if verdict.home else ""
    _say(f"  seed {seed}: {'ok' if verdict.ok else 'VIOLATED'} after {time.monotonic() - began:.0f} s{kept}")
    return verdict


def _hunt(name: str, given: argparse.Namespace) -> int:
    """0 when one of the seeds finds the planted bug."""
    for seed in range(given.seed, given.seed + given.seeds):
        verdict = _one(seed, given, name)
        if not verdict.ok:
            checks = sorted({violation.check for violation in verdict.violations})
            _say(f"FOUND {name} by seed {seed}: {', '.join(checks)}")
            return 0
    _say(f"MISSED {name}")
    return 1


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
