"""The harness itself, a few short seeds on real servers, and two planted bugs that must be found.

All seeds and all planted bugs: `make faults SEED=n MINUTES=m`, `make faults-plants`; docs/promises.md has the results.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.faults.plants import PLANTS, Plant, changed, edits
from tests.faults.run import run
from tests.faults.schedule import KINDS, Fault, draw

ROOT = Path(__file__).resolve().parents[2]
SEEDS = (1, 3)  # at the exchange, at the paper venue
SECONDS = 20.0


def test_a_seed_is_a_schedule() -> None:
    """The same seed draws the same faults, another seed others, and a minute has most kinds."""
    first = draw(7, 60)

    assert first == draw(7, 60)
    assert first != draw(8, 60)
    assert [fault.at_s for fault in first] == sorted(fault.at_s for fault in first)
    assert len({fault.kind for fault in draw(7, 120)}) == len(KINDS)


def test_disks_are_left_alone_where_they_cannot_be_filled() -> None:
    """Who is not root can run the harness: without the faults that need a file system of their own."""
    assert "disk_full" in {fault.kind for fault in draw(7, 120)}
    assert "disk_full" not in {fault.kind for fault in draw(7, 120, disks=False)}


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_every_planted_bug_has_its_place(plant: Plant) -> None:
    """A plant whose place was moved away would find nothing: its text stands in the code exactly once."""
    for module, (old, new) in edits(plant).items():
        spec = find_spec(module)

        assert spec is not None
        assert spec.origin is not None
        compile(changed(plant, module, Path(spec.origin).read_text()), spec.origin, "exec")
        assert old != new


@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_breaks_no_promise(seed: int) -> None:
    """Whatever the schedule does: nothing is lost, nothing is doubled, and all is final in the end."""
    verdict = run(seed, SECONDS)

    assert verdict.violations == []
    assert verdict.figures is not None
    assert verdict.figures.orders > 0
    assert verdict.figures.fills > 0


@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("seed", "name", "check", "faults"),
    [
        (1, "hold-not-released", "holds", []),
        (1, "offsets-committed-first", "once", [Fault(3.0, "kill", "ledger-1"), Fault(3.0, "kill", "ledger-2")]),
    ],
)
def test_a_planted_bug_is_found(seed: int, name: str, check: str, faults: list[Fault]) -> None:
    """Goal: the harness can fail. Method: a bug in one line of the ledger, and the check that must see it."""
    verdict = run(seed, 8.0, plant=name, faults=faults)

    assert check in {violation.check for violation in verdict.violations}
