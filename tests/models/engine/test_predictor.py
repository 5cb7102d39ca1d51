"""Prediction from plain files: the model's own numbers, clear verdicts, and clear errors for what is no model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import xgboost

from domain.errors import InvalidValue, UnavailableError, UnreadableInput
from models.engine import engine
from models.engine.predictor import predictor
from models.features import FEATURE_NAMES, WINDOW
from models.labels import LabelRule
from models.marketdata import MarketBar
from models.registry import Meta, Pointer, store
from models.registry.fitted import Fitted
from models.samples import build_samples
from runtime.settings import Settings

HOUSE = Path(__file__).parents[3]


@pytest.fixture
def home(tmp_path: Path, fitted: Fitted) -> Settings:
    """A tape_home whose champion is the small model, without any MLflow beside it."""
    settings = Settings(tape_home=tmp_path, mlflow_tracking_uri="")
    meta = fitted.meta("signals", "1", "run")
    store.export(settings, meta, fitted.model)
    store.point(settings, "signals", "champion", Pointer(version="1", sha256=meta.sha256))
    return settings


def rewrite(settings: Settings, **changes: object) -> None:
    """Change fields of the champion's meta.json."""
    file = store.root(settings, "signals") / "1" / "meta.json"
    file.write_bytes(msgspec.json.encode(msgspec.json.decode(file.read_bytes()) | changes))


def rows_of(bars: list[MarketBar]) -> np.ndarray:
    return build_samples(bars, LabelRule()).rows(1)


def test_probabilities_are_the_models_own(home: Settings, fitted: Fitted, planted_bars: list[MarketBar]) -> None:
    """Row by row and in one go they are what XGBoost says of the same numbers, calibrated as the model says."""
    rows = rows_of(planted_bars[:400])
    raw = xgboost.Booster(model_file=bytearray(fitted.model))
    logarithms = np.log(raw.predict(xgboost.DMatrix(rows[:, 0])).astype(np.float64))
    margins = np.exp(fitted.calibration.slope * logarithms + np.array(fitted.calibration.shifts))
    expected = margins / margins.sum(axis=1, keepdims=True)
    model = engine.load(home)

    one_by_one = [model.predict(row) for row in rows]

    assert len(rows) > 100
    np.testing.assert_allclose([[p["BUY"], p["SELL"], p["HOLD"]] for p in one_by_one], expected, atol=1e-6)
    many = model.predict_many(rows)
    np.testing.assert_allclose([list(p.values()) for p in many], [list(p.values()) for p in one_by_one], atol=1e-12)
    assert all(sum(p.values()) == pytest.approx(1.0, abs=1e-12) for p in one_by_one)
    assert model.predict_many(rows[:0]) == []


def test_a_predictor_knows_what_it_is(home: Settings, fitted: Fitted) -> None:
    """Name, version, hash, label and thresholds are those that were trained."""
    model = engine.load(home)

    assert (model.id, model.name, model.version, model.sha256) == (
        "signals/1",
        "signals",
        "1",
        store.sha256(fitted.model),
    )
    assert (model.thresholds, model.label, model.steps) == (fitted.thresholds, LabelRule(), 1)


def test_explanations_add_up_to_the_margin(home: Settings, fitted: Fitted, planted_bars: list[MarketBar]) -> None:
    """SHAP values of a row, summed, are XGBoost's own margin of each class."""
    rows = rows_of(planted_bars[:400])
    raw = xgboost.Booster(model_file=bytearray(fitted.model))

    contributions = engine.load(home).contributions(rows)

    assert contributions is not None
    margins = raw.predict(xgboost.DMatrix(rows[:, 0]), output_margin=True)
    np.testing.assert_allclose(contributions.sum(axis=2), margins, atol=1e-4)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (dict.fromkeys(FEATURE_NAMES[1:], 0.0), rf"missing: \['{FEATURE_NAMES[0]}'\]"),
        ({**dict.fromkeys(FEATURE_NAMES, 0.0), "moon": 1.0}, r"unknown: \['moon'\]"),
        ({**dict.fromkeys(FEATURE_NAMES, 0.0), FEATURE_NAMES[0]: float("nan")}, "finite"),
    ],
)
def test_other_features_are_refused(home: Settings, features: dict[str, float], words: str) -> None:
    """A missing, an unknown or a non-finite feature is named, not guessed."""
    model = engine.load(home)

    with pytest.raises(InvalidValue, match=words):
        model.matrix([features])


@pytest.mark.parametrize("shape", [(2, len(FEATURE_NAMES)), (1, len(FEATURE_NAMES) - 1), (0, len(FEATURE_NAMES))])
def test_other_shapes_are_refused(home: Settings, shape: tuple[int, int]) -> None:
    """Too many rows, too few features, or no row at all: the error says what the model takes."""
    with pytest.raises(InvalidValue, match=r"takes rows \(n, 1, "):
        engine.load(home).predict(np.zeros(shape))


def test_rows_by_name_may_come_in_any_order(home: Settings) -> None:
    """A mapping's order says nothing; how many rows there are does."""
    model = engine.load(home)
    row = {name: float(k) for k, name in enumerate(FEATURE_NAMES)}

    np.testing.assert_array_equal(model.matrix([dict(reversed(row.items()))]), [list(row.values())])
    with pytest.raises(InvalidValue, match="looks at 1 feature rows"):
        model.matrix([row, row])


def test_no_model_is_a_clear_error(tmp_path: Path) -> None:
    """Without any training `available` is False and `load` says how to get a model; nothing is created by asking."""
    settings = Settings(tape_home=tmp_path / "empty", mlflow_tracking_uri="")

    assert not engine.available(settings)
    with pytest.raises(UnavailableError, match="tape models train"):
        engine.load(settings)
    assert not (tmp_path / "empty").exists()


def test_one_flipped_byte_of_the_model_is_found(home: Settings) -> None:
    """A damaged artifact is named with both hashes before XGBoost ever reads it."""
    file = store.root(home, "signals") / "1" / "model.bin"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)

    with pytest.raises(UnreadableInput, match=r"model\.bin is damaged"):
        engine.load(home)


def test_bytes_that_are_no_model_are_refused(home: Settings) -> None:
    """A file with the right hash that is no booster is a clear error too."""
    junk = b"not a model at all"
    (store.root(home, "signals") / "1" / "model.bin").write_bytes(junk)
    rewrite(home, sha256=store.sha256(junk))
    store.point(home, "signals", "champion", Pointer(version="1", sha256=store.sha256(junk)))

    with pytest.raises(UnreadableInput, match="not a model of kind xgboost"):
        engine.load(home)


@pytest.mark.parametrize("name", ["meta.json", "../champion.json"])
@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 1}', b"[]"])
def test_a_damaged_description_is_refused(home: Settings, name: str, content: bytes) -> None:
    """A description or pointer that cannot be read names its file."""
    (store.root(home, "signals") / "1" / name).write_bytes(content)

    with pytest.raises(UnreadableInput, match=Path(name).name):
        engine.load(home)


@pytest.mark.parametrize("name", ["meta.json", "model.bin"])
def test_a_missing_file_is_named(home: Settings, name: str) -> None:
    """A version whose files are gone is unavailable, and the error says which."""
    (store.root(home, "signals") / "1" / name).unlink()

    with pytest.raises(UnavailableError, match=name):
        engine.load(home)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"features": [*FEATURE_NAMES[1:], FEATURE_NAMES[0]]}, "features"),
        ({"features": list(FEATURE_NAMES[:-1])}, "features"),
        ({"window": WINDOW + 1}, "window"),
        ({"classes": ["SELL", "BUY", "HOLD"]}, "classes"),
    ],
)
def test_a_model_of_other_features_is_refused(home: Settings, changes: dict[str, object], words: str) -> None:
    """Features, window or classes that differ, in order too, are named and lead to a new training."""
    rewrite(home, **changes)

    with pytest.raises(InvalidValue, match=f"trained on {words}.*train it again") as caught:
        engine.load(home)

    assert caught.value.code == "MODEL_FEATURES_MISMATCH"


def test_another_model_in_the_versions_folder_is_refused(home: Settings) -> None:
    """The pointer's hash binds the alias to the bytes: files of another model under the same number are not taken."""
    store.point(home, "signals", "champion", Pointer(version="1", sha256="0" * 64))

    with pytest.raises(UnreadableInput, match="its alias says 0000"):
        engine.load(home)


def test_an_export_whose_hash_is_wrong_is_not_written(home: Settings, fitted: Fitted) -> None:
    """Nothing is stored under a description that does not fit it."""
    meta: Meta = fitted.meta("signals", "2", "run")

    with pytest.raises(InvalidValue, match="hash"):
        store.export(home, meta, fitted.model + b"x")

    assert not store.exported(home, "signals", "2")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are replaced whole or not at all, and nothing is left lying beside them."""
    file = tmp_path / "champion.json"
    store.write_atomically(file, b"old")
    monkeypatch.setattr(store.os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))

    with pytest.raises(OSError, match="disk full"):
        store.write_atomically(file, b"new and longer")

    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_predicting_imports_no_mlflow(home: Settings) -> None:
    """A worker with a champion's file loads it and predicts without paying for MLflow's import."""
    code = (
        "import sys\n"
        "from models.engine import engine\n"
        "from runtime.settings import Settings\n"
        f"model = engine.load(Settings(tape_home={str(home.tape_home)!r}, mlflow_tracking_uri=''))\n"
        "model.predict(model.matrix([dict.fromkeys(model.meta.features, 0.0)]))\n"
        "print(model.version, 'mlflow' in sys.modules)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["1", "False"]


def test_two_loads_predict_alike(home: Settings) -> None:
    """Loading again gives the very same numbers."""
    rows = np.random.default_rng(9).normal(0, 0.05, (50, 1, len(FEATURE_NAMES)))

    first, second = (predictor(*store.read(home, "signals", "1")) for _ in range(2))

    assert first.predict_many(rows) == second.predict_many(rows)
