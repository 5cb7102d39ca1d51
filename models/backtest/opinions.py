"""Where a backtest's opinions come from: one small port, and its adapter to the model that the signals agent uses.

Everything else of models/backtest knows models by this port alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.errors import InvalidValue
from domain.signals import Direction
from models.classes import CLASSES
from models.engine.doubt import doubt
from models.engine.engine import Engine, available, load
from models.engine.predictor import Predictor
from models.features import Array
from models.labels import LabelRule
from models.registry import store
from runtime.settings import Settings

WARM_UP = "warm_up"
_TOLD_MAX = 5


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """What a result says of the model behind it. trained_from, trained_to: ISO dates, both included.

    label: what it learnt to tell; None where that is not known. trials: models that were tried before this one was
    chosen, itself included; None where nobody counted. trials_sharpe_variance: of their Sharpe ratios, per bar.
    """

    name: str
    version: str
    data_hash: str
    code_version: str
    trained_from: str
    trained_to: str
    label: LabelRule | None = None
    trials: int | None = None
    trials_sharpe_variance: float | None = None


class Judged(NamedTuple):
    """Opinions on consecutive bars of a symbol. probabilities: (bars, 3) in the order of CLASSES, zero where abstained.

    abstained: why there is no opinion on a bar, and its direction is HOLD then; None where there is one.
    """

    directions: Sequence[Direction]
    probabilities: Array
    abstained: Sequence[str | None]


class Opinions(Protocol):
    """A model as a backtest sees it: deterministic, the same verdicts as in the signals agent."""

    @property
    def card(self) -> ModelCard: ...

    @property
    def steps(self) -> int:
        """Feature rows that one opinion looks at, that of its own bar included; earlier bars are abstained from."""

    def judge(self, symbol: str, times_us: NDArray[np.int64], rows: Array) -> Judged:
        """rows: (bars, features) of consecutive bars, columns as models.features.FEATURES; times_us: of their closes.

        An opinion on a bar looks at its own row and earlier ones only.
        """


class PredictorOpinions:
    """The signals agent's model (models.engine.predictor), with the agent's reasons to abstain.

    age_days_max: how long after its training its word counts, as the agent's setting. The agent measures drift over the
    rows that it has told of before; here those are the rows before in `judge`.
    """

    def __init__(self, model: Predictor, age_days_max: int) -> None:
        self._model = model
        self._age_days_max = age_days_max
        meta = model.meta
        variance = meta.metrics.get("search_sharpe_variance")
        trials = meta.metrics.get("search_trials")
        self.card = ModelCard(
            name=meta.name,
            version=meta.version,
            data_hash=meta.data_hash,
            code_version=meta.code_version,
            trained_from=meta.trained_from,
            trained_to=meta.trained_to,
            label=meta.label,
            trials=None if trials is None or variance is None else int(trials),
            # A ratio of h bars is sqrt(h) times that of one, as far as bars are independent.
            trials_sharpe_variance=None if variance is None else variance / meta.label.horizon_bars,
        )

    @property
    def steps(self) -> int:
        return self._model.steps

    def judge(self, symbol: str, times_us: NDArray[np.int64], rows: Array) -> Judged:
        early = min(self.steps - 1, len(rows))
        probabilities = np.zeros((len(rows), len(CLASSES)))
        directions: list[Direction] = ["HOLD"] * len(rows)
        abstained = [*[WARM_UP] * early, *self._doubts(symbol, times_us[early:], rows[early:])]
        if len(rows) > early:
            windows = np.swapaxes(np.lib.stride_tricks.sliding_window_view(rows, self.steps, axis=0), 1, 2)
            said = self._model.probabilities(np.ascontiguousarray(windows))
            for bar in range(early, len(rows)):
                if abstained[bar] is None:
                    probabilities[bar] = said[bar - early]
                    named = {name: float(p) for name, p in zip(CLASSES, said[bar - early], strict=True)}
                    directions[bar] = self._model.decide(named)
        return Judged(directions, probabilities, abstained)

    def _doubts(self, symbol: str, times_us: NDArray[np.int64], rows: Array) -> list[str | None]:
        monitor = self._model.monitor(symbol)
        found: list[str | None] = []
        for time_us, row in zip(times_us.tolist(), rows, strict=True):
            found.append(doubt(self._model.meta.trained_until, self._age_days_max, time_us, monitor.drift()))
            monitor.push(row)
        return found


def opinions_of(settings: Settings, model: str) -> Opinions:
    """The model that `name@alias` or `name/version` names; empty: the settings' own.

    Raises InvalidValue for another form and for a model that there is not, UnavailableError when the registry is away
    that would know, UnreadableInput when the model's file is damaged.
    """
    name, alias, version = _parts(settings, model)
    chosen = settings.model_copy(update={"model_name": name, "model_alias": alias or settings.model_alias})
    is_there = version in store.versions(chosen, name) if version else available(chosen)
    if not is_there:
        asked = f"{name}/{version}" if version else f"{name}@{chosen.model_alias}"
        known = ", ".join([f"{name}/{one}" for one in store.versions(chosen, name)][:_TOLD_MAX]) or f"none named {name}"
        raise InvalidValue("MODEL_UNKNOWN", f"expected a model that is here ({known}), it was {asked}")
    found = Engine(chosen).version(version) if version else load(chosen)
    return PredictorOpinions(found, settings.model_age_days_max)


def _parts(settings: Settings, model: str) -> tuple[str, str, str]:
    """Name, alias, version."""
    if not model:
        return settings.model_name, settings.model_alias, settings.model_version
    for sign in ("@", "/"):
        name, found, rest = model.partition(sign)
        if found and name and rest and not set(name + rest) & {"@", "/"}:
            return (name, rest, "") if sign == "@" else (name, "", rest)
    raise InvalidValue("BACKTEST_MODEL", f"expected a model as name@alias or name/version, it was {model!r}")
