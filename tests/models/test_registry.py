"""MLflow's alias and the pointer file that workers read: always the same champion, whatever crashes in between."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from domain.errors import UnavailableError
from models import predictor, registry, store
from models.classes import CLASSES
from models.features import FEATURE_NAMES
from models.store import Thresholds
from models.training import Fitted
from runtime.settings import Settings

mlflow = registry.mlflow
MlflowClient = registry.MlflowClient


@pytest.fixture
def other(fitted: Fitted) -> Fitted:
    """A second model: the same trees with stricter thresholds."""
    return fitted._replace(thresholds=Thresholds(buy=0.9, sell=0.9))


def client(settings: Settings) -> MlflowClient:
    uri = settings.mlflow_tracking_uri or f"sqlite:///{registry.database(settings)}"
    return MlflowClient(uri, uri)


def aliased(settings: Settings) -> str:
    """What MLflow itself says the alias means."""
    return str(client(settings).get_model_version_by_alias(settings.model_name, settings.model_alias).version)


def pointed(settings: Settings) -> str | None:
    pointer = store.pointer(settings, settings.model_name, settings.model_alias)
    return None if pointer is None else pointer.version


def test_a_trained_model_becomes_the_champion(model_settings: Settings, fitted: Fitted) -> None:
    """After registering, MLflow's alias, the pointer and what `load` gives are one version with the trained bytes."""
    trained = registry.register(model_settings, fitted)

    assert (trained.fresh, trained.meta.version) == (True, "1")
    assert aliased(model_settings) == pointed(model_settings) == predictor.load(model_settings).version == "1"
    assert store.read(model_settings, model_settings.model_name, "1") == (trained.meta, fitted.model)
    assert predictor.available(model_settings)


def test_a_run_records_what_the_model_is_made_of(model_settings: Settings, fitted: Fitted) -> None:
    """Parameters, metrics, data hash, code version, features and range stand in the run; the model has a signature."""
    meta = registry.register(model_settings, fitted).meta

    run = client(model_settings).get_run(meta.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == pytest.approx(fitted.metrics)
    known = run.data.params
    assert (known["n_estimators"], known["max_depth"], known["n_jobs"]) == ("200", "6", "1")
    assert (known["data_hash"], known["code_version"]) == (fitted.data_hash, fitted.code_version)
    assert known["features"].split(",") == list(FEATURE_NAMES)
    assert (known["trained_from"], known["trained_to"]) == (
        fitted.trained_from.isoformat(),
        fitted.trained_to.isoformat(),
    )
    assert float(known["threshold_buy"]) == fitted.thresholds.buy
    signature = mlflow.models.get_model_info(f"models:/{meta.name}/{meta.version}").signature
    assert signature.inputs.inputs[0].shape == (-1, len(FEATURE_NAMES))
    assert signature.outputs.inputs[0].shape == (-1, len(CLASSES))


def test_mlflows_own_copy_predicts_alike(model_settings: Settings, fitted: Fitted) -> None:
    """The model loaded through MLflow by its alias gives the numbers of the plain file."""
    registry.register(model_settings, fitted)
    rows = np.random.default_rng(4).normal(0, 0.05, (20, len(FEATURE_NAMES)))

    theirs = mlflow.xgboost.load_model(f"models:/{model_settings.model_name}@champion")

    expected = theirs.inplace_predict(rows, validate_features=False)
    ours = predictor.load(model_settings).predict_many(
        [dict(zip(FEATURE_NAMES, row, strict=True)) for row in rows.tolist()]
    )
    np.testing.assert_allclose([[p[c] for c in CLASSES] for p in ours], expected, atol=1e-6)


def test_the_same_model_again_is_no_new_version(model_settings: Settings, fitted: Fitted, other: Fitted) -> None:
    """Training that gives what is there already names the same version; the run is recorded all the same."""
    first = registry.register(model_settings, fitted)
    second = registry.register(model_settings, other)
    again = registry.register(model_settings, fitted)

    assert [(t.meta.version, t.fresh) for t in (first, second, again)] == [("1", True), ("2", True), ("1", False)]
    assert again.meta == first.meta
    assert aliased(model_settings) == pointed(model_settings) == "1"
    assert [(v.version, v.champion) for v in registry.versions(model_settings)] == [("2", False), ("1", True)]
    experiment = client(model_settings).get_experiment_by_name(registry.EXPERIMENT)
    assert experiment is not None
    newest = client(model_settings).search_runs([experiment.experiment_id], max_results=1)[0]
    assert newest.data.tags["tapeledger.same_as_version"] == "1"
    assert newest.info.status == "FINISHED"


def test_promotion_moves_alias_and_pointer_together(model_settings: Settings, fitted: Fitted, other: Fitted) -> None:
    """Going back to an older version changes both, and what is loaded."""
    registry.register(model_settings, fitted)
    registry.register(model_settings, other)
    assert predictor.load(model_settings).thresholds == other.thresholds

    registry.promote(model_settings, "1")

    assert aliased(model_settings) == pointed(model_settings) == "1"
    assert predictor.load(model_settings).thresholds == fitted.thresholds


def test_an_unknown_version_is_not_promoted(model_settings: Settings, fitted: Fitted) -> None:
    """A version that does not exist changes nothing."""
    registry.register(model_settings, fitted)

    with pytest.raises(UnavailableError, match="version=7"):
        registry.promote(model_settings, "7")

    assert aliased(model_settings) == pointed(model_settings) == "1"


@pytest.mark.parametrize("moment", ["before the alias", "after the alias", "after the pointer"])
def test_a_crash_during_promotion_leaves_no_difference(
    model_settings: Settings, fitted: Fitted, other: Fitted, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Killed at any step of a promotion, the next load serves what MLflow's alias says, and so does the pointer."""
    registry.register(model_settings, fitted)
    registry.register(model_settings, other)

    class Killed(BaseException):
        """Stands for the process's end: nothing catches it."""

    set_alias, point = MlflowClient.set_registered_model_alias, store.point

    def dying_alias(self: MlflowClient, *args: str) -> None:
        if moment == "after the alias":
            set_alias(self, *args)
        raise Killed

    def dying_point(*args: object) -> None:
        point(*args)  # type: ignore[arg-type]
        raise Killed

    with monkeypatch.context() as patch:
        if moment == "after the pointer":
            patch.setattr(store, "point", dying_point)
        else:
            patch.setattr(MlflowClient, "set_registered_model_alias", dying_alias)
        with pytest.raises(Killed):
            registry.promote(model_settings, "1")

    expected = "2" if moment == "before the alias" else "1"
    assert pointed(model_settings) in {None, expected}
    assert aliased(model_settings) == expected
    assert predictor.available(model_settings)
    assert predictor.load(model_settings).version == expected
    assert pointed(model_settings) == expected


def test_a_crash_while_registering_leaves_no_half_version(
    model_settings: Settings, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version whose files did not get stored is never used, and the next training makes a whole one."""
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_artifacts", lambda *args: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            registry.register(model_settings, fitted)
    assert not predictor.available(model_settings)
    assert registry.versions(model_settings) == []

    trained = registry.register(model_settings, fitted)

    assert (trained.fresh, trained.meta.version) == (True, "2")
    assert predictor.load(model_settings).version == "2"


def test_an_alias_moved_elsewhere_counts_from_the_next_sync(
    model_settings: Settings, fitted: Fitted, other: Fitted
) -> None:
    """Moved or removed in MLflow itself, the alias is copied to the pointer by `sync`."""
    registry.register(model_settings, fitted)
    registry.register(model_settings, other)
    own = client(model_settings)

    own.set_registered_model_alias(model_settings.model_name, "champion", "1")
    assert registry.sync(model_settings) == store.pointer(model_settings, model_settings.model_name, "champion")
    assert pointed(model_settings) == "1"

    own.delete_registered_model_alias(model_settings.model_name, "champion")
    assert registry.sync(model_settings) is None
    assert not predictor.available(model_settings)


def test_lost_files_come_back_from_mlflow(model_settings: Settings, fitted: Fitted) -> None:
    """When the plain files and the pointer are gone, the next load fetches the same bytes from MLflow's own store."""
    meta = registry.register(model_settings, fitted).meta
    shutil.rmtree(store.root(model_settings, model_settings.model_name))

    assert predictor.load(model_settings).version == "1"
    assert store.read(model_settings, model_settings.model_name, "1") == (meta, fitted.model)


def test_another_mlflow_is_asked_at_each_load(
    model_settings: Settings, fitted: Fitted, other: Fitted, tmp_path: Path
) -> None:
    """With a tracking address of its own, a worker with an empty home fetches the champion, and sees it change."""
    uri = f"sqlite:///{registry.database(model_settings)}"
    trainer = model_settings.model_copy(update={"mlflow_tracking_uri": uri})
    worker = trainer.model_copy(update={"tape_home": tmp_path})
    assert not predictor.available(worker)

    registry.register(trainer, fitted)
    assert predictor.load(worker).thresholds == fitted.thresholds
    registry.register(trainer, other)

    assert predictor.load(worker).thresholds == other.thresholds


def test_a_dead_mlflow_leaves_the_champion_known_last(
    model_settings: Settings,
    fitted: Fitted,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """When the server does not answer, a known champion serves on with a warning; without one it is a clear error."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    registry.register(model_settings, fitted)
    dead = model_settings.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:9"})

    with caplog.at_level(logging.WARNING):
        assert predictor.load(dead).version == "1"
    assert "champion known last" in caplog.text
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9"):
        predictor.load(dead.model_copy(update={"tape_home": tmp_path}))
