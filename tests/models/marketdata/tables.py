"""Tables as text for the tests of market data, and reading them."""

from __future__ import annotations

from typing import Any

from models.marketdata.csv_file import read_text
from models.marketdata.declared import Declared
from models.marketdata.report import Reading

HEADING = "symbol,date,open,high,low,close,volume"


def read(*rows: str, heading: str = HEADING, prices: Any = "raw", **declared: Any) -> Reading:
    """The reading of a CSV file with these rows; the first one stands in line 2."""
    text = "\n".join((heading, *rows)) + "\n"
    return read_text("test", text, Declared(prices=prices, **declared))


def codes(reading: Reading) -> dict[str, int]:
    """What the report tells of, with its counts."""
    return {reason.code: reason.count for reason in reading.report.reasons}
