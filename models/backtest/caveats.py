"""What a reader has to know before believing a backtest: told with every result, in words."""

from __future__ import annotations

from collections.abc import Iterator

from models.backtest.result import BacktestResult, Caveat
from models.backtest.scores import LEAK_ACCURACY

TRADES_FEW = 30


def caveats(result: BacktestResult) -> list[Caveat]:
    """All that apply."""
    return [Caveat(code=code, text=text) for code, text in _found(result)]


def _found(result: BacktestResult) -> Iterator[tuple[str, str]]:
    yield from _of_model(result)
    yield from _of_sample(result)
    yield from _of_data(result)


def _of_model(result: BacktestResult) -> Iterator[tuple[str, str]]:
    model, terms = result.model, result.terms
    if model is not None and model.trained_to >= terms.first:
        yield (
            "IN_SAMPLE",
            f"the model was trained on {model.trained_from} to {model.trained_to}, and the backtest begins on "
            f"{terms.first}: what it earns up to {min(model.trained_to, terms.last)} it has seen before",
        )
    if model is not None and model.trials is None:
        yield (
            "TRIALS_UNKNOWN",
            "nobody counted the models that were tried before this one was chosen, so the Sharpe ratio is not "
            "deflated: the best of many is good by luck",
        )
    scores = result.scores
    if scores is not None and scores.accuracy > LEAK_ACCURACY and scores.accuracy > scores.majority:
        yield (
            "LEAK_SUSPECTED",
            f"{scores.accuracy:.1%} of {scores.decisions} decisions were right; honest accuracy on three classes is 34 "
            "to 42 %: look for a leak before believing it",
        )
    if scores is not None:
        yield (
            "LABELS_OVERLAP",
            f"each decision is scored over {scores.horizon_bars} bars, so neighbours share outcomes: "
            f"{scores.decisions} decisions are fewer independent ones, and the intervals of the areas are too narrow",
        )


def _of_sample(result: BacktestResult) -> Iterator[tuple[str, str]]:
    if result.annual.reason is not None:
        yield "TOO_SHORT", result.annual.reason
    closed = sum(trade.status == "CLOSED" for trade in result.outcome.trades)
    if closed < TRADES_FEW:
        yield "FEW_TRADES", f"{closed} closed trades: figures of trades say little below {TRADES_FEW}"
    if result.outcome.working:
        yield "WORKING_AT_END", f"{len(result.outcome.working)} orders were still working when the prices ended"
    if result.outcome.rejections:
        yield (
            "ORDERS_REJECTED",
            f"{len(result.outcome.rejections)} of the strategy's orders were refused; it goes on as if it had them",
        )
    abstained = {name: count for name, count in result.decisions.items() if name not in ("BUY", "SELL", "HOLD")}
    if abstained:
        told = ", ".join(f"{count} × {name}" for name, count in abstained.items())
        yield "ABSTAINED", f"the model had no opinion on {sum(abstained.values())} bars: {told}"


def _of_data(result: BacktestResult) -> Iterator[tuple[str, str]]:
    missing = sorted(set(result.terms.symbols) - set(result.symbols))
    if missing:
        yield "SYMBOLS_MISSING", f"no bar in the period, so not traded: {', '.join(missing)}"
    if result.terms.source == "installed":
        yield (
            "SURVIVORS",
            "the symbols are of companies that are still known today; those that failed meanwhile are not among them",
        )
        yield (
            "ADJUSTED_PRICES",
            "prices are adjusted for splits and dividends, volumes for splits: numbers of shares are not those of the "
            "day",
        )
        yield (
            "PATH_MADE_UP",
            "a day's bar is played as open, high, low, close; the true order of high and low is not known, and what an "
            "order gets after the open it gets at those prices",
        )
