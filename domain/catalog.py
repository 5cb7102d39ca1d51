"""The instruments that may be traded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from domain.market import Instrument

Catalog = Mapping[str, Instrument]


def catalog(symbols: Iterable[str]) -> Catalog:
    """US equities in whole shares and cents, one per symbol."""
    return {symbol: Instrument(symbol=symbol) for symbol in symbols}
