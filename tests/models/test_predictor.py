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
from models import predictor, store
from models.features import FEATURE_NAMES, WINDOW
from models.labels import LabelRule
from models.marketdata import MarketBar
from models.predictor import Predictor, decide
from models.samples import build_samples
from models.store import Meta, Pointer, Thresholds
from models.training import Fitted
from runtime.settings import Settings

HOUSE = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, fitted: Fitted) -> Settings:
    """A tape_home whose champion is the small model, without any MLflow beside it."""
    settings = Settings(tape_home=tmp_path, mlflow_tracking_uri="")
    meta = fitted.meta("xgboost", "1", "run")
    store.export(settings, meta, fitted.model)
    store.point(settings, "xgboost", "champion", Pointer(version="1", sha256=meta.sha256))
    return settings


def rewrite(settings: Settings, **changes: object) -> None:
    """Change fields of the champion's meta.json."""
    file = store.root(settings, "xgboost") / "1" / "meta.json"
    file.write_bytes(msgspec.json.encode(msgspec.json.decode(file.read_bytes()) | changes))


def test_probabilities_are_the_models_own(home: Settings, fitted: Fitted, planted_bars: list[MarketBar]) -> None:
    """Row by row and in one go, in any order of the mapping, they are what XGBoost says of the same numbers."""
    samples = build_samples(planted_bars[:400], LabelRule())
    raw = xgboost.Booster(model_file=bytearray(fitted.model))
    expected = raw.predict(xgboost.DMatrix(samples.features, feature_names=list(FEATURE_NAMES)))
    model = predictor.load(home)
    rows = [dict(zip(FEATURE_NAMES, row, strict=True)) for row in samples.features.tolist()]

    one_by_one = [model.predict(dict(reversed(row.items()))) for row in rows]

    assert len(rows) > 100
    np.testing.assert_allclose([[p["BUY"], p["SELL"], p["HOLD"]] for p in one_by_one], expected, atol=1e-6)
    assert model.predict_many(rows) == one_by_one
    assert all(sum(p.values()) == pytest.approx(1.0, abs=1e-12) for p in one_by_one)
    assert model.predict_many([]) == []


def test_a_predictor_knows_what_it_is(home: Settings, fitted: Fitted) -> None:
    """Name, version, features and thresholds are those that were trained."""
    model = predictor.load(home)

    assert (model.name, model.version, model.feature_names) == ("xgboost", "1", FEATURE_NAMES)
    assert model.thresholds == fitted.thresholds
    assert model.meta.window == WINDOW


@pytest.mark.parametrize(
    ("buy", "sell", "expected"),
    [
        (0.50, 0.30, "BUY"),
        (0.40, 0.30, "BUY"),
        (0.39, 0.30, "HOLD"),
        (0.30, 0.50, "SELL"),
        (0.30, 0.35, "SELL"),
        (0.30, 0.34, "HOLD"),
        (0.45, 0.45, "HOLD"),
        (0.00, 0.00, "HOLD"),
    ],
)
def test_the_verdict_needs_its_threshold(buy: float, sell: float, expected: str) -> None:
    """The likelier of BUY and SELL, if it reaches its own threshold; a tie, or neither, is HOLD."""
    verdict = decide({"BUY": buy, "SELL": sell, "HOLD": 1 - buy - sell}, Thresholds(buy=0.40, sell=0.35))

    assert verdict == expected


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (dict.fromkeys(FEATURE_NAMES[1:], 0.0), r"missing: \['rsi_14'\]"),
        ({**dict.fromkeys(FEATURE_NAMES, 0.0), "moon": 1.0}, r"unknown: \['moon'\]"),
        ({**dict.fromkeys(FEATURE_NAMES, 0.0), "rsi_14": float("nan")}, "finite"),
    ],
)
def test_other_features_are_refused(home: Settings, features: dict[str, float], words: str) -> None:
    """A missing, an unknown or a non-finite feature is named, not guessed."""
    model = predictor.load(home)

    with pytest.raises(InvalidValue, match=words):
        model.predict(features)


def test_no_model_is_a_clear_error(tmp_path: Path) -> None:
    """Without any training `available` is False and `load` says how to get a model; nothing is created by asking."""
    settings = Settings(tape_home=tmp_path / "empty", mlflow_tracking_uri="")

    assert not predictor.available(settings)
    with pytest.raises(UnavailableError, match="tape models train"):
        predictor.load(settings)
    assert not (tmp_path / "empty").exists()


def test_one_flipped_byte_of_the_model_is_found(home: Settings) -> None:
    """A damaged artifact is named with both hashes before XGBoost ever reads it."""
    file = store.root(home, "xgboost") / "1" / "model.ubj"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)

    with pytest.raises(UnreadableInput, match=r"model\.ubj is damaged"):
        predictor.load(home)


def test_bytes_that_are_no_model_are_refused(home: Settings) -> None:
    """A file with the right hash that is no booster is a clear error too."""
    junk = b"not a model at all"
    (store.root(home, "xgboost") / "1" / "model.ubj").write_bytes(junk)
    rewrite(home, sha256=store.sha256(junk))
    store.point(home, "xgboost", "champion", Pointer(version="1", sha256=store.sha256(junk)))

    with pytest.raises(UnreadableInput, match="not an XGBoost model"):
        predictor.load(home)


@pytest.mark.parametrize("name", ["meta.json", "../champion.json"])
@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 1}', b"[]"])
def test_a_damaged_description_is_refused(home: Settings, name: str, content: bytes) -> None:
    """A description or pointer that cannot be read names its file."""
    (store.root(home, "xgboost") / "1" / name).write_bytes(content)

    with pytest.raises(UnreadableInput, match=Path(name).name):
        predictor.load(home)


@pytest.mark.parametrize("name", ["meta.json", "model.ubj"])
def test_a_missing_file_is_named(home: Settings, name: str) -> None:
    """A version whose files are gone is unavailable, and the error says which."""
    (store.root(home, "xgboost") / "1" / name).unlink()

    with pytest.raises(UnavailableError, match=name):
        predictor.load(home)


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
        predictor.load(home)

    assert caught.value.code == "MODEL_FEATURES_MISMATCH"


def test_another_model_in_the_versions_folder_is_refused(home: Settings) -> None:
    """The pointer's hash binds the alias to the bytes: files of another model under the same number are not taken."""
    store.point(home, "xgboost", "champion", Pointer(version="1", sha256="0" * 64))

    with pytest.raises(UnreadableInput, match="its alias says 0000"):
        predictor.load(home)


def test_an_export_whose_hash_is_wrong_is_not_written(home: Settings, fitted: Fitted) -> None:
    """Nothing is stored under a description that does not fit it."""
    meta: Meta = fitted.meta("xgboost", "2", "run")

    with pytest.raises(InvalidValue, match="hash"):
        store.export(home, meta, fitted.model + b"x")

    assert not store.exported(home, "xgboost", "2")


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
        "from models import predictor\n"
        "from runtime.settings import Settings\n"
        f"model = predictor.load(Settings(tape_home={str(home.tape_home)!r}, mlflow_tracking_uri=''))\n"
        "model.predict(dict.fromkeys(model.feature_names, 0.0))\n"
        "print(model.version, 'mlflow' in sys.modules)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["1", "False"]


def test_two_loads_predict_alike(home: Settings) -> None:
    """Loading again gives the very same numbers."""
    rows = np.random.default_rng(9).normal(0, 0.05, (50, len(FEATURE_NAMES)))
    features = [dict(zip(FEATURE_NAMES, row, strict=True)) for row in rows.tolist()]

    first, second = (Predictor(*_read(home)) for _ in range(2))

    assert first.predict_many(features) == second.predict_many(features)


def _read(settings: Settings) -> tuple[Meta, xgboost.Booster]:
    meta, model = store.read(settings, "xgboost", "1")
    return meta, predictor.booster_of(model)
