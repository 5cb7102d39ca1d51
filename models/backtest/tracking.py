"""Backtests on MLflow's record: one run each, in an experiment of their own.

A run has the terms as parameters, the figures as metrics (`…` of the strategy, `baseline_…` of buy and hold), the whole
result and its page as files, and the backtest's id as a tag, by which a second call finds the first one's run.
Importing this module imports MLflow, which takes seconds.

Boundaries: a run is a copy of what the database has; nothing reads it but people.
Verification: tests/models/backtest/test_tracking.py, on MLflow with SQLite.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run

from domain.backtests import BacktestTerms
from domain.errors import UnreadableInput
from models.registry.mlflow_session import session
from models.registry.runs import experiment
from runtime.clock import now_us
from runtime.page_library import whole
from runtime.settings import Settings

EXPERIMENT = "tapeledger-backtests"
BACKTEST_ID = "tapeledger.backtest_id"
RESULT, PAGE = "result.json", "report.html"
_METRICS_MAX = 1_000  # of one request
_NOT_IN_A_NAME = re.compile(r"[^\w.\- /]")


def log(
    settings: Settings,
    backtest_id: str,
    requested_by: str,
    terms: BacktestTerms,
    result: bytes,
    report: str | None,
) -> str:
    """Log a backtest as a run, unless it is one, and give the run's id. A run that was not finished is finished.

    result: as BacktestResult.json gives it. Raises UnavailableError when MLflow's server is not there, UnreadableInput
    when the result is no JSON object.
    """
    try:
        found: dict[str, Any] = msgspec.json.decode(result, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise UnreadableInput(f"the result of {backtest_id} is no JSON object: {error}") from error
    with session(settings) as client:
        run = _run(settings, client, backtest_id, requested_by)
        run_id = str(run.info.run_id)
        if run.info.status == "FINISHED":
            return run_id
        parameters = [Param(name, value) for name, value in _parameters(terms, found)]
        now_ms = now_us() // 1_000
        metrics = [Metric(name, value, now_ms, 0) for name, value in _metrics(found)][:_METRICS_MAX]
        client.log_batch(run_id, metrics=metrics, params=parameters)
        with TemporaryDirectory() as folder:
            (Path(folder) / RESULT).write_bytes(result)
            if report is not None:
                (Path(folder) / PAGE).write_text(whole(report), encoding="utf-8")
            client.log_artifacts(run_id, folder)
        client.set_terminated(run_id)
        return run_id


def _run(settings: Settings, client: MlflowClient, backtest_id: str, requested_by: str) -> Run:
    """The backtest's run: the finished one, else one that was begun, else a new one."""
    own = experiment(settings, client, EXPERIMENT)
    begun = client.search_runs([own], f"tags.`{BACKTEST_ID}` = '{backtest_id}'")
    finished = [run for run in begun if run.info.status == "FINISHED"]
    if finished or begun:
        return (finished or begun)[0]
    tags = {BACKTEST_ID: backtest_id, "tapeledger.requested_by": requested_by}
    return client.create_run(own, tags=tags, run_name=backtest_id)


def _parameters(terms: BacktestTerms, result: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in msgspec.to_builtins(terms).items():
        yield name, ",".join(value) if isinstance(value, list | tuple) else str(value)
    for name in ("data_hash", "code_version", "digest"):
        if name in result:
            yield name, str(result[name])
    model = result.get("model")
    if isinstance(model, dict):
        yield from ((f"model_{name}", str(model[name])) for name in ("name", "version", "data_hash") if name in model)


def _metrics(result: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """The figures that have a value, and the scores that are plain numbers."""
    for strategy, prefix in (("outcome", ""), ("baseline", "baseline_")):
        own = result.get(strategy)
        for figure in own.get("figures", ()) if isinstance(own, dict) else ():
            yield from _number(prefix + str(figure.get("name")), figure.get("value"))
    scores = result.get("scores")
    if isinstance(scores, dict):
        for name, value in scores.items():
            yield from _number(f"score_{name}", value)


def _number(name: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        yield _NOT_IN_A_NAME.sub("_", name), float(value)
