"""MLflow: every training is a run, every different model a version, and an alias says which version is used.

Without `settings.mlflow_tracking_uri` MLflow keeps its records in SQLite at <tape_home>/mlflow.db and its files in
<tape_home>/mlartifacts. Importing this module imports MLflow, which takes seconds; predicting does not need it.

How the alias and its pointer file (models.store) are kept equal: MLflow's alias is the truth. `promote` removes the
pointer, sets the alias, writes the pointer, in this order and under a lock. A crash in between leaves no pointer, and
whoever finds none asks MLflow (`sync`). So a pointer, where there is one, says what the alias said when `promote` last
ran. An alias moved by other means, such as MLflow's own pages, counts from the next `sync` on: each training and
`tape models list` begin with one, and with a server of MLflow's own every load does.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec

# Before the import: it reports its use to its makers, and talks about each step that it takes.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # seven by default: minutes until a dead server is told
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

import mlflow
import mlflow.xgboost
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature

from domain.errors import UnavailableError
from models import store
from models.features import FEATURE_NAMES
from models.predictor import booster_of
from models.store import Meta, Pointer
from models.training import Fitted, TrainedModel
from runtime.clock import now_us
from runtime.settings import Settings

EXPERIMENT = "tapeledger"
_EXPORT = "export"  # the run's artifact folder with the very files of models.store
_IDENTITY = "tapeledger.identity"  # set last: a version without it was not finished and is not used
_SHA256 = "tapeledger.sha256"


class Version(NamedTuple):
    """A finished version of the model. champion: whether the alias of the settings means it."""

    version: str
    sha256: str
    run_id: str
    created_ms: int
    metrics: dict[str, float]
    parameters: dict[str, str]
    champion: bool


def register(settings: Settings, fitted: Fitted) -> TrainedModel:
    """Log a run, make the model a version unless this very model is one already, and point the alias at it.

    Raises UnavailableError when MLflow's server is not there.
    """
    with _session(settings) as client:
        _sync(settings, client)
        version = _find(client, settings.model_name, fitted.identity())
        fresh = version is None
        run_id = _new_run(settings, client, fitted, version)
        if version is None:
            version = _new_version(settings, client, fitted, run_id)
        client.set_terminated(run_id)
        return TrainedModel(_promote(settings, client, version), fresh)


def promote(settings: Settings, version: str) -> Meta:
    """Make the alias of the settings, and its pointer, mean `version`.

    Raises UnavailableError when there is no such finished version, or MLflow's server is not there.
    """
    with _session(settings) as client:
        return _promote(settings, client, version)


def sync(settings: Settings) -> Pointer | None:
    """Make the pointer say what MLflow's alias says, and fetch the version's files if they are not here."""
    with _session(settings) as client:
        return _sync(settings, client)


def versions(settings: Settings) -> list[Version]:
    """The finished versions, newest first."""
    with _session(settings) as client:
        champion = _sync(settings, client)
        found = [v for v in client.search_model_versions(f"name = '{settings.model_name}'") if _IDENTITY in v.tags]
        return [
            Version(
                version=str(v.version),
                sha256=v.tags[_SHA256],
                run_id=str(v.run_id),
                created_ms=v.creation_timestamp,
                metrics=dict((run := client.get_run(str(v.run_id))).data.metrics),
                parameters=dict(run.data.params),
                champion=champion is not None and champion.version == str(v.version),
            )
            for v in sorted(found, key=lambda v: int(v.version), reverse=True)
        ]


def database(settings: Settings) -> Path:
    """Where MLflow's records are when the settings name no server."""
    return settings.tape_home.resolve() / "mlflow.db"


@contextmanager
def _session(settings: Settings) -> Iterator[MlflowClient]:
    """A client, alone on this tape_home; MLflow's own errors become ours."""
    home = settings.tape_home.resolve()
    store.root(settings, settings.model_name).mkdir(parents=True, exist_ok=True)
    uri = settings.mlflow_tracking_uri or f"sqlite:///{database(settings)}"
    with (home / "models" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            mlflow.set_tracking_uri(uri)
            mlflow.set_registry_uri(uri)
            yield MlflowClient(uri, uri)
        except MlflowException as error:
            raise UnavailableError(f"MLflow at {uri} failed: {error.message}") from error


def _sync(settings: Settings, client: MlflowClient) -> Pointer | None:
    name, alias = settings.model_name, settings.model_alias
    version = _aliased(client, name, alias)
    if version is None:
        store.unpoint(settings, name, alias)
        return None
    wanted = Pointer(version=version, sha256=_fetch(settings, client, version))
    if store.pointer(settings, name, alias) != wanted:
        store.point(settings, name, alias, wanted)
    return wanted


def _promote(settings: Settings, client: MlflowClient, version: str) -> Meta:
    name, alias = settings.model_name, settings.model_alias
    sha256 = _fetch(settings, client, version)
    meta, _ = store.read(settings, name, version)
    if _aliased(client, name, alias) != version:
        store.unpoint(settings, name, alias)
        client.set_registered_model_alias(name, alias, version)
    store.point(settings, name, alias, Pointer(version=version, sha256=sha256))
    return meta


def _aliased(client: MlflowClient, name: str, alias: str) -> str | None:
    for model in client.search_registered_models(f"name = '{name}'"):
        found = model.aliases.get(alias)
        return None if found is None else str(found)
    return None


def _find(client: MlflowClient, name: str, identity: str) -> str | None:
    """The newest finished version that is this very model."""
    found = [v for v in client.search_model_versions(f"name = '{name}'") if v.tags.get(_IDENTITY) == identity]
    return str(max(found, key=lambda v: int(v.version)).version) if found else None


def _fetch(settings: Settings, client: MlflowClient, version: str) -> str:
    """See that a version's files are here; gives their model's SHA-256 as the registry has it."""
    found = client.get_model_version(settings.model_name, version)
    if _SHA256 not in found.tags:
        raise UnavailableError(f"version {version} of {settings.model_name} was not made by `tape models train`")
    if not store.exported(settings, settings.model_name, version):
        with TemporaryDirectory() as folder:
            got = Path(client.download_artifacts(str(found.run_id), _EXPORT, folder))
            meta = msgspec.json.decode((got / "meta.json").read_bytes(), type=Meta)
            store.export(settings, meta, (got / "model.ubj").read_bytes())
    return str(found.tags[_SHA256])


def _new_run(settings: Settings, client: MlflowClient, fitted: Fitted, version: str | None) -> str:
    run_id: str = client.create_run(_experiment(settings, client)).info.run_id
    parameters = {
        **fitted.parameters,
        "symbols": ",".join(fitted.symbols),
        "trained_from": fitted.trained_from.isoformat(),
        "trained_to": fitted.trained_to.isoformat(),
        "threshold_buy": str(fitted.thresholds.buy),
        "threshold_sell": str(fitted.thresholds.sell),
        "data_hash": fitted.data_hash,
        "code_version": fitted.code_version,
        "features": ",".join(FEATURE_NAMES),
    }
    now_ms = now_us() // 1_000
    client.log_batch(
        run_id,
        metrics=[Metric(key, value, now_ms, 0) for key, value in fitted.metrics.items()],
        params=[Param(key, value) for key, value in parameters.items()],
        tags=[] if version is None else [RunTag("tapeledger.same_as_version", version)],
    )
    return run_id


def _new_version(settings: Settings, client: MlflowClient, fitted: Fitted, run_id: str) -> str:
    name = settings.model_name
    booster = booster_of(fitted.model)
    with mlflow.start_run(run_id=run_id):
        logged: Any = mlflow.xgboost.log_model(
            booster,
            name="model",
            signature=infer_signature(fitted.example, booster.inplace_predict(fitted.example, validate_features=False)),
            pip_requirements=[f"{package}=={importlib.metadata.version(package)}" for package in ("mlflow", "xgboost")],
        )
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    made = client.create_model_version(name, logged.model_uri, run_id, model_id=logged.model_id)
    version = str(made.version)
    meta = fitted.meta(name, version, run_id)
    folder = store.export(settings, meta, fitted.model)
    client.log_artifacts(run_id, str(folder), _EXPORT)
    client.set_model_version_tag(name, version, _SHA256, meta.sha256)
    client.set_model_version_tag(name, version, _IDENTITY, fitted.identity())
    return version


def _experiment(settings: Settings, client: MlflowClient) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    files = None if settings.mlflow_tracking_uri else (settings.tape_home.resolve() / "mlartifacts").as_uri()
    return str(client.create_experiment(EXPERIMENT, artifact_location=files))
