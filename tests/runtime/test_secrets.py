"""A home's own keys: made once, for its owner alone, and never before what the environment gives."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from domain.errors import InvalidValue, UnavailableError
from runtime import secrets
from runtime.settings import Settings, given_settings, with_secrets


def settings(home: Path, **given: str) -> Settings:
    return Settings(_env_file=None, tape_home=home, **given)  # type: ignore[arg-type]


def test_they_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    """A second start finds the first one's; nobody else can read the file; another home has others."""
    made = secrets.ensure(tmp_path)

    assert secrets.ensure(tmp_path) == made == secrets.read(tmp_path)
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert re.fullmatch(r"tk_root_[0-9a-f]{64}", made["api_root_key"])
    assert secrets.ensure(tmp_path / "other")["api_root_key"] != made["api_root_key"]


def test_what_is_given_comes_first(tmp_path: Path) -> None:
    """Each key is the home's only where none is given; without a file there is none."""
    assert with_secrets(settings(tmp_path)).api_root_key.get_secret_value() == ""
    made = secrets.ensure(tmp_path)
    found = with_secrets(settings(tmp_path, api_root_key="r" * 40))

    assert found.api_root_key.get_secret_value() == "r" * 40
    assert found.auth_signing_keys.get_secret_value() == made["auth_signing_keys"]
    assert made["auth_signing_keys"] not in repr(found), "a secret is not shown"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"api_root_key": 1, "auth_signing_keys": 2}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    """Not passed over: the API would start without its keys."""
    secrets.path(tmp_path).write_text(text)
    with pytest.raises(UnavailableError, match=r"secrets\.json"):
        secrets.read(tmp_path)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"API_ROOT_KEY": "short"}, "API_ROOT_KEY: expected 32 to 256 characters"),
        ({"API_ROOT_KEY": "a" * 40 + " "}, "API_ROOT_KEY: expected 32 to 256 characters"),
        ({"AUTH_SIGNING_KEYS": "k" * 40 + ",short"}, "AUTH_SIGNING_KEYS: expected keys of 32 to 256 characters"),
        ({"API_CORS_ORIGINS": "*"}, "API_CORS_ORIGINS: expected origins"),
        ({"API_CORS_ORIGINS": "https://a.example/"}, "API_CORS_ORIGINS: expected origins"),
        ({"API_TRUSTED_PROXIES": "proxy"}, "API_TRUSTED_PROXIES: expected addresses or networks"),
        ({"API_TLS_CERT": "/no/such/file"}, "API_TLS_CERT: expected a file that is there"),
        ({"API_TLS_KEY": __file__}, "expected both API_TLS_CERT and API_TLS_KEY"),
        ({"KAFKA_SSL_CA": __file__}, "expected KAFKA_SECURITY_PROTOCOL SSL or SASL_SSL"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "expected KAFKA_SASL_USERNAME"),
        ({"KAFKA_SSL_KEY": __file__}, "expected both KAFKA_SSL_CERTIFICATE and KAFKA_SSL_KEY"),
    ],
)
def test_wrong_settings_are_named_without_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: dict[str, str], expected: str
) -> None:
    """Which variable, and what was expected; no value of a secret, also of others that were right."""
    monkeypatch.chdir(tmp_path)
    right = "the-right-one-" + "0" * 20
    monkeypatch.setenv("AUTH_SIGNING_KEYS", right)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidValue) as caught:
        given_settings()

    assert expected in str(caught.value)
    assert right not in str(caught.value)
    assert "k" * 40 not in str(caught.value)
