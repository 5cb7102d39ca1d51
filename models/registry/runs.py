"""A training as a run of MLflow: parameters, metrics, plots, every trial, and the model with its signature."""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import mlflow.pyfunc
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.models import infer_signature

from models.classes import CLASSES
from models.features import FEATURE_NAMES
from models.registry import store
from models.registry.fitted import Fitted
from models.registry.mlflow_session import artifact_location
from runtime.clock import now_us
from runtime.settings import Settings

EXPERIMENT = "tapeledger"
EXPORT = "export"
"""The run's folder with the very files of models.registry.store."""

_PARAMETER_CHARACTERS_MAX = 6_000  # MLflow's own limit
_LIBRARIES = {"xgboost": ("xgboost",), "lightgbm": ("lightgbm",), "lstm": ("torch", "safetensors")}


def log(settings: Settings, client: MlflowClient, fitted: Fitted, same_as: str | None) -> str:
    """Log a training. same_as: the version that is this very model already. Gives the run's id; the run is open."""
    run_id: str = client.create_run(experiment(settings, client)).info.run_id
    parameters = {
        **{f"model_{name}": str(value) for name, value in fitted.parameters.items()},
        **fitted.notes,
        "kind": fitted.kind,
        "symbols": ",".join(fitted.symbols),
        "prices": fitted.prices,
        "trained_from": fitted.trained_from.isoformat(),
        "trained_to": fitted.trained_to.isoformat(),
        "threshold_buy": str(fitted.thresholds.buy),
        "threshold_sell": str(fitted.thresholds.sell),
        "data_hash": fitted.data_hash,
        "code_version": fitted.code_version,
        "features": ",".join(FEATURE_NAMES),
    }
    client.log_batch(
        run_id,
        metrics=_metrics(fitted.metrics),
        params=_params(parameters),
        tags=[] if same_as is None else [RunTag("tapeledger.same_as_version", same_as)],
    )
    _trials(settings, client, fitted, run_id)
    with TemporaryDirectory() as folder:
        for name, content in fitted.artifacts.items():
            file = Path(folder) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        client.log_artifacts(run_id, folder)
    return run_id


@contextmanager
def logged_model(settings: Settings, fitted: Fitted, run_id: str) -> Iterator[Any]:
    """The model in MLflow's own form, with signature and example; MLflow loads it by models.registry.pyfunc."""
    meta = fitted.meta(settings.model_name, "0", run_id)
    from models.registry.pyfunc import Served

    example = fitted.example if fitted.steps > 1 else fitted.example[:, 0, :]
    served = Served(meta, fitted.model)
    with TemporaryDirectory() as folder:
        store.write(Path(folder), meta, fitted.model)
        with mlflow.start_run(run_id=run_id), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that there is no input example: the signature is enough
            yield mlflow.pyfunc.log_model(
                name="model",
                loader_module="models.registry.pyfunc",
                data_path=folder,
                signature=infer_signature(example, served.predict(example)),
                metadata={"features": list(FEATURE_NAMES), "classes": list(CLASSES), "steps": fitted.steps},
                pip_requirements=[
                    f"{package}=={importlib.metadata.version(package)}"
                    for package in ("mlflow", "numpy", *_LIBRARIES.get(fitted.kind, ()))
                ],
            )


def experiment(settings: Settings, client: MlflowClient, name: str = EXPERIMENT) -> str:
    """The experiment's id; it is made when it is not there."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(name, artifact_location=artifact_location(settings)))


def _trials(settings: Settings, client: MlflowClient, fitted: Fitted, parent: str) -> None:
    """A run for each trial, below the training's own, the pruned and the failed ones included."""
    for trial in fitted.trials:
        tags = {"mlflow.parentRunId": parent, "tapeledger.trial": str(trial.number)}
        run_id = client.create_run(
            experiment(settings, client), tags=tags, run_name=f"trial-{trial.number}"
        ).info.run_id
        client.log_batch(
            run_id,
            metrics=_metrics(trial.metrics),
            params=_params({name: str(value) for name, value in trial.parameters.items()}),
            tags=[RunTag("tapeledger.trial_state", trial.state)],
        )
        client.set_terminated(run_id, "FAILED" if trial.state == "FAILED" else "FINISHED")


def _metrics(values: Any) -> list[Metric]:
    now_ms = now_us() // 1_000
    return [Metric(name, value, now_ms, 0) for name, value in values.items()]


def _params(values: dict[str, str]) -> list[Param]:
    return [Param(name, value[:_PARAMETER_CHARACTERS_MAX]) for name, value in values.items()]
