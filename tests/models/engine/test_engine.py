"""The engine: each version loaded once, the alias followed, and the last good model serving whatever happens to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from domain.errors import InvalidValue, UnavailableError
from models.engine import engine as engine_module
from models.engine.engine import Engine
from models.registry import Pointer, Thresholds, records, store
from models.registry.fitted import Fitted
from runtime.settings import Settings

Put = Callable[[str, Fitted], None]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tape_home=tmp_path, mlflow_tracking_uri="", model_refresh_ms=0)


@pytest.fixture
def put(settings: Settings) -> Put:
    """Store a version and point the alias at it, as a promotion does."""

    def write(version: str, fitted: Fitted) -> None:
        meta = fitted.meta("signals", version, "run")
        store.export(settings, meta, fitted.model)
        store.point(settings, "signals", "champion", Pointer(version=version, sha256=meta.sha256))

    return write


def test_the_alias_is_followed_and_models_are_loaded_once(
    settings: Settings, put: Put, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same version is the same object; when the alias moves the other one is loaded, once."""
    loaded: list[str] = []
    real = engine_module.predictor
    monkeypatch.setattr(engine_module, "predictor", lambda meta, data: loaded.append(meta.version) or real(meta, data))
    put("1", fitted)
    engine = Engine(settings)
    first, again = engine.champion(), engine.champion()
    put("2", replace(fitted, thresholds=Thresholds(buy=0.9, sell=0.9)))
    second = engine.champion()

    assert first is again is not second
    assert (first and first.version, second and second.version) == ("1", "2")
    assert engine.version("2") is second
    assert loaded == ["1", "2"]


def test_the_alias_is_not_looked_at_more_often_than_asked(settings: Settings, put: Put, fitted: Fitted) -> None:
    """Within `model_refresh_ms` the model that was there serves, without a look at the disk."""
    put("1", fitted)
    engine = Engine(settings.model_copy(update={"model_refresh_ms": 3_600_000}))
    before = engine.champion()
    put("2", fitted)

    assert engine.champion() is before


def test_without_a_model_there_is_none(settings: Settings, put: Put, fitted: Fitted) -> None:
    """And it is taken up when it comes; a version that is not there is a clear error."""
    engine = Engine(settings)

    assert engine.champion() is None
    with pytest.raises(UnavailableError, match="no model"):
        engine.version("7")
    put("1", fitted)
    assert engine.champion() is not None


@pytest.mark.parametrize("version", ["", "latest", "../1", "1/../2", "-1", "½"])
def test_a_version_is_a_number(settings: Settings, version: str) -> None:
    """A name that comes from outside never becomes a path."""
    with pytest.raises(InvalidValue, match="a model's version is a number"):
        Engine(settings).version(version)


def test_few_versions_are_held(settings: Settings, put: Put, fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one asked for longest ago makes room: memory has a bound, whatever tapes and requests name."""
    monkeypatch.setattr(engine_module, "VERSIONS_HELD_MAX", 2)
    for version in ("1", "2", "3", "4"):
        put(version, fitted)
    engine = Engine(settings)
    first = engine.version("1")
    engine.version("2")
    assert engine.version("1") is first
    engine.version("3")

    assert engine.version("1") is first
    assert len(engine._held) == 2


def test_predictions_from_many_threads_while_the_alias_moves(settings: Settings, put: Put, fitted: Fitted) -> None:
    """No call fails, and each answer is that of one of the two models."""
    put("1", fitted)
    put("2", replace(fitted, calibration=type(fitted.calibration)(slope=0.5)))
    engine = Engine(settings)
    row = fitted.example[0]
    expected = {tuple(engine.version(version).predict(row).values()) for version in ("1", "2")}
    answers: set[tuple[float, ...]] = set()
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            for _ in range(200):
                model = engine.champion()
                assert model is not None
                answers.add(tuple(model.predict(row).values()))
        except BaseException as error:  # noqa: BLE001 (told in the main thread)
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(50):
        version = str(1 + turn % 2)
        meta, _ = store.read(settings, "signals", version)
        store.point(settings, "signals", "champion", Pointer(version=version, sha256=meta.sha256))
    for thread in threads:
        thread.join()

    assert errors == []
    assert answers <= expected


def test_a_server_that_goes_away_is_told_and_the_champion_serves_on(
    model_settings: Settings, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that was there and does not answer any more: `problem` says so until it does again."""
    records.register(model_settings, fitted)
    monkeypatch.setattr(engine_module, "REGISTRY_ASKED_EVERY_S", 0.01)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    asked = threading.Event()
    real = records.sync

    def sync(settings: Settings) -> Pointer | None:
        try:
            return real(settings)
        finally:
            asked.set()

    monkeypatch.setattr(records, "sync", sync)
    dead = model_settings.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:9", "model_refresh_ms": 0})
    engine = Engine(dead)
    engine.start()
    try:
        assert engine.champion() is not None
        assert "127.0.0.1:9" in (engine.problem or "")
        asked.clear()
        assert asked.wait(30)
        assert "127.0.0.1:9" in (engine.problem or "")
        monkeypatch.setattr(records, "sync", lambda settings: None)
        for _ in range(3_000):
            if engine.champion() is not None and engine.problem is None:
                break
            threading.Event().wait(0.01)
        assert engine.problem is None
    finally:
        engine.close()
