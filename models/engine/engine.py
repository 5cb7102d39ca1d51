"""The models of one name in this process: each version loaded once, and the alias followed while it runs.

What serves is the last good model. An alias that moves to a version that cannot be read, a registry that is away: both
are told (`problem`, the log, a metric), and the model that was there serves on.
Boundaries: it predicts nothing itself, see models.engine.predictor. Verification: tests/models/engine.
"""

from __future__ import annotations

import logging
import threading
import time

from domain.errors import InvalidValue, TapeledgerError, UnavailableError, UnreadableInput
from models.engine.predictor import Predictor, predictor
from models.registry import store
from models.registry.meta import Pointer
from runtime import metrics
from runtime.settings import Settings

VERSIONS_HELD_MAX = 8
"""Beyond the alias's own: the versions that tapes and requests name. The one that was asked for longest ago goes."""

REGISTRY_ASKED_EVERY_S = 10.0
_logger = logging.getLogger(__name__)


class Engine:
    """Models of `settings.model_name`. Thread-safe; a swap of the alias is one assignment, so no prediction fails."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._held: dict[str, Predictor] = {}
        self._champion: Predictor | None = None
        self._seen: Pointer | None = None
        self._looked_at = self._asked_at = float("-inf")
        self._stop = threading.Event()
        self._away: str | None = None
        self.problem: str | None = None
        """Why the alias was not followed when it was last looked at; None when it was."""

    def start(self) -> None:
        """Where the registry is a server: ask it in the background what the alias means, until `close`."""
        if self._settings.mlflow_tracking_uri:
            threading.Thread(target=self._ask, name="models", daemon=True).start()

    def close(self) -> None:
        self._stop.set()

    def champion(self) -> Predictor | None:
        """What the alias means, looked up again at most every `model_refresh_ms`; None when there is none yet.

        Raises UnreadableInput, InvalidValue when it cannot be used and no model was there before it.
        """
        with self._lock:
            now = time.monotonic()
            if now - self._looked_at >= self._settings.model_refresh_ms / 1_000:
                self._looked_at = now
                self._follow()
            return self._champion

    def version(self, version: str) -> Predictor:
        """A version by its number. Raises UnavailableError when it is not there, UnreadableInput, InvalidValue."""
        with self._lock:
            found = self._held.pop(version, None) or self._load(version)
            self._held[version] = found
            while len(self._held) > VERSIONS_HELD_MAX:
                del self._held[next(iter(self._held))]
            return found

    def _follow(self) -> None:
        problem = self._away
        try:
            pointer = store.pointer(self._settings, self._settings.model_name, self._settings.model_alias)
            if self._champion is None and time.monotonic() - self._asked_at >= REGISTRY_ASKED_EVERY_S:
                self._asked_at = time.monotonic()
                try:
                    pointer = resolve(self._settings)
                except UnavailableError as error:
                    problem = str(error)  # what the alias meant when the registry was last there has to do
                    if self._settings.mlflow_tracking_uri:
                        self._away = problem  # until `_ask` reaches it
            if pointer is not None and pointer != self._seen:
                self._champion, self._seen = self._pointed(pointer), pointer
                _logger.info("model %s is in use", self._champion.id)
        except TapeledgerError as error:
            if self._champion is None and not isinstance(error, UnavailableError):
                raise
            problem = str(error)
        self._told(problem)

    def _pointed(self, pointer: Pointer) -> Predictor:
        found = self._load(pointer.version)
        if found.sha256 != pointer.sha256:
            raise UnreadableInput(
                f"model {found.id} has SHA-256 {found.sha256}, its alias says {pointer.sha256}: promote it again"
            )
        return found

    def _ask(self) -> None:
        from models.registry import records

        while not self._stop.wait(REGISTRY_ASKED_EVERY_S):
            try:
                records.sync(self._settings)
                self._away = None
            except TapeledgerError as error:
                self._away = str(error)

    def _told(self, problem: str | None) -> None:
        if problem is not None and problem != self.problem:
            serving = f"model {self._champion.id} serves on" if self._champion else "there is no model"
            _logger.warning("%s: %s", serving, problem)
        self.problem = problem
        metrics.model_registry_problem.set(0 if problem is None else 1)

    def _load(self, version: str) -> Predictor:
        if not (version.isascii() and version.isdigit()):
            raise InvalidValue("MODEL_VERSION_INVALID", f"a model's version is a number, it was {version!r}")
        if self._champion is not None and self._champion.version == version:
            return self._champion
        return predictor(*store.read(self._settings, self._settings.model_name, version))


def resolve(settings: Settings) -> Pointer | None:
    """What the alias means now. MLflow is imported and asked where it is a server, or where no pointer file answers.

    Raises UnavailableError when a registry was to be asked and did not answer, UnreadableInput for a damaged pointer.
    """
    pointer = store.pointer(settings, settings.model_name, settings.model_alias)
    if settings.mlflow_tracking_uri or (pointer is None and (settings.tape_home / "mlflow.db").exists()):
        from models.registry import records

        return records.sync(settings)
    return pointer


def load(settings: Settings) -> Predictor:
    """The model that `settings.model_name`@`settings.model_alias` means now.

    Raises UnavailableError when there is none, UnreadableInput when it is damaged, InvalidValue when it was trained on
    other features than this program's.
    """
    engine = Engine(settings)
    found = engine.champion()
    if found is None:
        raise UnavailableError(
            engine.problem
            or f"there is no model {settings.model_name}@{settings.model_alias} in {settings.tape_home}: "
            "train one with `tape models train`"
        )
    return found


def available(settings: Settings) -> bool:
    """Whether there is a model. Raises UnreadableInput when the alias's file is damaged."""
    return resolve(settings) is not None
