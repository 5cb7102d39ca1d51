"""Which model judges: what the alias means, followed while the worker runs, unless the operator names a version."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import UnreadableInput
from models.engine.engine import Engine
from models.registry import store
from runtime.settings import Settings
from streams.signals.judge import StoredJudges
from tests.streams.signals.conftest import StoreModel


def judges(home: Path, model_version: str = "") -> StoredJudges:
    settings = Settings(_env_file=None, tape_home=home, model_version=model_version, model_refresh_ms=0)
    return StoredJudges(settings, Engine(settings))


def version(found: StoredJudges, name: str = "", newest: str = "") -> str | None:
    judge = found.judge(name, newest)
    return None if judge is None else judge.version


def test_the_alias_decides(tmp_path: Path, store_model: StoreModel) -> None:
    """Whatever version the tape names: a promotion counts from the next bar on, and the event says so."""
    store_model(tmp_path, "1")
    store_model(tmp_path, "2")
    found = judges(tmp_path)

    assert (version(found), version(found, "signals", "1")) == ("2", "2")


def test_a_promotion_reaches_a_running_worker(tmp_path: Path, store_model: StoreModel) -> None:
    """The alias moves, and so does the next judge; back again too."""
    store_model(tmp_path, "1")
    found = judges(tmp_path)
    before = version(found)
    store_model(tmp_path, "2")
    promoted = version(found)
    store_model(tmp_path, "1")

    assert (before, promoted, version(found)) == ("1", "2", "1")


def test_the_operator_decides_over_both(tmp_path: Path, store_model: StoreModel) -> None:
    """The setting holds a system to one version."""
    store_model(tmp_path, "1")
    store_model(tmp_path, "2")

    assert version(judges(tmp_path, model_version="1"), "signals", "2") == "1"


def test_without_an_alias_the_tape_decides(tmp_path: Path, store_model: StoreModel) -> None:
    """Where the pointer was lost, the version that judged last goes on; another model's version does not."""
    store_model(tmp_path, "1")
    store.unpoint(Settings(_env_file=None, tape_home=tmp_path), "signals", "champion")

    assert version(judges(tmp_path), "signals", "1") == "1"
    assert version(judges(tmp_path), "lightgbm", "1") is None
    assert version(judges(tmp_path)) is None


def test_a_missing_model_is_found_when_it_comes(
    tmp_path: Path, store_model: StoreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was there before the model abstains, and takes the model up once it is trained."""
    monkeypatch.setattr("streams.signals.judge._RETRY_S", 0.0)
    found = judges(tmp_path)
    before = version(found)
    store_model(tmp_path, "1")

    assert (before, version(found)) == (None, "1")


def test_the_rule_of_a_model_that_is_gone_is_not_known(tmp_path: Path, store_model: StoreModel) -> None:
    """Outcomes need the rule of the model that spoke: of one that is not there any more nothing is made up."""
    store_model(tmp_path, "1")
    found = judges(tmp_path)

    assert found.known("signals", "1") is not None
    assert found.known("signals", "2") is None
    assert found.known("", "") is None


def test_a_damaged_model_stops_the_agent(tmp_path: Path, store_model: StoreModel) -> None:
    """A model whose bytes were changed is an error, not an abstention."""
    store_model(tmp_path, "1")
    damage(tmp_path, "1")

    with pytest.raises(UnreadableInput, match="damaged"):
        judges(tmp_path).judge("", "")


def test_a_damaged_successor_leaves_the_last_good_model(tmp_path: Path, store_model: StoreModel) -> None:
    """Once a model judges, an alias that moves to one that cannot be read is told, and the good one goes on."""
    store_model(tmp_path, "1")
    settings = Settings(_env_file=None, tape_home=tmp_path, model_refresh_ms=0)
    engine = Engine(settings)
    found = StoredJudges(settings, engine)
    before = version(found)
    store_model(tmp_path, "2")
    damage(tmp_path, "2")

    assert (before, version(found)) == ("1", "1")
    assert "damaged" in (engine.problem or "")


def damage(home: Path, version: str) -> None:
    file = home / "models" / "signals" / version / "model.bin"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
