"""Champion and challenger, fetched and compared: what `tape models promote` does before it promotes."""

from __future__ import annotations

import json
from datetime import date, timedelta

from domain.errors import InvalidValue
from models.engine.predictor import predictor
from models.marketdata import Declared, sources
from models.registry import records
from models.registry.promotion import Comparison, compare, fresh_from
from runtime.settings import Settings

HISTORY_DAYS = 400
"""Calendar days before the window that are read, so that its first day has a full feature window."""


def challenger(settings: Settings) -> str:
    """The version with the alias `challenger`. Raises InvalidValue when there is none."""
    found = records.resolve(settings, records.CHALLENGER)
    if found is None:
        raise InvalidValue(
            "MODEL_NO_CHALLENGER", f"{settings.model_name} has no challenger: train one, or name a version"
        )
    return found


def compared(
    settings: Settings, version: str, first: date | None, last: date | None, source: str, declared: Declared | None
) -> Comparison:
    """The comparison of a version with the champion. first, last: None for the longest fresh window there is.

    The first comparison of a version is kept; asked again for the same window it is computed again, another window is
    refused. Raises InvalidValue, UnavailableError, UnreadableInput.
    """
    champion = records.resolve(settings, settings.model_alias)
    if champion is None or champion == version:
        raise InvalidValue("MODEL_NO_CHAMPION", f"version {version} has no other champion to be compared with")
    ours, theirs = predictor(*records.read(settings, champion)), predictor(*records.read(settings, version))
    symbols = sorted(set(ours.meta.symbols) & set(theirs.meta.symbols))
    if not symbols:
        raise InvalidValue("MODEL_SYMBOLS_DIFFER", f"{ours.id} and {theirs.id} have no symbol in common")
    kept = records.noted(settings, version, "window")
    if kept is not None:
        window = json.loads(kept)
        was = date.fromisoformat(window["first"]), date.fromisoformat(window["last"])
        if (first or was[0], last or was[1]) != was:
            raise InvalidValue(
                "MODEL_WINDOW_USED",
                f"version {version} was compared on {was[0]} … {was[1]} already; another window would be chosen by its "
                "outcome. Train again with later data, or promote with --override and a reason",
            )
        first, last = was
    first = first or fresh_from(ours, theirs)
    reading = sources.read(source, declared)
    bars = sources.select(reading.bars, symbols, first - timedelta(days=HISTORY_DAYS), last or date.max)
    last = last or max((bar.date for bar in bars), default=first)
    found = compare(ours, theirs, bars, first, last)
    records.note(settings, version, "window", json.dumps({"first": str(found.first), "last": str(found.last)}))
    return found
