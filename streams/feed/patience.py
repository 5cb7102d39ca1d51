"""Starting beside servers that are starting too: what is not there yet is asked for again, for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from domain.errors import UnavailableError

T = TypeVar("T")
_PATIENCE_S = 15.0
_PAUSE_S = 0.2


class Stopped(Exception):
    """The feed was told to stop before it was done."""


def patiently(what: Callable[[], T], stopped: Callable[[], bool]) -> T:
    """What `what` gives. Raises UnavailableError when it fails for 15 s, and Stopped.

    A topic that was just made has no leader for a moment, for one.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return what()
        except UnavailableError:
            if time.monotonic() > deadline:
                raise
        if stopped():
            raise Stopped
        time.sleep(_PAUSE_S)
