"""`tape worker audit`: the agent that alone writes `audit.logs`."""

from __future__ import annotations

from runtime.settings import Settings
from streams.agent import AgentSpec, run_agent
from streams.auditlog.decider import AuditDecider
from streams.auditlog.follow import TAPE
from streams.auditlog.intake import INTAKE

FETCH_WAIT_MS = 250
"""Nobody trades on what this agent writes, so it asks the broker four times a second instead of two hundred."""


def spec(settings: Settings) -> AgentSpec:
    kept_us = settings.client_ids_kept_s * 1_000_000
    return AgentSpec(
        service="audit",
        tape=TAPE,
        inputs=(INTAKE,),
        key="subject",
        decider=lambda partition: AuditDecider(kept_us),
    )


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; ends with an error on what it cannot go on from."""
    wait_ms = max(settings.fetch_wait_ms_max, FETCH_WAIT_MS)
    run_agent(settings.model_copy(update={"fetch_wait_ms_max": wait_ms}), spec(settings))
