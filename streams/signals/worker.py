"""The signals agent: `market.ticks` and `signals.requests` in, `trading.signals` out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from domain.catalog import catalog
from models.engine.engine import Engine
from runtime.settings import Settings
from streams.agent import AgentSpec, run_agent
from streams.promotions.sending import Sending
from streams.signals.decider import REQUESTS, TICKS, SignalsDecider
from streams.signals.judge import Judges, StoredJudges


def spec(settings: Settings, judges: Judges) -> AgentSpec:
    instruments = catalog(settings.symbols())
    return AgentSpec(
        service="signals",
        tape="trading.signals",
        inputs=(TICKS, REQUESTS),
        key="symbol",
        decider=lambda partition: SignalsDecider(instruments, judges, settings.model_age_days_max),
    )


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises what it could not go on from."""
    sending = Sending(settings)
    sending.start()
    try:
        with judges_of(settings) as judges:
            run_agent(settings, spec(settings, judges))
    finally:
        sending.close()


@contextmanager
def judges_of(settings: Settings) -> Iterator[Judges]:
    """Models of the inference service where the settings name one, else those in this process."""
    if settings.model_service_url:
        from streams.signals.inference import Inference
        from streams.signals.remote_judge import RemoteJudges

        with closing(Inference(settings)) as service:
            yield RemoteJudges(settings, service)
    else:
        engine = Engine(settings)
        engine.start()
        with closing(engine):
            yield StoredJudges(settings, engine)
