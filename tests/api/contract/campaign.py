"""One campaign of schemathesis against a running API: what it is to send, and what it found.

It takes every operation of the document that the API serves, in all of schemathesis' phases: the document's examples,
the boundaries of its schemas (coverage), random data (fuzzing), and sequences along its links (stateful); valid and
invalid data, all of schemathesis' checks and ours.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import schemathesis
from schemathesis import Case, HookContext
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from tests.api.contract import checks, rules

KNOWN_PROBABILITY = 0.7  # how often a value that the API knows is taken, where one is to be drawn
STEPS_MAX = 6
EXAMPLE_KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"
EXAMPLE_PLACE = "trading.commands:2:1041"
EXAMPLE_IDS = {"client_order_id": "rebalance-2011-06-30-1", "client_group_id": "breakout-17"}
_NUMBERS = itertools.count()


class Finding(NamedTuple):
    """A check that failed, and the request that shows it, as a curl command."""

    check: str
    operation: str
    text: str
    request: str


class Outcome(NamedTuple):
    """findings: one of each kind and operation. answers: how many to its own method, by (operation, status)."""

    findings: list[Finding]
    answers: Counter[tuple[str, int]]


def configure(
    url: str,
    known: dict[str, list[str]],
    *,
    seed: int,
    examples: int,
    headers: dict[str, str] | None = None,
) -> SchemathesisConfig:
    """examples: random requests per operation, and sequences. headers: of every request, such as credentials."""
    places = [f"{place}.{name}" for name in known for place in ("path", "query", "body")]
    return SchemathesisConfig.from_dict(
        {
            "base-url": url,
            "seed": seed,
            "headers": headers or {},
            "continue-on-failure": True,
            "generation": {"max-examples": examples, "database": "none", "with-security-parameters": False},
            "phases": {"stateful": {"max-steps": STEPS_MAX}},
            "checks": {check.__name__: {"enabled": True} for check in checks.OWN},
            "dictionaries": {name: {"values": values} for name, values in known.items()},
            "parameters": {
                place: {"dictionary": place.split(".")[1], "probability": KNOWN_PROBABILITY} for place in places
            },
        }
    )


def run(config: SchemathesisConfig, url: str) -> Outcome:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json", config=config)
    schema = schema.exclude(operation_id=sorted(rules.ENDLESS))
    schema.hook("filter_failure")(rules.keep)
    found: dict[tuple[str, str], Finding] = {}
    answers: Counter[tuple[str, int]] = Counter()
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError):
            found.setdefault(("error", event.label), Finding("error", event.label, str(event.value), ""))
        if isinstance(event, events.ScenarioFinished):
            answers.update(_answers(event))
            for finding in _findings(event):
                found.setdefault((finding.check, finding.operation), finding)
    return Outcome(list(found.values()), answers)


@schemathesis.hook("before_call")
def _freshen(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Another id in place of one that the document gives as an example, which again would be a repeat; and without the
    example of a place, which is none of this ledger.
    """
    if case.query.get("min_position") == EXAMPLE_PLACE:
        del case.query["min_position"]
    fresh = f"contract-{next(_NUMBERS)}"
    if case.headers.get("Idempotency-Key") == EXAMPLE_KEY:
        case.headers["Idempotency-Key"] = fresh
    if isinstance(case.body, dict):
        given = {name: fresh for name, example in EXAMPLE_IDS.items() if case.body.get(name) == example}
        case.body = case.body | given


def _answers(event: events.ScenarioFinished) -> Iterator[tuple[str, int]]:
    for case_id, interaction in event.recorder.interactions.items():
        operation = event.recorder.cases[case_id].value.operation
        if interaction.response is not None and interaction.request.method.lower() == operation.method.lower():
            yield operation.label, interaction.response.status_code


def _findings(event: events.ScenarioFinished) -> Iterator[Finding]:
    for case_id, done in event.recorder.checks.items():
        for check in done:
            if check.failure_info is None:
                continue
            failure, answer = check.failure_info.failure, event.recorder.interactions[case_id].response
            said = "no answer" if answer is None else f"{answer.status_code} {answer.content[:1_000]!r}"
            text = f"{event.phase.value}: {failure.title}: {failure.message}\n{said}"
            yield Finding(check.name, failure.operation or event.recorder.label, text, check.failure_info.code_sample)
