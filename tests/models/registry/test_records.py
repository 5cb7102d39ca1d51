"""MLflow's alias and the pointer file that workers read: always the same champion, whatever crashes in between."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from domain.errors import InvalidValue, UnavailableError
from models.classes import CLASSES
from models.engine import engine
from models.features import FEATURE_NAMES
from models.registry import mlflow_session, outbox, records, runs, store
from models.registry.fitted import Fitted, TrialRecord
from models.registry.meta import Thresholds
from models.registry.records import Order
from runtime.settings import Settings

mlflow = mlflow_session.mlflow
MlflowClient = mlflow_session.MlflowClient
BY_HAND = Order("ann", "a test")


@pytest.fixture
def other(fitted: Fitted) -> Fitted:
    """A second model: the same trees with stricter thresholds."""
    return replace(fitted, thresholds=Thresholds(buy=0.9, sell=0.9))


def client(settings: Settings) -> MlflowClient:
    uri = settings.mlflow_tracking_uri or f"sqlite:///{mlflow_session.database(settings)}"
    return MlflowClient(uri, uri)


def aliased(settings: Settings) -> str:
    """What MLflow itself says the alias means."""
    return str(client(settings).get_model_version_by_alias(settings.model_name, settings.model_alias).version)


def pointed(settings: Settings, alias: str = "") -> str | None:
    pointer = store.pointer(settings, settings.model_name, alias or settings.model_alias)
    return None if pointer is None else pointer.version


def test_a_trained_model_becomes_the_champion(model_settings: Settings, fitted: Fitted) -> None:
    """After registering, MLflow's alias, the pointer and what `load` gives are one version with the trained bytes."""
    trained = records.register(model_settings, fitted)

    assert (trained.fresh, trained.meta.version) == (True, "1")
    assert aliased(model_settings) == pointed(model_settings) == engine.load(model_settings).version == "1"
    assert store.read(model_settings, model_settings.model_name, "1") == (trained.meta, fitted.model)
    assert engine.available(model_settings)


def test_a_run_records_what_the_model_is_made_of(model_settings: Settings, fitted: Fitted) -> None:
    """Parameters, metrics, data hash, code version, features and range stand in the run; the model has a signature."""
    meta = records.register(model_settings, fitted).meta

    run = client(model_settings).get_run(meta.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == pytest.approx(fitted.metrics)
    known = run.data.params
    assert (known["kind"], known["model_n_estimators"], known["model_max_depth"]) == ("xgboost", "30", "4")
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
    """The model loaded through MLflow by its alias gives the numbers of the plain files, calibration included."""
    records.register(model_settings, fitted)
    rows = np.random.default_rng(4).normal(0, 0.05, (20, len(FEATURE_NAMES)))

    theirs = mlflow.pyfunc.load_model(f"models:/{model_settings.model_name}@champion")

    ours = engine.load(model_settings).probabilities(rows[:, np.newaxis, :])
    np.testing.assert_array_equal(theirs.predict(rows), ours)


def test_the_first_model_is_the_champion_and_a_later_one_the_challenger(
    model_settings: Settings, fitted: Fitted, other: Fitted
) -> None:
    """Nothing but a promotion takes the champion's place. The same model again is no new version."""
    first = records.register(model_settings, fitted)
    second = records.register(model_settings, other)
    assert pointed(model_settings, records.CHALLENGER) == "2"  # at once, not when somebody looks next
    again = records.register(model_settings, fitted)

    made = [(one.meta.version, one.fresh, one.alias) for one in (first, second, again)]
    assert made == [("1", True, "champion"), ("2", True, "challenger"), ("1", False, "champion")]
    assert pointed(model_settings, records.CHALLENGER) == "2"
    assert again.meta == first.meta
    assert aliased(model_settings) == pointed(model_settings) == "1"
    found = [(v.version, v.kind, v.aliases) for v in records.versions(model_settings)]
    assert found == [("2", "xgboost", ("challenger",)), ("1", "xgboost", ("champion",))]
    experiment = client(model_settings).get_experiment_by_name(runs.EXPERIMENT)
    assert experiment is not None
    newest = client(model_settings).search_runs([experiment.experiment_id], max_results=1)[0]
    assert newest.data.tags["tapeledger.same_as_version"] == "1"
    assert newest.info.status == "FINISHED"


def test_promotion_and_rollback_move_alias_and_pointer_together(
    model_settings: Settings, fitted: Fitted, other: Fitted
) -> None:
    """A promotion changes alias, pointer and what is loaded; the rollback takes it back; before that is nothing."""
    records.register(model_settings, fitted)
    records.register(model_settings, other)

    records.promote(model_settings, "2", BY_HAND)
    assert aliased(model_settings) == pointed(model_settings) == "2"
    assert engine.load(model_settings).thresholds == other.thresholds
    assert records.resolve(model_settings, records.CHALLENGER) is None
    assert pointed(model_settings, records.CHALLENGER) is None

    records.roll_back(model_settings, BY_HAND)
    assert aliased(model_settings) == pointed(model_settings) == "1"
    assert engine.load(model_settings).thresholds == fitted.thresholds
    with pytest.raises(InvalidValue, match="meant no other version before"):
        records.roll_back(model_settings, BY_HAND)


def test_a_challenger_named_elsewhere_gets_its_pointer(model_settings: Settings, fitted: Fitted, other: Fitted) -> None:
    """As the champion's: by MLflow's own pages. A version that training did not make is no challenger here."""
    records.register(model_settings, fitted)
    records.register(model_settings, other)
    name, own = model_settings.model_name, client(model_settings)
    store.unpoint(model_settings, name, records.CHALLENGER)
    records.sync(model_settings)
    assert pointed(model_settings, records.CHALLENGER) == "2"

    foreign = own.create_model_version(name, "file:///nowhere")
    own.set_registered_model_alias(name, records.CHALLENGER, foreign.version)
    records.sync(model_settings)
    assert pointed(model_settings, records.CHALLENGER) is None
    assert pointed(model_settings) == "1"


def test_a_challenger_whose_files_are_gone_takes_nothing_from_the_champion(
    model_settings: Settings, fitted: Fitted, other: Fitted, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told of and has no pointer; the champion is what it was, on a machine that has neither yet."""
    records.register(model_settings, fitted)
    run_id = records.register(model_settings, other).meta.run_id
    uri = urlsplit(client(model_settings).get_run(run_id).info.artifact_uri)
    shutil.rmtree(uri.path)
    for version in ("1", "2"):
        shutil.rmtree(store.root(model_settings, model_settings.model_name) / version)

    found = records.sync(model_settings)

    assert found is not None
    assert found.version == pointed(model_settings) == "1"
    assert engine.load(model_settings).meta.version == "1"
    assert pointed(model_settings, records.CHALLENGER) is None
    assert "the challenger of" in caplog.text


def test_every_move_of_the_alias_waits_to_be_recorded(model_settings: Settings, fitted: Fitted, other: Fitted) -> None:
    """Who moved it, why, from where to where, and the hash of what judges now; a promotion of the champion is none."""
    records.register(model_settings, fitted)
    records.register(model_settings, other)
    records.promote(model_settings, "2", Order("ann", "better in spring", {"samples": "250"}))
    records.promote(model_settings, "2", BY_HAND)
    records.roll_back(model_settings, Order("bob", "a bug"))

    subject = f"model:{model_settings.model_name}"
    told = [one for one in outbox.waiting(model_settings) if one.subject == subject]
    assert [(one.action, one.actor, one.reason) for one in told] == [
        ("model.promoted", "training", "the first version: nothing judged before"),
        ("model.promoted", "ann", "better in spring"),
        ("model.rolled_back", "bob", "a bug"),
    ]
    assert [(one.details["before"], one.details["version"]) for one in told] == [("", "1"), ("1", "2"), ("2", "1")]
    assert told[1].details["samples"] == "250"
    assert told[2].details["sha256"] == store.sha256(fitted.model)


def test_a_hold_out_s_looks_are_counted_by_who_looks(model_settings: Settings) -> None:
    """The same plan looking again learns nothing new; another plan, or another hold-out, is another look."""
    key = f"{model_settings.model_name}{'a' * 40}"

    looks = [records.touch(model_settings, key, who) for who in ("xgboost 1", "xgboost 1", "lightgbm 7")]

    assert looks == [1, 1, 2]
    assert records.touch(model_settings, f"{model_settings.model_name}{'b' * 40}", "xgboost 1") == 1


def test_every_trial_is_a_run_below_the_trainings_own(model_settings: Settings, fitted: Fitted) -> None:
    """Finished, pruned and failed ones alike, with what was tried and what came of it."""
    trials = (
        TrialRecord(0, "COMPLETE", {"max_depth": 3}, {"loss": 1.05}),
        TrialRecord(1, "PRUNED", {"max_depth": 8}, {"loss_0": 1.2}),
        TrialRecord(2, "FAILED", {"max_depth": 2, "error": "no sample is BUY"}, {}),
    )

    meta = records.register(model_settings, replace(fitted, trials=trials)).meta

    own = client(model_settings)
    experiment = own.get_experiment_by_name(runs.EXPERIMENT)
    assert experiment is not None
    found = own.search_runs([experiment.experiment_id], f"tags.mlflow.parentRunId = '{meta.run_id}'")
    said = {run.data.tags["tapeledger.trial"]: run for run in found}
    assert {number: run.data.tags["tapeledger.trial_state"] for number, run in said.items()} == {
        "0": "COMPLETE",
        "1": "PRUNED",
        "2": "FAILED",
    }
    assert (said["0"].data.params["max_depth"], said["0"].data.metrics["loss"]) == ("3", 1.05)
    assert (said["2"].info.status, said["2"].data.params["error"]) == ("FAILED", "no sample is BUY")


def test_the_plots_and_scores_are_files_of_the_run(model_settings: Settings, fitted: Fitted) -> None:
    """What training drew can be opened from the run."""
    meta = records.register(model_settings, fitted).meta

    own = client(model_settings)
    names = {file.path for folder in ("plots", "scores") for file in own.list_artifacts(meta.run_id, folder)}
    assert names == {name for name in fitted.artifacts if "/" in name}
    assert "plots/roc_folds.png" in names


def test_an_unknown_version_is_not_promoted(model_settings: Settings, fitted: Fitted) -> None:
    """A version that does not exist changes nothing."""
    records.register(model_settings, fitted)

    with pytest.raises(UnavailableError, match="version=7"):
        records.promote(model_settings, "7", BY_HAND)

    assert aliased(model_settings) == pointed(model_settings) == "1"


@pytest.mark.parametrize("moment", ["before the alias", "after the alias", "after the pointer"])
def test_a_crash_during_promotion_leaves_no_difference(
    model_settings: Settings, fitted: Fitted, other: Fitted, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Killed at any step of a promotion, the next load serves what MLflow's alias says, and so does the pointer."""
    records.register(model_settings, other)
    records.register(model_settings, fitted)

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
            records.promote(model_settings, "2", BY_HAND)

    expected = "1" if moment == "before the alias" else "2"
    assert pointed(model_settings) in {None, expected}
    assert aliased(model_settings) == expected
    assert engine.available(model_settings)
    assert engine.load(model_settings).version == expected
    assert pointed(model_settings) == expected
    subject = f"model:{model_settings.model_name}"
    told = [one.details["version"] for one in outbox.waiting(model_settings) if one.subject == subject]
    assert told == ["1", "2"][: int(expected)]
    records.promote(model_settings, "2", BY_HAND)
    records.roll_back(model_settings, BY_HAND)
    assert aliased(model_settings) == "1"


def test_a_crash_while_registering_leaves_no_half_version(
    model_settings: Settings, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version whose files did not get stored is never used, and the next training makes a whole one."""
    log = MlflowClient.log_artifacts

    def full(self: MlflowClient, *args: str) -> None:
        if args[-1] == runs.EXPORT:
            raise OSError("disk full")
        log(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_artifacts", full)
        with pytest.raises(OSError, match="disk full"):
            records.register(model_settings, fitted)
    assert not engine.available(model_settings)
    assert records.versions(model_settings) == []

    trained = records.register(model_settings, fitted)

    assert (trained.fresh, trained.meta.version) == (True, "2")
    assert engine.load(model_settings).version == "2"


def test_an_alias_moved_elsewhere_counts_from_the_next_sync(
    model_settings: Settings, fitted: Fitted, other: Fitted
) -> None:
    """Moved or removed in MLflow itself, the alias is copied to the pointer by `sync`."""
    records.register(model_settings, fitted)
    records.register(model_settings, other)
    own = client(model_settings)

    own.set_registered_model_alias(model_settings.model_name, "champion", "2")
    assert records.sync(model_settings) == store.pointer(model_settings, model_settings.model_name, "champion")
    assert pointed(model_settings) == "2"

    own.delete_registered_model_alias(model_settings.model_name, "champion")
    assert records.sync(model_settings) is None
    assert not engine.available(model_settings)


def test_lost_files_come_back_from_mlflow(model_settings: Settings, fitted: Fitted) -> None:
    """When the plain files and the pointer are gone, the next load fetches the same bytes from MLflow's own store."""
    meta = records.register(model_settings, fitted).meta
    shutil.rmtree(store.root(model_settings, model_settings.model_name))

    assert engine.load(model_settings).version == "1"
    assert store.read(model_settings, model_settings.model_name, "1") == (meta, fitted.model)


def test_another_mlflow_is_asked_at_each_load(
    model_settings: Settings, fitted: Fitted, other: Fitted, tmp_path: Path
) -> None:
    """With a tracking address of its own, a worker with an empty home fetches the champion, and sees it change."""
    uri = f"sqlite:///{mlflow_session.database(model_settings)}"
    trainer = model_settings.model_copy(update={"mlflow_tracking_uri": uri})
    worker = trainer.model_copy(update={"tape_home": tmp_path})
    assert not engine.available(worker)

    records.register(trainer, fitted)
    assert engine.load(worker).thresholds == fitted.thresholds
    records.register(trainer, other)
    records.promote(trainer, "2", BY_HAND)

    assert engine.load(worker).thresholds == other.thresholds


def test_a_dead_mlflow_leaves_the_champion_known_last(
    model_settings: Settings,
    fitted: Fitted,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """When the server does not answer, a known champion serves on with a warning; without one it is a clear error."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    records.register(model_settings, fitted)
    dead = model_settings.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:9"})

    with caplog.at_level(logging.WARNING):
        assert engine.load(dead).version == "1"
    assert "serves on" in caplog.text
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9"):
        engine.load(dead.model_copy(update={"tape_home": tmp_path}))


def test_the_environment_is_left_as_it_was(
    model_settings: Settings, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow writes its address there; whoever reads settings later in this process must not find it."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    records.register(model_settings, fitted)
    assert "MLFLOW_TRACKING_URI" not in os.environ

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    records.versions(model_settings)
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:9"
