"""The models in memory. The alias is followed in the background, so no request waits for a model to be loaded.

A request takes the model that is there at its beginning and keeps it to its end: a swap is one assignment, and every
answer is one model's. Only a version that is asked for by its number for the first time is loaded while its caller
waits, on the loader's thread, while others are answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from domain.errors import TapeledgerError, UnavailableError
from models.engine.engine import VERSIONS_HELD_MAX, Engine
from models.engine.predictor import Predictor
from models.registry import store
from models.registry.meta import Pointer
from runtime import tracing
from runtime.http.problems import ProblemError, unavailable
from runtime.settings import Settings

REFERENCE = r"^[A-Za-z0-9_.-]{1,64}(@[A-Za-z0-9_.-]{1,64}|/[0-9]{1,9})$"
"""`name@alias` or `name/version`."""

_LOOK_S_MIN = 0.001
_RETRY_S = 30
_logger = logging.getLogger(__name__)


class _Seen(NamedTuple):
    """What was found when the aliases were last looked up; renewed as a whole. pointers: by alias."""

    champion: Predictor | None
    pointers: Mapping[str, Pointer]
    problem: str | None


class Warm:
    """Used in one event loop; what it knows is read there and renewed by the loader's thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine = Engine(settings.model_copy(update={"model_refresh_ms": 0}))  # it looks whenever it is asked
        self._loader = ThreadPoolExecutor(1, "models")
        self._following: asyncio.Task[None] | None = None
        self._versions: OrderedDict[str, Predictor] = OrderedDict()
        self._seen = _Seen(None, {}, "the alias was not looked up yet")
        self.failure: BaseException | None = None
        """What ended the following, which nothing foreseen does: the service is to end too."""

    @property
    def champion(self) -> Predictor | None:
        """What the alias means: the last that could be used."""
        return self._seen.champion

    @property
    def problem(self) -> str | None:
        """Why the alias is not followed now; None when it is."""
        return self._seen.problem

    def start(self) -> None:
        self._engine.start()
        self._following = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following
        self._engine.close()
        self._loader.shutdown(wait=False, cancel_futures=True)

    def aliases(self) -> dict[str, str]:
        """The version that each alias means. The champion is the one that serves, whatever its pointer says by now."""
        champion, pointers, _ = self._seen
        meant = {alias: pointer.version for alias, pointer in pointers.items()}
        if champion is not None:
            meant[self._settings.model_alias] = champion.version
        return meant

    def loaded(self) -> dict[str, Predictor]:
        """The versions in memory."""
        champion = self.champion
        return dict(self._versions) | ({} if champion is None else {champion.version: champion})

    async def find(self, reference: str | None) -> Predictor:
        """The model that a REFERENCE means; None: the champion.

        Raises ProblemError 404 when there is no such model, 503 while there is none yet or when it cannot be used.
        """
        if reference is None:
            return self._serving()
        name, _, alias = reference.partition("@")
        name, _, version = name.partition("/")
        if name != self._settings.model_name:
            expected = f"this service has {self._settings.model_name}"
            raise ProblemError(404, "MODEL_UNKNOWN", f"there is no model {name}: {expected}")
        if version:
            return await self.version(version)
        if alias == self._settings.model_alias:
            return self._serving()
        pointer = self._seen.pointers.get(alias)
        if pointer is None:
            known = ", ".join(sorted({self._settings.model_alias, *self._seen.pointers}))
            raise ProblemError(404, "MODEL_ALIAS_UNKNOWN", f"there is no alias {alias}; there are {known}")
        found = await self.version(pointer.version)
        if found.sha256 != pointer.sha256:
            raise _unusable(f"model {found.id} has SHA-256 {found.sha256}, its alias {alias} says {pointer.sha256}")
        return found

    async def version(self, version: str) -> Predictor:
        """A version by its number. Raises ProblemError as `find` does."""
        champion = self.champion
        if champion is not None and champion.version == version:
            return champion
        found = self._versions.get(version)
        if found is None:
            found = await self._loaded(version)
            self._versions[version] = found
            while len(self._versions) > VERSIONS_HELD_MAX:
                self._versions.popitem(last=False)
        self._versions.move_to_end(version)
        return found

    def _serving(self) -> Predictor:
        champion, _, problem = self._seen
        if champion is None:
            alias = f"{self._settings.model_name}@{self._settings.model_alias}"
            because = "" if problem is None else f": {problem}"
            raise unavailable("MODEL_MISSING", f"there is no model {alias} to serve{because}")
        return champion

    async def _loaded(self, version: str) -> Predictor:
        try:
            with tracing.span("load a model", model=f"{self._settings.model_name}/{version}"):
                return await asyncio.get_running_loop().run_in_executor(self._loader, self._engine.version, version)
        except UnavailableError as error:
            if version in store.versions(self._settings, self._settings.model_name):
                raise _unusable(str(error)) from error  # one of its files is missing, or its library is
            detail = f"there is no version {version} of {self._settings.model_name}"
            raise ProblemError(404, "MODEL_VERSION_UNKNOWN", detail) from error
        except (TapeledgerError, OSError) as error:
            raise _unusable(str(error)) from error

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = max(_LOOK_S_MIN, self._settings.model_refresh_ms / 1_000)
        try:
            while True:
                await loop.run_in_executor(self._loader, self._look)
                await asyncio.sleep(pause_s)
        except Exception as error:
            _logger.critical("the alias is not followed any more: %s", error, exc_info=error)
            self.failure = error

    def _look(self) -> None:
        """On the loader's thread."""
        champion, pointers, _ = self._seen
        try:
            champion, problem = self._engine.champion(), self._engine.problem
            pointers = self._pointers()
        except (TapeledgerError, OSError) as error:
            problem = str(error)
        if problem is not None and problem != self.problem:
            _logger.warning("%s", problem)
        self._seen = _Seen(champion, pointers, problem)

    def _pointers(self) -> dict[str, Pointer]:
        name = self._settings.model_name
        found = {alias: store.pointer(self._settings, name, alias) for alias in store.aliases(self._settings, name)}
        return {alias: pointer for alias, pointer in found.items() if pointer is not None}


def _unusable(text: str) -> ProblemError:
    return unavailable("MODEL_UNREADABLE", text, _RETRY_S)
