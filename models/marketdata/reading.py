"""From a heading and rows of text to a Reading: columns, checks, what stands out, the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from models.marketdata import series
from models.marketdata.checks import check
from models.marketdata.columns import places
from models.marketdata.declared import Declared
from models.marketdata.report import Reading, Tally, reading
from models.marketdata.rows import Row


def read(
    source: str,
    counted: Literal["line", "row"],
    heading: Sequence[str],
    rows: Iterable[tuple[int, Row]],
    declared: Declared,
) -> Reading:
    """The bars of rows that come with their numbers, and the report. source: its name, for the report.

    Raises InvalidValue for columns that are not there, and for what models.marketdata.checks and series refuse.
    """
    where = places(heading, declared)
    tally = Tally()
    checked = check(rows, where, declared, tally)
    series.inspect(checked, declared, tally)
    return reading(source, counted, declared, where.ignored, checked.rows, checked.bars, tally)
