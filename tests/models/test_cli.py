"""`tape models`: the whole way on real bars, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from models import cli, predictor
from runtime.settings import Settings, settings


@pytest.fixture
def at_home(model_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The process's settings are those of the test, by way of the environment."""
    monkeypatch.setenv("TAPE_HOME", str(model_settings.tape_home))
    monkeypatch.setenv("MODEL_NAME", model_settings.model_name)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    settings.cache_clear()
    yield model_settings
    settings.cache_clear()


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(cli.app, list(arguments))
    return result.exit_code, " ".join(result.output.split())  # lines are as long as the longest name lets them be


def test_train_then_list(at_home: Settings) -> None:
    """Training prints the metrics beside the baselines and names the champion; the list shows it; twice is the same."""
    arguments = ("train", "--symbols", "IBM,FB", "--from", "2000-01-01", "--to", "2003-12-31")

    code, output = run(*arguments)

    assert code == 0, output
    for words in ("hold out accuracy", "baseline majority accuracy", "baseline lagged logistic accuracy"):
        assert words in output
    assert "No samples in this range: FB" in output
    assert "version 1 is the champion (registered)" in output
    assert predictor.load(at_home).meta.symbols == ("IBM",)

    code, output = run(*arguments)
    assert code == 0, output
    assert "version 1 is the champion (the very model that was there already)" in output

    code, output = run("list")
    assert code == 0, output
    assert "champion" in output
    assert "IBM" in output

    code, output = run("promote", "1")
    assert (code, "version 1 is the champion" in output) == (0, True), output
    code, output = run("promote", "9")
    assert (code, "not found" in output) == (1, True), output


def test_an_empty_list_says_what_to_do(at_home: Settings) -> None:
    """Without any model the list names the command that makes one."""
    code, output = run("list")

    assert code == 0
    assert "tape models train" in output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--symbols", "TSLA"), 1, "TSLA"),
        (("--symbols", "IBM", "--from", "2010-06-01"), 1, "two calendar years"),
        (("--symbols", "IBM", "--from", "01.06.2010"), 2, "YYYY-MM-DD"),
    ],
)
def test_what_cannot_be_trained_is_a_clear_error(
    at_home: Settings, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """An unknown symbol, too short a range, or a day that is none: exit code and text say so, and no model is made."""
    found, output = run("train", *arguments)

    assert (found, words in output) == (code, True), output
    assert not predictor.available(at_home)
