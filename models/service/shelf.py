"""The versions that are there, as their meta.json describes them."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import msgspec

from domain.errors import TapeledgerError
from models.engine.drift import POOLED
from models.registry import store
from models.registry.meta import Meta, check_features
from models.service.bodies import Description, DriftLimits, ThresholdsView
from runtime.settings import Settings


class Known(NamedTuple):
    """A version. problem: why it cannot be used. meta: None where it cannot be read."""

    version: str
    meta: Meta | None
    problem: str | None


class Shelf:
    """Reads a description again when its file has changed. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._read: dict[str, tuple[tuple[int, int], Known]] = {}

    def all(self) -> list[Known]:
        """Newest first."""
        versions = store.versions(self._settings, self._settings.model_name)
        with self._lock:
            self._read = {version: self._read[version] for version in versions if version in self._read}
            return [self._known(version) for version in versions]

    def one(self, version: str) -> Known | None:
        """None when there is no such version."""
        there = store.versions(self._settings, self._settings.model_name)
        with self._lock:
            return self._known(version) if version in there else None

    def _known(self, version: str) -> Known:
        file = store.root(self._settings, self._settings.model_name) / version / "meta.json"
        try:
            status = file.stat()
        except OSError:
            return self._described(version)
        mark = (status.st_mtime_ns, status.st_size)
        kept = self._read.get(version)
        if kept is None or kept[0] != mark:
            kept = self._read[version] = (mark, self._described(version))
        return kept[1]

    def _described(self, version: str) -> Known:
        meta = None
        try:
            meta = store.describe(self._settings, self._settings.model_name, version)
            check_features(meta)
        except (TapeledgerError, OSError) as error:
            return Known(version, meta, str(error))
        return Known(version, meta, None)


def description(meta: Meta) -> Description:
    limits = {symbol: baseline.limit for symbol, baseline in meta.reference.baselines.items()}
    return Description(
        kind=meta.kind,
        sha256=meta.sha256,
        steps=meta.steps,
        features=list(meta.features),
        symbols=list(meta.symbols),
        prices=meta.prices,
        trained_from=meta.trained_from,
        trained_to=meta.trained_to,
        label=plain(meta.label),
        thresholds=ThresholdsView(buy=meta.thresholds.buy, sell=meta.thresholds.sell),
        metrics=meta.metrics,
        drift_limits=DriftLimits(pooled=limits.pop(POOLED), by_symbol=limits),
    )


def plain(struct: msgspec.Struct) -> dict[str, Any]:
    """As its JSON is."""
    found: dict[str, Any] = msgspec.to_builtins(struct)
    return found
