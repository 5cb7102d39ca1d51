"""Trained models as plain files, so that a worker can predict without MLflow (whose import alone takes seconds).

    <tape_home>/models/<name>/<version>/model.ubj    the booster, XGBoost's own UBJSON form
                                        meta.json    Meta
    <tape_home>/models/<name>/<alias>.json           Pointer: which version the alias means

MLflow's alias is the truth and the pointer its copy; models.registry alone writes both (see there how they stay equal).
Every file is written beside its place and renamed into it, so a reader sees the old one or the new one, whole.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import msgspec

from domain.errors import InvalidValue, UnavailableError, UnreadableInput
from models.classes import CLASSES
from models.features import FEATURE_NAMES, WINDOW
from runtime.settings import Settings


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The probability that BUY or SELL needs at least to be the decision; below it the decision is HOLD."""

    buy: float
    sell: float


class Meta(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a model. sha256: of model.ubj; trained_from, trained_to: ISO dates, both included."""

    name: str
    version: str
    sha256: str
    features: tuple[str, ...]
    window: int
    classes: tuple[str, ...]
    thresholds: Thresholds
    horizon_bars: int
    symbols: tuple[str, ...]
    trained_from: str
    trained_to: str
    data_hash: str
    code_version: str
    run_id: str
    metrics: dict[str, float]


class Pointer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which version an alias means. sha256: of that version's model.ubj."""

    version: str
    sha256: str


def root(settings: Settings, name: str) -> Path:
    return settings.tape_home / "models" / name


def export(settings: Settings, meta: Meta, model: bytes) -> Path:
    """Write a version's files. Writing the same again changes nothing; other bytes under its number are refused."""
    folder = root(settings, meta.name) / meta.version
    if sha256(model) != meta.sha256:
        raise InvalidValue("MODEL_HASH", f"the model's hash is {sha256(model)}, its meta says {meta.sha256}")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "model.ubj", model)
    write_atomically(folder / "meta.json", msgspec.json.format(msgspec.json.encode(meta), indent=2))
    return folder


def point(settings: Settings, name: str, alias: str, pointer: Pointer) -> None:
    root(settings, name).mkdir(parents=True, exist_ok=True)
    write_atomically(_pointer_file(settings, name, alias), msgspec.json.encode(pointer))


def unpoint(settings: Settings, name: str, alias: str) -> None:
    _pointer_file(settings, name, alias).unlink(missing_ok=True)


def pointer(settings: Settings, name: str, alias: str) -> Pointer | None:
    """What the alias means, None when it means nothing yet. Raises UnreadableInput when the file is no pointer."""
    file = _pointer_file(settings, name, alias)
    try:
        return msgspec.json.decode(file.read_bytes(), type=Pointer)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise UnreadableInput(f"{file} is no model pointer: {error}") from error


def exported(settings: Settings, name: str, version: str) -> bool:
    folder = root(settings, name) / version
    return (folder / "model.ubj").is_file() and (folder / "meta.json").is_file()


def read(settings: Settings, name: str, version: str) -> tuple[Meta, bytes]:
    """A version's meta and model bytes, checked against each other and against this program's features.

    Raises UnavailableError when a file is not there, UnreadableInput when it is damaged, InvalidValue when the model
    was made for other features.
    """
    folder = root(settings, name) / version
    try:
        raw, model = (folder / "meta.json").read_bytes(), (folder / "model.ubj").read_bytes()
    except FileNotFoundError as error:
        raise UnavailableError(f"model {name} version {version} is not in {folder}: {error}") from error
    try:
        meta = msgspec.json.decode(raw, type=Meta)
    except msgspec.DecodeError as error:
        raise UnreadableInput(f"{folder / 'meta.json'} is no model description: {error}") from error
    if sha256(model) != meta.sha256:
        raise UnreadableInput(
            f"{folder / 'model.ubj'} is damaged: its SHA-256 is {sha256(model)}, meta.json says {meta.sha256}"
        )
    if (meta.name, meta.version) != (name, version):
        raise UnreadableInput(f"{folder} holds model {meta.name} version {meta.version}; expected {name} {version}")
    check_features(meta)
    return meta, model


def check_features(meta: Meta) -> None:
    """Raise InvalidValue when the model was made for other features, another window or other classes than ours."""
    theirs: tuple[object, ...] = (meta.features, meta.window, meta.classes)
    ours: tuple[object, ...] = (FEATURE_NAMES, WINDOW, CLASSES)
    for what, expected, found in zip(("features", "window", "classes"), ours, theirs, strict=True):
        if found != expected:
            raise InvalidValue(
                "MODEL_FEATURES_MISMATCH",
                f"model {meta.name} version {meta.version} was trained on {what} {found}; this program computes "
                f"{expected}: train it again",
                model=meta.name,
                version=meta.version,
            )


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write_atomically(file: Path, data: bytes) -> None:
    """Write beside, flush to disk, rename: a reader or a crash never sees half a file."""
    handle, beside = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        Path(beside).replace(file)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _pointer_file(settings: Settings, name: str, alias: str) -> Path:
    return root(settings, name) / f"{alias}.json"
