"""`tape models`: the whole way on real bars, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.engine import engine
from models.registry import outbox
from runtime.settings import Settings, settings
from streams.promotions import cli

TRAIN = ("train", "--folds", "1", "--set", "n_estimators=10")


@pytest.fixture
def at_home(model_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The process's settings are those of the test, by way of the environment."""
    monkeypatch.setenv("TAPE_HOME", str(model_settings.tape_home))
    monkeypatch.setenv("MODEL_NAME", model_settings.model_name)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "")
    settings.cache_clear()
    yield model_settings
    settings.cache_clear()


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(cli.app, list(arguments))
    return result.exit_code, " ".join(result.output.split())  # lines are as long as the longest name lets them be


def test_train_list_promote_roll_back(at_home: Settings) -> None:
    """The first model is the champion, a later one the challenger; promotion compares; rollback takes it back."""
    years = ("--symbols", "IBM,MSFT,FB", "--from", "2000-01-01", "--to", "2003-12-31")
    code, output = run(*TRAIN, *years)

    assert code == 0, output
    for words in ("hold out accuracy", "hold out majority accuracy", "hold out lagged logistic accuracy"):
        assert words in output
    assert "No samples in this range: FB" in output
    assert "version 1 is the champion (registered)" in output
    assert engine.load(at_home).meta.symbols == ("IBM", "MSFT")

    code, output = run(*TRAIN, *years)
    assert code == 0, output
    assert "version 1 is the champion (the very model that was there already)" in output

    code, output = run(*TRAIN, *years, "--model", "lightgbm")
    assert code == 0, output
    assert "version 2 is the challenger (registered)" in output

    code, output = run("list")
    assert code == 0, output
    for words in ("champion", "challenger", "xgboost", "lightgbm", "IBM,MSFT"):
        assert words in output

    code, output = run("promote", "--to", "2004-12-31")
    better = "is the champion. It goes on audit.logs" in output
    assert code == (0 if better else 1), output
    assert "decisions, 2004-01-01 … 2004-12-31" in output
    assert better or "Version 2 is not better: champion stays 1" in output

    if not better:
        code, output = run("promote", "2", "--override")
        assert (code, "an override needs a reason" in output) == (2, True), output
        code, output = run("promote", "2", "--override", "--reason", "a test")
        assert code == 0, output
    assert engine.load(at_home).version == "2"
    code, output = run("rollback", "--reason", "enough", "--actor", "ann")
    assert (code, "version 1 is the champion again" in output) == (0, True), output
    assert engine.load(at_home).version == "1"
    told = [one for one in outbox.waiting(at_home) if one.subject == f"model:{at_home.model_name}"]
    assert [one.action for one in told] == ["model.promoted", "model.promoted", "model.rolled_back"]
    assert (told[-1].actor, told[-1].reason) == ("ann", "enough")

    code, output = run("promote", "2", "--to", "2005-06-30")
    assert (code, "was compared on 2004-01-01 … 2004-12-31 already" in output) == (1, True), output
    code, output = run("promote", "9")
    assert (code, "not found" in output) == (1, True), output
    code, output = run("show", "2")
    assert (code, "lightgbm" in output, "data hash" in output) == (0, True, True), output


def test_a_file_of_one_s_own_is_trained_on(at_home: Settings, tmp_path: Path) -> None:
    """A CSV file, declared: its report goes with the run, and what was dropped is there to be read."""
    file = tmp_path / "bars.csv"
    from models.marketdata import synthetic  # imports scipy

    market = synthetic.market_of("bars=1400,symbols=2,strength=0.5")
    lines = ["symbol,date,open,high,low,close,volume"]
    lines += [
        f"{bar.symbol},{bar.date},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume}"
        for bar in synthetic.market_bars(market)
    ]
    file.write_text("\n".join([*lines, lines[-1]]))

    code, output = run(
        *TRAIN, "--source", f"csv:{file}", "--declare", "prices=adjusted", "--from", "1900-01-01", "--to", "2100-01-01"
    )

    assert code == 0, output
    assert "is the champion (registered)" in output


def test_an_empty_list_says_what_to_do(at_home: Settings) -> None:
    """Without any model the list names the command that makes one."""
    code, output = run("list")

    assert code == 0
    assert "tape models train" in output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--symbols", "TSLA"), 1, "TSLA"),
        (("--symbols", "IBM", "--from", "2010-06-01"), 1, "two years at least"),
        (("--symbols", "IBM", "--from", "01.06.2010"), 2, "YYYY-MM-DD"),
        (("--model", "oracle"), 1, "expected one of xgboost"),
        (("--set", "max_depth=99"), 1, "max_depth must be int, from 1 to 16"),
        (("--set", "depth=3"), 1, "depth"),
        (("--set", "max_depth"), 2, "NAME=NUMBER"),
        (("--symbols", "IBM", "--from", "2010-12-01", "--period", "month"), 1, "two months at least"),
        (("--period", "week"), 2, "year or quarter or month"),
        (("--label", "tomorrow"), 2, "threshold or triple_barrier"),
        (("--source", "csv:missing.csv", "--declare", "prices=adjusted"), 1, "missing.csv"),
        (("--horizon", "0"), 1, "one bar at least"),
    ],
)
def test_what_cannot_be_trained_is_a_clear_error(
    at_home: Settings, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """What is not known, too short or not there: exit code and text say so, and no model is made."""
    found, output = run("train", *arguments)

    assert (found, words in output) == (code, True), output
    assert not engine.available(at_home)


def test_without_a_challenger_there_is_nothing_to_promote(at_home: Settings) -> None:
    """The error says what to do."""
    code, output = run("promote")

    assert (code, "has no challenger: train one, or name a version" in output) == (1, True), output
