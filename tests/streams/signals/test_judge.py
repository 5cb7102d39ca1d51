"""Which model judges: the one the run began with, until somebody says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import UnreadableInput
from runtime.settings import Settings
from streams.signals.judge import StoredJudges
from tests.streams.signals.conftest import StoreModel


def judges(home: Path, model_version: str = "") -> StoredJudges:
    return StoredJudges(Settings(_env_file=None, tape_home=home, model_version=model_version))


def version(found: StoredJudges, name: str = "", pinned: str = "") -> str | None:
    judge = found.judge(name, pinned)
    return None if judge is None else judge.version


def test_the_alias_decides_at_first(tmp_path: Path, store_model: StoreModel) -> None:
    """A partition that has no opinion yet gets the version that the alias means."""
    store_model(tmp_path, "1")
    store_model(tmp_path, "2")

    assert version(judges(tmp_path)) == "2"


def test_the_tape_decides_after_that(tmp_path: Path, store_model: StoreModel) -> None:
    """Once the tape names a version it stays, though the alias has moved on and the worker was restarted."""
    store_model(tmp_path, "1")
    store_model(tmp_path, "2")

    assert version(judges(tmp_path), "xgboost", "1") == "1"


def test_the_operator_decides_over_both(tmp_path: Path, store_model: StoreModel) -> None:
    """The setting moves a running system to another version."""
    store_model(tmp_path, "1")
    store_model(tmp_path, "2")

    assert version(judges(tmp_path, model_version="2"), "xgboost", "1") == "2"


def test_another_name_is_no_pin(tmp_path: Path, store_model: StoreModel) -> None:
    """Signals of a model of another name do not pin a version of this one."""
    store_model(tmp_path, "1")
    store_model(tmp_path, "2")

    assert version(judges(tmp_path), "lightgbm", "1") == "2"


def test_a_process_keeps_its_version(tmp_path: Path, store_model: StoreModel) -> None:
    """The alias is looked up once a process: partitions that begin later get the same version."""
    store_model(tmp_path, "1")
    found = judges(tmp_path)
    before = version(found)
    store_model(tmp_path, "2")

    assert (before, version(found)) == ("1", "1")


def test_a_missing_model_is_found_when_it_comes(
    tmp_path: Path, store_model: StoreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was there before the model abstains, and takes the model up once it is trained."""
    monkeypatch.setattr("streams.signals.judge._RETRY_S", 0.0)
    found = judges(tmp_path)
    before = version(found)
    store_model(tmp_path, "1")

    assert (before, version(found)) == (None, "1")


def test_a_pinned_version_is_not_replaced(tmp_path: Path, store_model: StoreModel) -> None:
    """Where the version that the tape names is gone, the agent abstains rather than go on with another."""
    store_model(tmp_path, "2")

    assert version(judges(tmp_path), "xgboost", "1") is None


def test_a_damaged_model_stops_the_agent(tmp_path: Path, store_model: StoreModel) -> None:
    """A model whose bytes were changed is an error, not an abstention."""
    store_model(tmp_path, "1")
    file = tmp_path / "models" / "xgboost" / "1" / "model.ubj"
    file.write_bytes(file.read_bytes()[:-1] + b"?")

    with pytest.raises(UnreadableInput, match="damaged"):
        judges(tmp_path).judge("", "")
