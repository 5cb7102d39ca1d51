"""`tape backtests` as a person runs it, with the worker behind it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from domain.errors import InvalidValue, UnavailableError
from runtime import settings as settings_module
from runtime.settings import Settings
from streams.backtests.cli import app
from tests.api.conftest import CLOSED
from tests.workers import worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
DAYS = ("--from", "2011-01-03", "--to", "2011-01-05")


@pytest.fixture
def here(ledger_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The command's settings are this ledger's."""
    monkeypatch.setattr(settings_module, "settings", lambda: ledger_settings)
    return ledger_settings


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def submitted(*arguments: str) -> str:
    asked = run("submit", "--by", "ada", "--symbols", "AAPL", *DAYS, *arguments)
    assert asked.exit_code == 0, asked.output
    return asked.stdout.strip()


def test_from_submit_to_cancel(here: Settings) -> None:
    """A job is done, one fails, one is ended; each command says so, and a key makes a second request the first job."""
    with worker(here, "tests.streams.backtests.quick_worker"):
        first = submitted("--key", "k", "--term", "fee_bps=2.5", "--cash", "500")
        assert submitted("--key", "k", "--term", "fee_bps=2.5", "--cash", "500") == first
        wrong, slow = submitted("--model", "wrong@x"), submitted("--model", "slow@x")
        done = run("wait", first)
        assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "DONE"), done.output
        failed = run("wait", wrong)
        assert failed.exit_code == 1
        assert "FAILED MODEL_UNKNOWN: expected a registered model, it was 'wrong'" in failed.output
        assert run("cancel", slow, "--by", "grace").exit_code == 0
        ended = run("wait", slow)
        assert (ended.exit_code, ended.stdout.splitlines()[-1]) == (1, "CANCELLED"), ended.output
    shown = json.loads(run("show", first, "--json").stdout)
    assert (shown["state"], shown["requested_by"], shown["result_sha256"]) == ("DONE", "ada", "d1" * 32)
    assert (shown["terms"]["fee_bps"], shown["terms"]["cash"], shown["terms"]["impact_bps"]) == ("2.5", "500", "10")
    assert "earned" in run("show", first).stdout
    listed = json.loads(run("list", "--state", "done", "--requested-by", "ada", "--json").stdout)
    assert [job["backtest_id"] for job in listed] == [first]
    assert {line.split()[1] for line in run("list").stdout.splitlines() if "bkt_" in line} == {first, wrong, slow}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--symbols", "NONE", *DAYS), "expected one of AAPL"),
        (("--symbols", "AAPL", "--from", "2011-01-05", "--to", "2011-01-03"), "expected first <= last"),
        (("--symbols", "AAPL", "--from", "soon", "--to", "2011-01-03"), "expected a day as YYYY-MM-DD"),
        (("--symbols", "AAPL", *DAYS, "--strategy", "momentum"), "no terms of a backtest"),
        (("--symbols", "AAPL", *DAYS, "--term", "fee=1"), "no terms of a backtest"),
    ],
)
def test_what_is_refused(here: Settings, arguments: tuple[str, ...], text: str) -> None:
    """Before anything is sent, with what was expected."""
    refused = run("submit", "--by", "ada", *arguments)

    assert isinstance(refused.exception, InvalidValue), refused.output
    assert text in str(refused.exception)


def test_what_is_not_there(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown id, and a database that does not answer, are each one line."""
    unknown = run("show", "bkt_none")
    away = here.model_copy(update={"database_reader_url": f"postgresql://tape_reader@{CLOSED}/tape"})
    monkeypatch.setattr(settings_module, "settings", lambda: away)
    silent = run("list")

    assert isinstance(unknown.exception, InvalidValue)
    assert "no backtest 'bkt_none' is known here" in str(unknown.exception)
    assert isinstance(silent.exception, UnavailableError)
