"""What runs a backtest, and who keeps a record of it: named here, imported only in the process of a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol

from domain.backtests import BacktestTerms
from domain.errors import UnavailableError
from runtime.settings import Settings


class Result(Protocol):
    """What is asked of a result (models.backtest.result.BacktestResult): a msgspec Struct, of which all is kept.

    outcome.trades: as models.backtest.trips.Trade; equity: as models.backtest.result.Point. digest: SHA-256, hex.
    """

    @property
    def digest(self) -> str: ...

    @property
    def outcome(self) -> Any: ...

    @property
    def equity(self) -> Sequence[Any]: ...

    def json(self) -> bytes: ...


class Runner(Protocol):
    """Runs a backtest to its end and gives its result.

    progress: told the share of the work that is done, 0 to 1, and what is being done. cancelled: asked from time to
    time; once it is true, the runner raises what it likes, soon. Raises InvalidValue for terms that cannot be run, and
    UnavailableError where another attempt may find what was away; with a missing file or library as its cause none is
    made.
    """

    def __call__(
        self,
        terms: BacktestTerms,
        settings: Settings,
        progress: Callable[[float, str], None] = ...,
        cancelled: Callable[[], bool] = ...,
    ) -> Result: ...


class Tracker(Protocol):
    """Puts a backtest that is done on MLflow's record, once however often it is called; gives the run's id.

    result: all of it, as its `json` gave it. report: the page, HTML. Raises UnavailableError.
    """

    def __call__(
        self,
        settings: Settings,
        backtest_id: str,
        requested_by: str,
        terms: BacktestTerms,
        result: bytes,
        report: str | None,
    ) -> str: ...


class Programs(NamedTuple):
    """`package.module:function` of each. page: makes a result's page, HTML."""

    runner: str = "models.backtest.run:run"
    page: str = "models.backtest.report:html"
    tracker: str = "models.backtest.tracking:log"


def load(path: str) -> Any:
    """The function that `package.module:function` names. Raises UnavailableError where it is not installed."""
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise UnavailableError(f"{path} is not part of this installation: {error}") from error
