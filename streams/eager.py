"""Running a coroutine's first step at once, as asyncio.eager_task_factory does it from Python 3.12 on."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any


class Begun:
    """A coroutine that was run up to where it first waits; done: it did not wait at all. Await it to go on.

    Raises what the coroutine raises, at once or when it is awaited.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.done = False
        self._coroutine = coroutine
        try:
            self._waits_for = coroutine.send(None)
        except StopIteration:
            self.done = True

    def __await__(self) -> Generator[Any, Any, Any]:
        waits_for = self._waits_for
        while True:
            try:
                value = yield waits_for
            except GeneratorExit:
                self._coroutine.close()
                raise
            except BaseException as error:  # noqa: BLE001  # it is handed on, CancelledError as well
                waits_for, ended, answer = self._step(self._coroutine.throw, error)
            else:
                waits_for, ended, answer = self._step(self._coroutine.send, value)
            if ended:
                return answer

    def _step(self, step: Callable[[Any], Any], argument: Any) -> tuple[Any, bool, Any]:
        """What it waits for next; or that it has ended, and its answer."""
        try:
            return step(argument), False, None
        except StopIteration as end:
            return None, True, end.value
