"""Backtests on the record of a real MLflow (SQLite): what a run holds, and that a backtest has one however often."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from domain.backtests import BacktestTerms
from domain.errors import UnavailableError, UnreadableInput
from models.backtest import tracking
from models.registry import mlflow_session
from runtime.page_library import MARK, library
from runtime.settings import Settings

TERMS = BacktestTerms(symbols=("AAPL", "IBM"), first="2011-01-03", last="2011-12-30", model="xgboost@champion")
RESULT = {
    "model": {"name": "xgboost", "version": "3", "data_hash": "ab" * 32},
    "data_hash": "cd" * 32,
    "digest": "ef" * 32,
    "outcome": {"figures": [{"name": "sharpe_ratio", "value": 1.25}, {"name": "calmar_ratio", "value": None}]},
    "baseline": {"figures": [{"name": "sharpe_ratio", "value": 0.75}]},
    "scores": {"accuracy": 0.38, "confusion": [[1, 2], [3, 4]], "honest": True},
}


@pytest.fixture
def log(model_settings: Settings) -> Any:
    """`log(id)`: puts a backtest of that id on record."""

    def log(backtest_id: str, report: str | None = "<p>page</p>") -> str:
        return tracking.log(model_settings, backtest_id, "ada", TERMS, json.dumps(RESULT).encode(), report)

    return log


@pytest.fixture
def client(model_settings: Settings) -> Any:
    uri = f"sqlite:///{mlflow_session.database(model_settings)}"
    return mlflow_session.MlflowClient(uri, uri)


def test_a_run_holds_terms_figures_result_and_page(log: Any, client: Any, tmp_path: Path) -> None:
    """All that the backtest was asked and has answered, with its id and who asked."""
    run = client.get_run(log("bkt_whole"))

    assert (run.info.status, run.info.run_name) == ("FINISHED", "bkt_whole")
    assert client.get_experiment(run.info.experiment_id).name == "tapeledger-backtests"
    assert run.data.tags["tapeledger.backtest_id"] == "bkt_whole"
    assert run.data.tags["tapeledger.requested_by"] == "ada"
    assert run.data.metrics == {"sharpe_ratio": 1.25, "baseline_sharpe_ratio": 0.75, "score_accuracy": 0.38}
    known = run.data.params
    assert (known["symbols"], known["first"], known["cash"]) == ("AAPL,IBM", "2011-01-03", "100000.00")
    assert (known["model"], known["model_version"], known["digest"]) == ("xgboost@champion", "3", "ef" * 32)
    files = Path(client.download_artifacts(run.info.run_id, "", str(tmp_path)))
    assert json.loads((files / "result.json").read_text()) == RESULT
    assert (files / "report.html").read_text() == "<p>page</p>"


def test_the_page_of_a_run_needs_nothing_else(log: Any, client: Any, tmp_path: Path) -> None:
    """It has the library that draws its charts, which the database's copy lacks."""
    run_id = log("bkt_charts", report=f"<script>{MARK}</script>")

    file = Path(client.download_artifacts(run_id, "report.html", str(tmp_path)))
    assert file.read_text(encoding="utf-8") == f"<script>{library()}</script>"


def test_a_backtest_is_one_run_however_often_it_is_logged(log: Any, client: Any) -> None:
    """A worker that was lost between MLflow and the database logs it again, and finds its run; others have theirs."""
    first = log("bkt_twice")

    assert log("bkt_twice") == first
    assert log("bkt_other", report=None) != first
    experiment = client.get_run(first).info.experiment_id
    assert len(client.search_runs([experiment], "tags.`tapeledger.backtest_id` = 'bkt_twice'")) == 1


def test_a_run_that_was_begun_is_finished(log: Any, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a lost worker had logged stays, the rest comes to the same run."""
    with monkeypatch.context() as broken:
        broken.setattr(mlflow_session.MlflowClient, "log_artifacts", _fail)
        with pytest.raises(ConnectionError):
            log("bkt_begun")
    run = client.get_run(log("bkt_begun"))

    assert run.info.status == "FINISHED"
    assert len(client.search_runs([run.info.experiment_id], "tags.`tapeledger.backtest_id` = 'bkt_begun'")) == 1
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {"result.json", "report.html"}


def _fail(*_: Any) -> None:
    raise ConnectionError


def test_a_server_that_is_away_is_said_to_be(model_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody tries again then."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = model_settings.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:1"})

    with pytest.raises(UnavailableError, match=r"MLflow at http://127\.0\.0\.1:1 failed"):
        tracking.log(away, "bkt_away", "ada", TERMS, b"{}", None)


def test_what_is_no_result_is_refused(model_settings: Settings) -> None:
    """Nobody tries that again."""
    with pytest.raises(UnreadableInput, match="no JSON object"):
        tracking.log(model_settings, "bkt_none", "ada", TERMS, b"[1]", None)
