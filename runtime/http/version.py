"""The version that OpenAPI documents tell."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    try:
        return metadata.version("tapeledger")
    except metadata.PackageNotFoundError:
        return "0.0.0"
