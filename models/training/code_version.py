"""What decides what a model is: a hash over the sources, and the versions of the libraries that they use."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
from importlib.resources.abc import Traversable

_PARTS = ("marketdata", "features", "labels", "learners", "validation", "training", "samples.py", "classes.py")
_LIBRARIES = {
    "xgboost": ("xgboost",),
    "lightgbm": ("lightgbm",),
    "lstm": ("torch",),
    "logistic": ("scikit-learn",),
    "majority": (),
}


def code_version(kind: str) -> str:
    """SHA-256 (hex) for models of a kind."""
    digest = hashlib.sha256()
    for part in _PARTS:
        for file in _sources(importlib.resources.files("models").joinpath(part)):
            digest.update(file.read_bytes())
    for package in ("numpy", "scipy", "ta-lib", "purgedcv", *_LIBRARIES[kind]):
        digest.update(f"{package}=={importlib.metadata.version(package)}\n".encode())
    return digest.hexdigest()


def _sources(part: Traversable) -> list[Traversable]:
    if part.is_file():
        return [part] if part.name.endswith(".py") else []
    return [file for child in sorted(part.iterdir(), key=lambda one: one.name) for file in _sources(child)]
