"""Which model judges: `settings.model_version` where it is given, else what the alias means, followed while it runs.

Each event names the version that judged and its hash, so a promotion shows on the tape as of the next bar. Where the
alias means nothing (its pointer was lost), the version that the partition's newest signal names goes on.
"""

from __future__ import annotations

import logging
import time
from typing import Protocol

from domain.errors import UnavailableError
from domain.signals import Direction
from models.engine.drift import DriftMonitor
from models.engine.engine import Engine
from models.features import Array
from models.labels import LabelRule
from models.registry import Meta
from runtime.settings import Settings

_RETRY_S = 2.0
_logger = logging.getLogger(__name__)


class Judge(Protocol):
    """A model: probabilities of feature rows, and the verdict on them (Predictor in process, RemoteJudge over HTTP)."""

    @property
    def meta(self) -> Meta: ...
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def steps(self) -> int: ...
    @property
    def label(self) -> LabelRule: ...
    def monitor(self, symbol: str) -> DriftMonitor: ...
    def predict(self, rows: Array) -> dict[Direction, float]: ...
    def decide(self, probabilities: dict[Direction, float]) -> Direction: ...


class Judges(Protocol):
    """Where models come from."""

    def judge(self, name: str, version: str) -> Judge | None:
        """The model for a partition whose newest opinion names `name` and `version` (both empty: none yet)."""

    def known(self, name: str, version: str) -> Judge | None:
        """A model that has judged before; None when it is not there any more."""


class StoredJudges:
    """Models of an engine. One that is not there is looked for again, at most every 2 s.

    Both methods raise UnreadableInput, InvalidValue when a model that is to judge is damaged or does not fit.
    """

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._missing_until: dict[str, float] = {}

    def judge(self, name: str, version: str) -> Judge | None:
        if self._settings.model_version:
            return self._version(self._settings.model_version)
        found = self._engine.champion()
        if found is None and version and name == self._settings.model_name:
            return self._version(version)
        return found

    def known(self, name: str, version: str) -> Judge | None:
        return self._version(version) if version and name == self._settings.model_name else None

    def _version(self, version: str) -> Judge | None:
        if time.monotonic() < self._missing_until.get(version, 0.0):
            return None
        try:
            return self._engine.version(version)
        except UnavailableError as error:
            self._missing_until[version] = time.monotonic() + _RETRY_S
            _logger.warning("there is no model %s version %s: %s", self._settings.model_name, version, error)
            return None
