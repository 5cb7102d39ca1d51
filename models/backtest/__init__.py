"""Backtests: a strategy over past prices, by the rule, the ledger and the costs of the live one.

    market ─► opinions ─► decisions ─► desk ─► portfolio ─► statistics, scores ─► result ─► report
    prices    a model     signals at   orders   worth by     figures               JSON      page, files
                          each close   fills    vectorbt

`run` does all of it. recorded, compare: the same strategy through the real ledger, trade by trade. Decision 0041.
"""

from models.backtest.result import BacktestResult
from models.backtest.run import Cancelled, Progress, run

__all__ = ["BacktestResult", "Cancelled", "Progress", "run"]
