"""The registry on PostgreSQL: the records in a real database, the files beside, and no password in an error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from domain.errors import UnavailableError
from models.engine import engine
from models.registry import Thresholds, mlflow_session, records
from models.registry.fitted import Fitted
from models.registry.records import Order
from runtime.settings import Settings
from tests.ledgers import database

pytestmark = pytest.mark.integration


@pytest.fixture
def on_postgres(servers: Settings, tmp_path: Path) -> Iterator[Settings]:
    with database(servers) as url:
        yield servers.model_copy(update={"tape_home": tmp_path / "trainer", "mlflow_tracking_uri": url})


def test_models_are_kept_promoted_and_fetched(on_postgres: Settings, fitted: Fitted, tmp_path: Path) -> None:
    """Two versions, a promotion and a rollback; a worker with an empty home fetches what the alias means."""
    records.register(on_postgres, fitted)
    records.register(on_postgres, replace(fitted, thresholds=Thresholds(buy=0.9, sell=0.9)))
    records.promote(on_postgres, "2", Order("ann", "a test"))
    worker = on_postgres.model_copy(update={"tape_home": tmp_path / "worker"})

    assert engine.load(worker).thresholds == Thresholds(buy=0.9, sell=0.9)
    records.roll_back(on_postgres, Order("ann", "a test"))
    assert engine.load(worker).thresholds == fitted.thresholds
    assert [(one.version, one.aliases) for one in records.versions(on_postgres)] == [("2", ()), ("1", ("champion",))]
    with psycopg.connect(on_postgres.mlflow_tracking_uri) as connection:
        rows = connection.execute("select name, version from model_versions order by version").fetchall()
    assert rows == [("signals", 1), ("signals", 2)]
    assert (tmp_path / "trainer" / "mlartifacts").is_dir()


def test_a_database_that_is_away_is_a_clear_error(servers: Settings, tmp_path: Path) -> None:
    """Where it was, and what it said, without the password."""
    parts = urlsplit(servers.database_url)
    away = urlunsplit(parts._replace(netloc="ann:geheim@127.0.0.1:9", query=""))
    settings = servers.model_copy(update={"tape_home": tmp_path, "mlflow_tracking_uri": away})

    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9") as caught:
        records.versions(settings)
    assert "is away" in str(caught.value), "MLflow itself would have tried for minutes first"
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgresql://ann:x@h:1/d", "postgresql+psycopg://ann:x@h:1/d"),
        ("postgres://h/d?sslmode=require", "postgresql+psycopg://h/d?sslmode=require"),
        ("postgresql+psycopg://h/d", "postgresql+psycopg://h/d"),
        ("http://h:5000", "http://h:5000"),
    ],
)
def test_an_address_is_given_as_postgresql_s_own(given: str, expected: str) -> None:
    """MLflow would look for another driver; an HTTP server's address stays as it is."""
    assert mlflow_session.tracking_uri(Settings(_env_file=None, mlflow_tracking_uri=given)) == expected
