"""MLflow: every training is a run, every different model a version, and aliases say which versions are used.

Without `settings.mlflow_tracking_uri` MLflow keeps its records in SQLite at <tape_home>/mlflow.db and its files in
<tape_home>/mlartifacts; a PostgreSQL address keeps the records there. Importing this module imports MLflow, which takes
seconds; predicting does not need it.

How the alias and its pointer file (models.registry.store) are kept equal: MLflow's alias is the truth. A promotion
removes the pointer, sets the alias, writes the pointer, in this order and under a lock. A crash in between leaves no
pointer, and whoever finds none asks MLflow (`sync`). So a pointer, where there is one, says what the alias said when it
was last moved here. An alias moved by other means, such as MLflow's own pages, counts from the next `sync` on: each
training and `tape models list` begin with one, and with a server of MLflow's own each worker makes one every 10 s.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from domain.actions import MODEL_PROMOTED, MODEL_ROLLED_BACK, RecordAction
from domain.errors import InvalidValue, TapeledgerError, UnavailableError
from models.registry import outbox, runs, store
from models.registry.fitted import Fitted, TrainedModel
from models.registry.meta import Meta, Pointer
from models.registry.mlflow_session import session
from runtime.settings import Settings

CHALLENGER = "challenger"
_logger = logging.getLogger(__name__)
_IDENTITY = "tapeledger.identity"  # set last: a version without it was not finished and is not used
_SHA256 = "tapeledger.sha256"
_HISTORY = "tapeledger.history."  # of an alias: the versions that it has meant, oldest first, as JSON


class Order(NamedTuple):
    """Who moves an alias, why, and what else an auditor wants to know of it."""

    actor: str
    reason: str
    details: Mapping[str, str] = {}


class Version(NamedTuple):
    """A finished version of the model. aliases: those that mean it."""

    version: str
    kind: str
    sha256: str
    run_id: str
    created_ms: int
    metrics: dict[str, float]
    parameters: dict[str, str]
    aliases: tuple[str, ...]


def register(settings: Settings, fitted: Fitted, actor: str = "training") -> TrainedModel:
    """Log a run, and make the model a version unless this very model is one already.

    The first version becomes the champion, for there is nothing to compare it with; a later one the challenger.
    Raises UnavailableError when MLflow is not there.
    """
    with session(settings) as client:
        _sync(settings, client)
        name = settings.model_name
        version = _find(client, name, fitted.identity())
        fresh = version is None
        run_id = runs.log(settings, client, fitted, version)
        if version is None:
            version = _new_version(settings, client, fitted, run_id)
        client.set_terminated(run_id)
        champion = _aliased(client, name, settings.model_alias)
        if champion is None:
            meta = _move(
                settings, client, version, MODEL_PROMOTED, Order(actor, "the first version: nothing judged before")
            )
            return TrainedModel(meta, fresh, settings.model_alias)
        meta, _ = _read(settings, client, version)
        if champion == version:
            return TrainedModel(meta, fresh, settings.model_alias)
        client.set_registered_model_alias(name, CHALLENGER, version)
        _point(settings, client, CHALLENGER, version)
        return TrainedModel(meta, fresh, CHALLENGER)


def promote(settings: Settings, version: str, order: Order) -> Meta:
    """Make the alias of the settings, and its pointer, mean `version`. Promoting it again changes nothing.

    Whether it should is the caller's to know: see models.registry.promotion. Raises UnavailableError when there is no
    such finished version, or MLflow is not there.
    """
    with session(settings) as client:
        _sync(settings, client)
        return _move(settings, client, version, MODEL_PROMOTED, order)


def roll_back(settings: Settings, order: Order) -> Meta:
    """Make the alias mean the version that it meant before. Raises InvalidValue when there is none."""
    with session(settings) as client:
        _sync(settings, client)
        history = _history(client, settings)
        if len(history) < 2:
            raise InvalidValue(
                "MODEL_NOTHING_BEFORE", f"{settings.model_name}@{settings.model_alias} meant no other version before"
            )
        return _move(settings, client, history[-2], MODEL_ROLLED_BACK, order)


def sync(settings: Settings) -> Pointer | None:
    """Make the pointer say what MLflow's alias says, and fetch the version's files if they are not here."""
    with session(settings) as client:
        return _sync(settings, client)


def read(settings: Settings, version: str) -> tuple[Meta, bytes]:
    """A version's meta and bytes, fetched if they are not here. Raises UnavailableError, UnreadableInput."""
    with session(settings) as client:
        return _read(settings, client, version)


def resolve(settings: Settings, alias: str) -> str | None:
    """The version that an alias means."""
    with session(settings) as client:
        return _aliased(client, settings.model_name, alias)


def note(settings: Settings, version: str, key: str, text: str) -> None:
    """Keep a text on a version."""
    with session(settings) as client:
        client.set_model_version_tag(settings.model_name, version, f"tapeledger.{key}", text)


def noted(settings: Settings, version: str, key: str) -> str | None:
    """A text that was kept on a version."""
    with session(settings) as client:
        found: str | None = client.get_model_version(settings.model_name, version).tags.get(f"tapeledger.{key}")
        return found


def versions(settings: Settings) -> list[Version]:
    """The finished versions, newest first."""
    with session(settings) as client:
        _sync(settings, client)
        aliases: dict[str, list[str]] = {}
        for alias in (settings.model_alias, CHALLENGER):
            if (meant := _aliased(client, settings.model_name, alias)) is not None:
                aliases.setdefault(meant, []).append(alias)
        found = [v for v in client.search_model_versions(f"name = '{settings.model_name}'") if _IDENTITY in v.tags]
        return [
            Version(
                version=str(v.version),
                kind=(run := client.get_run(str(v.run_id))).data.params.get("kind", ""),
                sha256=v.tags[_SHA256],
                run_id=str(v.run_id),
                created_ms=v.creation_timestamp,
                metrics=dict(run.data.metrics),
                parameters=dict(run.data.params),
                aliases=tuple(aliases.get(str(v.version), ())),
            )
            for v in sorted(found, key=lambda v: int(v.version), reverse=True)
        ]


def touch(settings: Settings, key: str, identity: str) -> int:
    """Count a look at data that is to be looked at once; how many different models have looked, this one included.

    key: what was looked at; identity: the model that did. The same model looking again is counted once.
    """
    with session(settings) as client:
        experiment = runs.experiment(settings, client)
        tag = f"tapeledger.touched.{key[:40]}"
        known = json.loads(client.get_experiment(experiment).tags.get(tag, "[]"))
        if identity[:16] not in known:
            known.append(identity[:16])
            client.set_experiment_tag(experiment, tag, json.dumps(known))
        return len(known)


def _sync(settings: Settings, client: MlflowClient) -> Pointer | None:
    name, alias = settings.model_name, settings.model_alias
    version = _aliased(client, name, alias)
    outbox.settle(settings, lambda action: _has_happened(action, alias, version))
    found = _point(settings, client, alias, version)
    if alias != CHALLENGER:
        _sync_challenger(settings, client)
    return found


def _sync_challenger(settings: Settings, client: MlflowClient) -> None:
    """A challenger that cannot be had is none here, and no reason to do without the champion."""
    name = settings.model_name
    try:
        version = _aliased(client, name, CHALLENGER)
        is_ours = version is not None and _SHA256 in client.get_model_version(name, version).tags
        _point(settings, client, CHALLENGER, version if is_ours else None)
    except (MlflowException, TapeledgerError, msgspec.DecodeError, OSError) as error:
        _logger.warning("the challenger of %s cannot be fetched: %s", name, error)
        store.unpoint(settings, name, CHALLENGER)


def _point(settings: Settings, client: MlflowClient, alias: str, version: str | None) -> Pointer | None:
    """Make an alias's pointer say `version`, whose files are fetched first; None: nothing."""
    if version is None:
        store.unpoint(settings, settings.model_name, alias)
        return None
    wanted = Pointer(version=version, sha256=_fetch(settings, client, version))
    if store.pointer(settings, settings.model_name, alias) != wanted:
        store.point(settings, settings.model_name, alias, wanted)
    return wanted


def _has_happened(action: RecordAction, alias: str, version: str | None) -> bool:
    return action.details.get("alias") != alias or action.details.get("version") == version


def _move(settings: Settings, client: MlflowClient, version: str, action: str, order: Order) -> Meta:
    name, alias = settings.model_name, settings.model_alias
    meta, _ = _read(settings, client, version)
    before = _aliased(client, name, alias)
    if before != version:
        details = {**order.details, "alias": alias, "version": version, "before": before or "", "sha256": meta.sha256}
        begun = outbox.begin(settings, action, name, order.actor, order.reason, details)
        store.unpoint(settings, name, alias)
        history = _history(client, settings)
        history = history[:-1] if action == MODEL_ROLLED_BACK else [*history, version]
        client.set_registered_model_tag(name, _HISTORY + alias, json.dumps(history))
        client.set_registered_model_alias(name, alias, version)
        if alias != CHALLENGER and _aliased(client, name, CHALLENGER) == version:
            client.delete_registered_model_alias(name, CHALLENGER)
            store.unpoint(settings, name, CHALLENGER)
        outbox.done(settings, begun.action_id)
    store.point(settings, name, alias, Pointer(version=version, sha256=meta.sha256))
    return meta


def _history(client: MlflowClient, settings: Settings) -> list[str]:
    """The versions that the alias has meant, without those that were rolled back; the newest is what it means now."""
    tags = client.get_registered_model(settings.model_name).tags
    history: list[str] = json.loads(tags.get(_HISTORY + settings.model_alias, "[]"))
    now = _aliased(client, settings.model_name, settings.model_alias)
    while now is not None and history and history[-1] != now and now in history:
        history.pop()  # a crash after the tag and before the alias
    return history if now is None or now in history[-1:] else [*history, now]


def _aliased(client: MlflowClient, name: str, alias: str) -> str | None:
    for model in client.search_registered_models(f"name = '{name}'"):
        found = model.aliases.get(alias)
        return None if found is None else str(found)
    return None


def _find(client: MlflowClient, name: str, identity: str) -> str | None:
    """The newest finished version that is this very model."""
    found = [v for v in client.search_model_versions(f"name = '{name}'") if v.tags.get(_IDENTITY) == identity]
    return str(max(found, key=lambda v: int(v.version)).version) if found else None


def _read(settings: Settings, client: MlflowClient, version: str) -> tuple[Meta, bytes]:
    _fetch(settings, client, version)
    return store.read(settings, settings.model_name, version)


def _fetch(settings: Settings, client: MlflowClient, version: str) -> str:
    """See that a version's files are here; gives their model's SHA-256 as the registry has it."""
    found = client.get_model_version(settings.model_name, version)
    if _SHA256 not in found.tags:
        raise UnavailableError(f"version {version} of {settings.model_name} was not made by `tape models train`")
    if not store.exported(settings, settings.model_name, version):
        with TemporaryDirectory() as folder:
            got = Path(client.download_artifacts(str(found.run_id), runs.EXPORT, folder))
            meta = msgspec.json.decode((got / "meta.json").read_bytes(), type=Meta)
            store.export(settings, meta, (got / "model.bin").read_bytes())
    return str(found.tags[_SHA256])


def _new_version(settings: Settings, client: MlflowClient, fitted: Fitted, run_id: str) -> str:
    name = settings.model_name
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    with runs.logged_model(settings, fitted, run_id) as logged:
        made = client.create_model_version(name, logged.model_uri, run_id, model_id=logged.model_id)
    version = str(made.version)
    meta = fitted.meta(name, version, run_id)
    folder = store.export(settings, meta, fitted.model)
    client.log_artifacts(run_id, str(folder), runs.EXPORT)
    client.set_model_version_tag(name, version, _SHA256, meta.sha256)
    client.set_model_version_tag(name, version, _IDENTITY, fitted.identity())
    return version
