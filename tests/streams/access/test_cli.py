"""`tape access` as a user runs it, with the workers that put on record and project."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner, Result

from domain.errors import InvalidValue, UnavailableError
from runtime import settings as settings_module
from runtime.settings import Settings
from streams.access.cli import app
from streams.access.keys import digest
from tests.keys import ROOT_KEY
from tests.workers import worker

BY = ["--by", "grace", "--wait", "120"]


@pytest.fixture
def here(ledger_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The command's settings are this ledger's."""
    monkeypatch.setattr(settings_module, "settings", lambda: ledger_settings)
    return ledger_settings


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def listed(what: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run(what, "list", "--json").stdout)
    return found


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_users_and_keys_from_the_first_to_the_last(here: Settings) -> None:
    """A user, two keys of theirs, one revoked, the user changed and removed: the tables say so after each command."""
    with worker(here, "streams.auditlog.worker"), worker(here, "projections.worker"):
        put = run("user", "put", "ada", "--role", "trader", "--account", "acc_2", "--account", "acc_1", *BY)
        assert put.exit_code == 0, put.output
        assert "ada is a trader, and has access to acc_1, acc_2" in put.stdout
        made = run("key", "create", "ada", "--label", "desk", "--days", "30", "--scope", "read", *BY)
        assert made.exit_code == 0, made.output
        text = made.stdout.strip()
        assert re.fullmatch(r"tk_[0-9a-f]{16}_[0-9a-f]{64}", text), "nothing but the key is on standard output"
        run("key", "create", "ada", *BY)
        first, second = listed("key")
        assert (first["label"], first["scopes"], first["created_by"]) == ("desk", ["read"], "grace")
        assert (second["scopes"], second["expires_at"]) == (["read", "trade"], None)
        assert text not in json.dumps(listed("key"))
        assert digest(text) not in json.dumps(listed("key"))
        revoked = run("key", "revoke", str(first["key_id"]), *BY)
        assert revoked.exit_code == 0, revoked.output
        assert [key["revoked_at"] is None for key in listed("key")] == [False, True]
        again = run("key", "revoke", str(first["key_id"]), *BY)
        assert isinstance(again.exception, InvalidValue)
        run("user", "remove", "ada", *BY)
        assert listed("user")[0]["removed_at"] is not None
        assert all(key["revoked_at"] is not None for key in listed("key"))
        assert isinstance(run("key", "create", "ada", *BY).exception, InvalidValue)
        assert "removed" in run("user", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["user", "put", "ada", "--role", "emperor"], "ROLE_UNKNOWN"),
        (["user", "put", "a b", "--role", "viewer"], "USER_ID_INVALID"),
        (["user", "put", "root", "--role", "viewer"], "USER_ID_INVALID"),
        (["user", "put", "ada", "--role", "viewer", "--account", "a,b"], "ACCOUNT_INVALID"),
        (
            ["user", "put", "ada", "--role", "viewer", *(f"--account=acc_{n:056}" for n in range(20))],
            "ACCOUNTS_TOO_MANY",
        ),
    ],
)
def test_what_makes_no_record(monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: str) -> None:
    """It is refused before anything is sent, with what was expected."""
    nowhere = Settings(_env_file=None, kafka_bootstrap_servers="127.0.0.1:1")
    monkeypatch.setattr(settings_module, "settings", lambda: nowhere)
    error = run(*arguments, "--by", "grace").exception

    assert isinstance(error, InvalidValue)
    assert error.code == code


def test_the_root_key_is_printed_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key alone on standard output; without one, an error says how to get one."""
    monkeypatch.setattr(settings_module, "settings", lambda: Settings(_env_file=None, api_root_key=ROOT_KEY))
    assert run("root-key").stdout == f"{ROOT_KEY}\n"
    monkeypatch.setattr(settings_module, "settings", lambda: Settings(_env_file=None))
    assert isinstance(run("root-key").exception, UnavailableError)
