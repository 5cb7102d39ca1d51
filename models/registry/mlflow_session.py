"""MLflow, opened: a client that is alone on this tape_home, with MLflow's own errors as ours."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

# Before the import: it reports its use to its makers, and talks about each step that it takes.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # seven by default: minutes until a dead server is told
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

import mlflow
import psycopg
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from domain.errors import UnavailableError
from models.registry import store
from runtime.settings import Settings

_ADDRESS = "MLFLOW_TRACKING_URI"
_POSTGRES = {"postgres", "postgresql", "postgresql+psycopg"}
_CONNECT_TIMEOUT_S = 10


@contextmanager
def session(settings: Settings) -> Iterator[MlflowClient]:
    """A client, alone on this tape_home. Raises UnavailableError."""
    home = settings.tape_home.resolve()
    store.root(settings, settings.model_name).mkdir(parents=True, exist_ok=True)
    uri = tracking_uri(settings)
    with (home / "models" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        given = os.environ.get(_ADDRESS)
        try:
            mlflow.set_tracking_uri(uri)
            mlflow.set_registry_uri(uri)
            _knock(settings)
            yield MlflowClient(uri, uri)
        except MlflowException as error:
            raise UnavailableError(f"MLflow at {shown(uri)} failed: {error.message}") from error
        except SQLAlchemyError as error:
            raise UnavailableError(f"MLflow's database at {shown(uri)} failed: {str(error).splitlines()[0]}") from error
        finally:  # MLflow puts the address into the environment, where the next settings of this process would find it
            os.environ.pop(_ADDRESS, None)
            if given is not None:
                os.environ[_ADDRESS] = given


def database(settings: Settings) -> Path:
    """Where MLflow's records are when the settings name no server."""
    return settings.tape_home.resolve() / "mlflow.db"


def tracking_uri(settings: Settings) -> str:
    """The address as MLflow takes it: PostgreSQL by the driver that is installed, SQLite where none is given."""
    given = settings.mlflow_tracking_uri
    if not given:
        return f"sqlite:///{database(settings)}"
    parts = urlsplit(given)
    if parts.scheme in _POSTGRES:
        return urlunsplit(parts._replace(scheme="postgresql+psycopg"))
    return given


def _knock(settings: Settings) -> None:
    """A database that is away is told at once: MLflow tries for 100 s, and says nothing meanwhile."""
    parts = urlsplit(settings.mlflow_tracking_uri)
    if parts.scheme not in _POSTGRES:
        return
    address = urlunsplit(parts._replace(scheme="postgresql"))
    try:
        psycopg.connect(address, connect_timeout=_CONNECT_TIMEOUT_S).close()
    except psycopg.OperationalError as error:
        raise UnavailableError(f"MLflow's database at {shown(address)} is away: {error}") from error


def artifact_location(settings: Settings) -> str | None:
    """Where a new experiment's files go; None: the server's own place."""
    if settings.mlflow_artifacts:
        return settings.mlflow_artifacts
    if urlsplit(settings.mlflow_tracking_uri).scheme in {"http", "https"}:
        return None
    return (settings.tape_home.resolve() / "mlartifacts").as_uri()


def shown(uri: str) -> str:
    """An address without its password."""
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":…@")))
