"""Models of the inference service, behind the same port as those in process: the same numbers, the same decisions.

What a model is comes from its description, fetched once a version; what it says of rows is asked over HTTP, of exactly
that version, computed anew, never from a cache that somebody could write to. Whether it may be asked at all (drift,
age) is decided here, where the bars are.
Boundaries: waiting and giving up are `streams.signals.inference`'s. Verification: tests/streams/signals.
"""

from __future__ import annotations

import time

import msgspec

from domain.errors import UnavailableError, UnreadableInput
from domain.signals import Direction
from models.classes import CLASSES
from models.engine.described import Described
from models.features import FEATURE_NAMES, Array
from models.registry.meta import Meta
from runtime.settings import Settings
from streams.signals.inference import Inference, NotThere

_MISSING_S = 2.0
_SUM_ERROR_MAX = 1e-9


class _ModelId(msgspec.Struct):
    version: str
    sha256: str


class _Models(msgspec.Struct):
    """Of GET /models. problem: why the service cannot tell what the alias means."""

    serving: _ModelId | None
    problem: str | None


class _Model(msgspec.Struct):
    """Of GET /models/{version}."""

    problem: str | None
    meta: Meta | None


class _Prediction(msgspec.Struct):
    """Of POST /predict."""

    model: _ModelId
    probabilities: dict[Direction, float]


class RemoteJudge(Described):
    """One version, as the service has it."""

    def __init__(self, meta: Meta, service: Inference) -> None:
        super().__init__(meta)
        self._service = service

    def predict(self, rows: Array) -> dict[Direction, float]:
        """As Predictor.predict; raises as Inference.ask does, and UnreadableInput for what no such model says."""
        question = {
            "model": self.id,
            "features": [dict(zip(FEATURE_NAMES, row, strict=True)) for row in rows.tolist()],
            "abstain": False,
            "use_cache": False,
        }
        try:
            answer = self._service.ask("/predict", _Prediction, question)
        except NotThere as error:
            raise UnavailableError(str(error)) from error  # it was there when it was chosen
        if answer.model.sha256 != self.sha256:
            raise UnreadableInput(
                f"model {self.id} has SHA-256 {self.sha256}, the inference service has another: {answer.model.sha256}"
            )
        said = answer.probabilities
        if said.keys() != set(CLASSES) or not _are_probabilities(list(said.values())):
            raise UnreadableInput(f"the inference service says of model {self.id} what are no probabilities: {said}")
        return {direction: said[direction] for direction in CLASSES}


class RemoteJudges:
    """See streams.signals.judge.StoredJudges, whose choices these are.

    A service that does not know yet what its alias means is waited for as one that does not answer: an abstention must
    not tell of a hiccup.
    """

    def __init__(self, settings: Settings, service: Inference) -> None:
        self._settings = settings
        self._service = service
        self._judges: dict[str, RemoteJudge] = {}
        self._missing_until: dict[str, float] = {}
        self._serving: RemoteJudge | None = None
        self._asked_at = float("-inf")

    def judge(self, name: str, version: str) -> RemoteJudge | None:
        if self._settings.model_version:
            return self._version(self._settings.model_version)
        found = self._champion()
        if found is None and version and name == self._settings.model_name:
            return self._version(version)
        return found

    def known(self, name: str, version: str) -> RemoteJudge | None:
        return self._version(version) if version and name == self._settings.model_name else None

    def _champion(self) -> RemoteJudge | None:
        """What serves there, asked at most every `model_refresh_ms`; once there was one, the last good one."""
        now = time.monotonic()
        if now - self._asked_at >= self._settings.model_refresh_ms / 1_000:
            told = self._service.ask("/models", _Models, unready=_unready)
            self._asked_at = now
            if told.serving is not None:
                self._serving = self._version(told.serving.version) or self._serving
        return self._serving

    def _version(self, version: str) -> RemoteJudge | None:
        found = self._judges.get(version)
        if found is not None or time.monotonic() < self._missing_until.get(version, 0.0):
            return found
        try:
            told = self._service.ask(f"/models/{version}", _Model)
        except NotThere:
            self._missing_until[version] = time.monotonic() + _MISSING_S
            return None
        if told.meta is None:
            raise UnreadableInput(f"the inference service cannot read version {version}: {told.problem}")
        if (told.meta.name, told.meta.version) != (self._settings.model_name, version):
            raise UnreadableInput(
                f"the inference service has model {told.meta.name} version {told.meta.version} where "
                f"{self._settings.model_name} {version} was expected: MODEL_NAME differs"
            )
        self._judges[version] = RemoteJudge(told.meta, self._service)
        return self._judges[version]


def _unready(models: _Models) -> str | None:
    return f"it has no model to serve yet: {models.problem}" if models.serving is None and models.problem else None


def _are_probabilities(numbers: list[float]) -> bool:
    return all(0.0 <= number <= 1.0 for number in numbers) and abs(sum(numbers) - 1.0) <= _SUM_ERROR_MAX
