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

SEED = int(os.environ.get("CONTRACT_SEED", "20110630"))
EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "5"))

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900 + 30 * EXAMPLES)]


@pytest.mark.parametrize("auth", [None])
def test_the_api_is_what_its_document_says(ledger_settings: Settings, auth: dict[str, str] | None) -> None:
    """No check fails on any operation. auth: headers of every request."""
    with stage(ledger_settings) as (url, known):
        outcome = run(configure(url, known, seed=SEED, examples=EXAMPLES, headers=auth), url)

    assert not outcome.findings, report(outcome)
    assert not unreached(outcome), f"no success of {', '.join(unreached(outcome))}: the test says nothing of them"


def report(outcome: Outcome) -> str:
    told = [f"{one.check}: {one.operation}\n{one.text}\n{one.request}" for one in outcome.findings]
    return "\n\n".join([f"CONTRACT_SEED={SEED} CONTRACT_EXAMPLES={EXAMPLES}", *told])


def unreached(outcome: Outcome) -> list[str]:
    """Operations of which no answer was a success."""
    operations = {operation for operation, _ in outcome.answers}
    return sorted(operations - {operation for operation, status in outcome.answers if status < 300} - rules.UNREACHED)
