"""The parts that the command brings together: workers, and commands of other folders. Imported only when used.

`tape --help` must answer at once, and a worker must not carry what only another one needs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from domain.errors import InvalidValue

WORKERS = {
    "ledger": "streams.ledger.worker",
    "signals": "streams.signals.worker",
    "strategy": "streams.strategy.worker",
    "audit": "streams.auditlog.worker",
    "engine": "execution.worker",
    "projector": "projections.worker",
    "api": "api.worker",
    "feed": "streams.feed.worker",
    "marks": "streams.marks.worker",
    "transfers": "streams.transfers.worker",
    "inference": "models.service.worker",
    "backtests": "streams.backtests.worker",
}
DEFAULT_WORKERS = ("ledger", "signals", "strategy", "audit", "engine", "projector", "api", "transfers", "backtests")


def worker_module(name: str) -> str:
    """The module of a worker. NAME=package.module names one of your own, with `run(settings: Settings) -> None`.

    Raises InvalidValue for a name that is not known.
    """
    _, given, module = name.partition("=")
    if given:
        return module
    if name not in WORKERS:
        known = ", ".join(WORKERS)
        raise InvalidValue(
            "WORKER_UNKNOWN", f"no worker {name!r}; there are {known}, and NAME=package.module", name=name
        )
    return WORKERS[name]


def worker_argv(name: str) -> list[str]:
    """The command line of a worker's process."""
    return [sys.executable, "-m", "runtime.cli", "worker", name]


def load(path: str) -> Any:
    """`package.module:attribute`, imported. Raises InvalidValue when the part is not there."""
    module, _, attribute = path.partition(":")
    if not is_there(module):
        raise InvalidValue("PART_MISSING", f"{module} is not part of this installation", module=module)
    return getattr(import_module(module), attribute)


def is_there(module: str) -> bool:
    """Whether the module can be found; its packages are imported, itself not."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def split(names: str) -> Sequence[str]:
    """Comma separated names, each checked. `none`: no worker at all."""
    found = [name.strip() for name in names.split(",") if name.strip()]
    if found == ["none"]:
        return []
    for name in found:
        worker_module(name)
    return found
