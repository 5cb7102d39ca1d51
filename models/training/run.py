"""A training that leaves its traces: read the bars, fit, and put the model into the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Literal

from models.marketdata import Declared, sources
from models.registry.fitted import TrainedModel
from models.training.pipeline import Progress, fit
from models.training.plan import Plan
from runtime.settings import Settings


class _Counted:
    """Looks at hold-outs, counted by MLflow."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def touch(self, key: str, identity: str) -> int:
        from models.registry import records

        return records.touch(self._settings, key, identity)


def train(
    settings: Settings,
    symbols: Sequence[str],
    first: date,
    last: date,
    plan: Plan | None = None,
    source: str = "bokeh",
    declared: Declared | None = None,
    progress: Progress = lambda what, done: None,
) -> TrainedModel:
    """Train on `symbols` (all of the source, when there are none) from `first` to `last`, both included, and register
    the model in MLflow. source, declared: see models.marketdata.sources.

    The first version becomes the champion, a later one the challenger. Raises InvalidValue for an unknown symbol or too
    short a range, UnavailableError when the market data or MLflow is not there.
    """
    from models.registry import records  # imports MLflow: seconds

    progress("reading market data", 0.0)
    reading = sources.read(source, declared)
    bars = sources.select(reading.bars, symbols, first, last)
    fitted = fit(bars, plan or Plan(), progress, _Counted(settings), prices=_held(reading.report.declared))
    fitted = replace(
        fitted,
        notes={**fitted.notes, "source": source, "source_prices": reading.report.declared.prices},
        artifacts={**fitted.artifacts, "data/report.json": reading.report.json()},
    )
    progress("registering the model", 0.93)
    trained = records.register(settings, fitted)._replace(leak_hunt=fitted.notes["leak_hunt"])
    progress("done", 1.0)
    return trained


def _held(declared: Declared) -> Literal["adjusted", "raw"]:
    """What the bars hold after a source's declaration has been followed."""
    return "raw" if declared.prices == "raw" else "adjusted"
