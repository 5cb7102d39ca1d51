"""The API does what its OpenAPI document says, and the document says all that it does: schemathesis finds nothing.

The API runs as it is deployed, on real servers, with the ledger and the projector behind it, and is asked over HTTP.
Bounded here, from a fixed seed. Longer: `make fuzz`, or CONTRACT_EXAMPLES and CONTRACT_SEED. A finding names the seed
and carries the request as a curl command.
"""

from __future__ import annotations

import os

import pytest

from runtime.settings import Settings
from tests.api.contract import rules
from tests.api.contract.campaign import Outcome, configure, run
from tests.api.contract.stage import stage
from tests.keys import ROOT

SEED = int(os.environ.get("CONTRACT_SEED", "20110630"))
EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "5"))

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900 + 30 * EXAMPLES)]


def test_the_api_is_what_its_document_says(ledger_settings: Settings) -> None:
    """No check fails on any operation, for somebody who may do everything and for a stranger."""
    changes = {"api_stranger_limit_per_minute": 1_000_000, "api_wait_s": 0.0}  # most places that are drawn never come
    with stage(ledger_settings.model_copy(update=changes), ROOT) as (url, known):
        allowed = run(configure(url, known, seed=SEED, examples=EXAMPLES, headers=ROOT), url)
        stranger = run(configure(url, known, seed=SEED, examples=1, headers=None), url)

    assert not allowed.findings, report(allowed)
    assert not unreached(allowed), f"no success of {', '.join(unreached(allowed))}: the test says nothing of them"
    assert not stranger.findings, report(stranger)
    assert not reached(stranger), f"a stranger had {', '.join(reached(stranger))}"


def report(outcome: Outcome) -> str:
    told = [f"{one.check}: {one.operation}\n{one.text}\n{one.request}" for one in outcome.findings]
    return "\n\n".join([f"CONTRACT_SEED={SEED} CONTRACT_EXAMPLES={EXAMPLES}", *told])


def reached(outcome: Outcome) -> list[str]:
    """Operations that a stranger has no business with, of which an answer was a success."""
    return sorted({operation for operation, status in outcome.answers if status < 300} - rules.PUBLIC)


def unreached(outcome: Outcome) -> list[str]:
    """Operations of which no answer was a success."""
    operations = {operation for operation, _ in outcome.answers}
    silent = operations - {operation for operation, status in outcome.answers if status < 300} - rules.UNREACHED
    answers = sorted(outcome.answers.items())
    return [f"{name} ({[(status, n) for (of, status), n in answers if of == name]})" for name in sorted(silent)]
