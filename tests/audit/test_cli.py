"""Goal: the commands' exit codes and their output, for people and for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit.cli import app
from runtime.clients import postgres
from runtime.settings import Settings
from tests.audit.world import World, story

runner = CliRunner()


def _use(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr("runtime.settings.settings", lambda: settings)


@pytest.mark.integration
def test_exit_codes_say_what_was_found(ledger_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 on a sound ledger; 1 with the record named after one byte of the archive and one order were changed."""
    _use(monkeypatch, ledger_settings)
    story(ledger_settings).project()

    good = [runner.invoke(app, arguments) for arguments in (["verify", "--wait"], ["replay"])]
    with postgres(ledger_settings) as connection:
        connection.execute(
            "update tape_records set value = set_byte(value, 0, 0) where partition = 1 and record_offset = 3"
        )
        connection.execute("update orders set status = 'CANCELED' where client_order_id = 'rest-1'")
    verified = runner.invoke(app, ["verify"])
    replayed = runner.invoke(app, ["replay"])

    assert [result.exit_code for result in good] == [0, 0]
    assert "verify OK: 91 records (1 dead) of 12 tapes" in good[0].output
    assert "replay OK: " in good[1].output
    assert verified.exit_code == 1
    assert f"archive_differs: {ledger_settings.topic('ledger.events')}/1 offset 3: value" in verified.output
    assert "verify FAILED: 2 findings" in verified.output
    assert replayed.exit_code == 1
    assert "status: expected NEW, found CANCELED (last: " in replayed.output


@pytest.mark.integration
def test_json_is_for_machines(told: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """--json prints one JSON document and nothing else on standard output."""
    _use(monkeypatch, told.settings)

    verdicts = [json.loads(runner.invoke(app, [name, "--json"]).stdout) for name in ("verify", "replay")]

    assert [verdict["ok"] for verdict in verdicts] == [True, True]
    assert len(verdicts[0]["tapes"]) == 12
    assert len(verdicts[1]["digest"]) == 64


@pytest.mark.parametrize("command", ["verify", "replay"])
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "no database: DATABASE_URL is empty"),
        ("postgresql://nobody@127.0.0.1:1/none", "the database does not answer"),
    ],
)
def test_a_missing_server_is_one_clear_line(
    command: str, address: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Exit code 2 and one line when it cannot be checked."""
    _use(monkeypatch, Settings(_env_file=None, database_url=address, tape_home=tmp_path))

    result = runner.invoke(app, [command])

    assert result.exit_code == 2
    lines = [line for line in result.stderr.splitlines() if line]
    assert len(lines) == 1
    assert lines[0].startswith("cannot check: ")
    assert words in lines[0]
    assert result.stdout == ""


@pytest.mark.integration
@pytest.mark.parametrize("command", ["verify", "replay"])
def test_kafka_away_is_one_clear_line(command: str, told: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database answers and Kafka does not: exit code 2, not a verdict."""
    monkeypatch.setattr("audit.tapes._TIMEOUT_S", 0.5)
    _use(monkeypatch, told.settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"}))

    result = runner.invoke(app, [command, "--json"])

    assert result.exit_code == 2
    assert "cannot check: Kafka at 127.0.0.1:1 does not answer" in result.stderr
    assert result.stdout == ""
