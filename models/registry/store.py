"""Trained models as plain files, so that a worker can predict without MLflow (whose import alone takes seconds).

    <tape_home>/models/<name>/<version>/model.bin    the model, in its learner's own form
                                        meta.json    Meta
    <tape_home>/models/<name>/<alias>.json           Pointer: which version the alias means

MLflow's alias is the truth and the pointer its copy; models.registry.records alone writes both (see there how they stay
equal). Every file is written beside its place and renamed into it, so a reader sees the old one or the new one, whole.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import msgspec

from domain.errors import InvalidValue, UnavailableError, UnreadableInput
from models.registry.meta import Meta, Pointer, check_features
from runtime.settings import Settings


def root(settings: Settings, name: str) -> Path:
    return settings.tape_home / "models" / name


def export(settings: Settings, meta: Meta, model: bytes) -> Path:
    """Write a version's files. Writing the same again changes nothing; other bytes under its number are refused."""
    folder = root(settings, meta.name) / meta.version
    if sha256(model) != meta.sha256:
        raise InvalidValue("MODEL_HASH", f"the model's hash is {sha256(model)}, its meta says {meta.sha256}")
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, meta, model)
    return folder


def write(folder: Path, meta: Meta, model: bytes) -> None:
    """Write a version's two files into a folder that is there."""
    write_atomically(folder / "model.bin", model)
    write_atomically(folder / "meta.json", msgspec.json.format(msgspec.json.encode(meta), indent=2))


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
    return (folder / "model.bin").is_file() and (folder / "meta.json").is_file()


def read(settings: Settings, name: str, version: str) -> tuple[Meta, bytes]:
    """A version's meta and model bytes, checked against each other and against this program's features.

    Raises UnavailableError when a file is not there, UnreadableInput when it is damaged, InvalidValue when the model
    was made for other features.
    """
    folder = root(settings, name) / version
    meta, model = load(folder)
    _check_place(folder, meta)
    return meta, model


def load(folder: Path) -> tuple[Meta, bytes]:
    """What `write` wrote. Raises as `read` does."""
    meta, model = _described(folder), _read(folder / "model.bin")
    if sha256(model) != meta.sha256:
        raise UnreadableInput(
            f"{folder / 'model.bin'} is damaged: its SHA-256 is {sha256(model)}, meta.json says {meta.sha256}"
        )
    check_features(meta)
    return meta, model


def describe(settings: Settings, name: str, version: str) -> Meta:
    """A version's meta alone, whatever features it was made for. Raises UnavailableError, UnreadableInput."""
    folder = root(settings, name) / version
    meta = _described(folder)
    _check_place(folder, meta)
    return meta


def versions(settings: Settings, name: str) -> list[str]:
    """The versions that have a folder here, newest first."""
    folders = [folder.name for folder in root(settings, name).glob("*") if folder.is_dir()]
    return sorted((own for own in folders if own.isascii() and own.isdigit()), key=int, reverse=True)


def aliases(settings: Settings, name: str) -> list[str]:
    """The aliases that have a pointer here."""
    return sorted(file.stem for file in root(settings, name).glob("[!.]*.json"))


def _check_place(folder: Path, meta: Meta) -> None:
    if (meta.name, meta.version) != (folder.parent.name, folder.name):
        raise UnreadableInput(
            f"{folder} holds model {meta.name} version {meta.version}; expected {folder.parent.name} {folder.name}"
        )


def _described(folder: Path) -> Meta:
    try:
        return msgspec.json.decode(_read(folder / "meta.json"), type=Meta)
    except msgspec.DecodeError as error:
        raise UnreadableInput(f"{folder / 'meta.json'} is no model description: {error}") from error


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise UnavailableError(f"there is no model in {file.parent}: {error}") from error


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
