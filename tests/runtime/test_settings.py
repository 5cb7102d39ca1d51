"""Settings: what is refused and how, which source wins, and the file that lists them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import InvalidValue
from runtime import env_example
from runtime.settings import Settings, given_settings, settings
from runtime.supervisor import SERVER_FIELDS

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder and none of the servers' variables."""
    monkeypatch.chdir(tmp_path)
    for name in (*SERVER_FIELDS, "tape_home"):
        monkeypatch.delenv(name.upper(), raising=False)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("LOG_LEVEL", "loud", "LOG_LEVEL: input should be 'DEBUG', 'INFO'"),
        ("API_PORT", "70000", "API_PORT: input should be less than or equal to 65535, it was '70000'"),
        ("PARTITIONS", "0", "PARTITIONS: input should be greater than or equal to 1, it was '0'"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka", "KAFKA_BOOTSTRAP_SERVERS: expected host:port"),
        ("DATABASE_URL", "mysql://root:secret@h/d", "DATABASE_URL: expected an address that begins with postgresql://"),
        ("REDIS_URL", "localhost:6379", "REDIS_URL: expected an address that begins with redis://"),
        ("TOPIC_PREFIX", "a b", "TOPIC_PREFIX: expected up to 200 letters"),
        ("INSTRUMENTS", " , ", "INSTRUMENTS: expected at least one symbol"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable, what was expected and what it was, but for addresses: they hold passwords."""
    monkeypatch.setenv(name, value)

    with pytest.raises(InvalidValue) as caught:
        settings()
    assert caught.value.text.startswith(expected)
    assert "secret" not in caught.value.text


def test_a_mistyped_name_in_the_file_is_seen(tmp_path: Path) -> None:
    """A name in .env that is no setting is an error, not silence."""
    (tmp_path / ".env").write_text("KAFKA_BOOTSTRAP_SERVER=localhost:9092\n")

    with pytest.raises(InvalidValue, match=r"KAFKA_BOOTSTRAP_SERVER in \.env is no setting"):
        settings()


def test_embedded_roles_do_not_go_with_a_given_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names a database of their own does not project into the embedded one, or read from it."""
    (tmp_path / ".tape").mkdir()
    fields = ("database_url", "database_projector_url", "database_reader_url", "database_backtests_url")
    embedded = {name: f"postgresql://{name}@embedded/tape" for name in fields}
    (tmp_path / ".tape" / "endpoints.json").write_text(json.dumps(embedded))
    monkeypatch.setenv("DATABASE_URL", "postgresql://own/tape")

    found = settings()

    assert [getattr(found, name) for name in fields] == ["postgresql://own/tape", "", "", ""]


def test_roles_made_for_a_given_database_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tape up` on a given database makes the roles that were not given, and other commands find their addresses."""
    (tmp_path / ".tape").mkdir()
    made = {"database_projector_url": "postgresql://p@own/tape", "database_reader_url": "postgresql://r@own/tape"}
    (tmp_path / ".tape" / "endpoints.json").write_text(json.dumps(made))
    monkeypatch.setenv("DATABASE_URL", "postgresql://own/tape")

    found = settings()

    assert {name: getattr(found, name) for name in made} == made


def test_environment_then_file_then_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address comes from the environment, else from .env, else from the embedded servers' endpoints."""
    (tmp_path / ".tape").mkdir()
    embedded = {
        "kafka_bootstrap_servers": "127.0.0.1:1",
        "database_url": "postgresql://embedded/tape",
        "redis_url": "redis://127.0.0.1:1/0",
    }
    (tmp_path / ".tape" / "endpoints.json").write_text(json.dumps(embedded))
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://file/tape\nREDIS_URL=redis://file:1/0\n")
    monkeypatch.setenv("REDIS_URL", "redis://environment:1/0")

    found = settings()

    assert found.kafka_bootstrap_servers == "127.0.0.1:1"
    assert found.database_url == "postgresql://file/tape"
    assert found.redis_url == "redis://environment:1/0"


def test_environ_gives_another_process_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings survive the way through environment variables."""
    sent = Settings(
        _env_file=None, topic_prefix="t1.", partitions=8, paper_trade_mode=False, strategy_protection="0.25"
    )
    for name, value in sent.environ().items():
        monkeypatch.setenv(name, value)

    assert given_settings() == sent


def test_the_example_lists_all_settings() -> None:
    """.env.example is what `make env-example` writes."""
    assert (REPOSITORY / ".env.example").read_text() == env_example.text()
