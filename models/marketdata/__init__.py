"""Market data: bars from sources, checked and reported on.

A source's rows go one way: `columns` finds the columns, `times` and `rows` read one row, `checks` makes bars of all,
`splits` adjusts, `series` flags what stands out, `report` tells of it. `sources` names the sources there are, with
`csv_file`, `parquet_file`, `bokeh` and `synthetic` behind it. What is imported here needs neither numpy nor Arrow.
"""

from models.marketdata.bars import PRICE_STEP, TICK_TIMES, MarketBar, data_hash, ticks_of
from models.marketdata.bokeh import load_bars, read_rows
from models.marketdata.declared import Declared
from models.marketdata.report import Dropped, Reading, Report

__all__ = [
    "PRICE_STEP",
    "TICK_TIMES",
    "Declared",
    "Dropped",
    "MarketBar",
    "Reading",
    "Report",
    "data_hash",
    "load_bars",
    "read_rows",
    "ticks_of",
]
