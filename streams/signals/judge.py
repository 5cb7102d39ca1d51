"""Which model judges, held fast: a restart in the middle of a run must go on with the version that the run began with.

The version is, in this order: `settings.model_version` where given (that is how a running system is moved to another
one), the version that the newest signal of the tape's partition names, the version that the alias means.
"""

from __future__ import annotations

import logging
import time
from typing import Protocol

from domain.errors import UnavailableError
from domain.signals import Direction
from models import predictor, store
from runtime.settings import Settings

_RETRY_S = 2.0
_logger = logging.getLogger(__name__)


class Judge(Protocol):
    """A model: probabilities of a window's features, and the verdict on them (models.predictor.Predictor)."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    def predict(self, features: dict[str, float]) -> dict[Direction, float]: ...
    def decide(self, probabilities: dict[Direction, float]) -> Direction: ...


class Judges(Protocol):
    """Where models come from."""

    def judge(self, name: str, version: str) -> Judge | None:
        """The model for a partition whose newest opinion names `name` and `version` (both empty: none yet)."""


class StoredJudges:
    """Models of models.store, each loaded once. One that is not there is looked for again, at most every 2 s."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loaded: dict[str, predictor.Predictor] = {}
        self._missing_until: dict[str, float] = {}

    def judge(self, name: str, version: str) -> predictor.Predictor | None:
        """None when the model is not there. Raises UnreadableInput, InvalidValue when it is damaged or does not fit."""
        pinned = version if name == self._settings.model_name else ""
        wanted = self._settings.model_version or pinned
        found = self._loaded.get(wanted)
        if found is not None or time.monotonic() < self._missing_until.get(wanted, 0.0):
            return found
        try:
            loaded = self._load(wanted)
        except UnavailableError as error:
            self._missing_until[wanted] = time.monotonic() + _RETRY_S
            _logger.warning("signals abstain, there is no model: %s", error)
            return None
        _logger.info("signals come from model %s version %s", loaded.name, loaded.version)
        self._loaded[wanted] = self._loaded[loaded.version] = loaded
        return loaded

    def _load(self, version: str) -> predictor.Predictor:
        if not version:
            return predictor.load(self._settings)
        meta, model = store.read(self._settings, self._settings.model_name, version)
        return predictor.Predictor(meta, predictor.booster_of(model))
