"""Goal: a backtest from terms to result on real prices, and vectorbt's own figures beside ours.

The only file that imports vectorbt, which takes as long as all other tests of backtests.
"""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from domain.backtests import BacktestTerms
from domain.errors import BooksError, InvalidValue
from models.backtest import BacktestResult, Cancelled, portfolio, report, run
from models.backtest import market as markets
from models.backtest.cli import app
from models.backtest.curve import max_drawdown, sortino_ratio, total_return, volatility
from models.backtest.result import POINTS_MAX, thinned
from models.backtest.run import monthly
from models.backtest.sample import Sample
from models.backtest.sharpe import sharpe_ratio
from models.features import FEATURE_NAMES
from runtime.settings import Settings
from tests.models.backtest.worlds import FREE, Momentum, flat, market
from tests.models.backtest.worlds import trade as play

MOMENTUM = Momentum(FEATURE_NAMES.index("return_1"))
SETTINGS = Settings(_env_file=None)
TERMS = BacktestTerms(symbols=("AAPL", "FB", "GOOG"), first="2012-04-02", last="2012-12-31")


@pytest.fixture(scope="module", autouse=True)
def interpreted() -> None:
    """vectorbt as plain Python: the same numbers, and nothing to compile for a minute on a new machine."""
    import numba

    numba.config.DISABLE_JIT = True
    import vectorbt  # noqa: F401

    numba.config.DISABLE_JIT = False


@pytest.fixture(scope="module")
def result() -> BacktestResult:
    """Momentum on real prices; FB has its first bar on 2012-05-18 and no opinion before 128 of them."""
    return run(TERMS, SETTINGS, opinions=MOMENTUM)


def test_a_result_holds_together(result: BacktestResult) -> None:
    """Money is conserved: cash, trades, fees and the curve tell one story."""
    own = result.outcome
    closed = [one for one in own.trades if one.status == "CLOSED"]

    made = sum((one.pnl for one in own.trades), Decimal(0))
    assert result.equity[0].equity == 100_000.0
    assert result.equity[-1].equity == pytest.approx(float(100_000 + made), abs=0.001)
    assert sum((one.fee for one in own.fills), Decimal(0)) == own.costs.fees
    assert own.figure("trades").value == len(closed) > 20
    assert own.figure("final_equity").value == pytest.approx(result.equity[-1].equity, abs=1e-3)
    assert all(point.equity == pytest.approx(point.cash + point.positions, abs=1e-3) for point in result.equity)
    grown = np.prod([1 + month.result for month in result.monthly])
    assert grown - 1 == pytest.approx(own.figure("total_return").value, abs=1e-9)
    assert sum(month.closes for month in result.monthly) == len(result.equity) == 188  # sessions, April to December
    assert result.decisions["warm_up"] == 127
    assert result.symbols == ["AAPL", "FB", "GOOG"]


def test_buy_and_hold_is_beside_it(result: BacktestResult) -> None:
    """Each symbol is bought once, at the open after its first close, under the same costs, and never sold."""
    held = result.baseline

    assert [(one.symbol, one.status) for one in held.trades] == [("AAPL", "OPEN"), ("GOOG", "OPEN"), ("FB", "OPEN")]
    assert {one.symbol: one.entry_time_us for one in held.trades} == {
        symbol: markets.day_us(day) + 52_200_000_000  # 14:30 UTC
        for symbol, day in (("AAPL", date(2012, 4, 3)), ("GOOG", date(2012, 4, 3)), ("FB", date(2012, 5, 21)))
    }
    assert held.rejections == []
    alone = run(msgspec.structs.replace(TERMS, strategy="buy-and-hold"), SETTINGS)
    assert alone.model is None
    assert alone.outcome == alone.baseline
    assert alone.outcome.fills == held.fills


def test_the_same_again_gives_the_same_bytes(result: BacktestResult) -> None:
    """Terms, prices and program decide every byte; another cost gives another digest."""
    again = run(TERMS, SETTINGS, opinions=MOMENTUM)
    dearer = run(msgspec.structs.replace(TERMS, fee_bps=Decimal(2)), SETTINGS, opinions=MOMENTUM)

    assert again.json() == result.json()
    assert dearer.digest != result.digest
    assert BacktestResult.read(result.json()) == result
    assert BacktestResult.read(result.json()).sealed().digest == result.digest


def test_caveats_are_told(result: BacktestResult) -> None:
    """What a reader must know first; in-sample days are the worst of it."""
    codes = {one.code for one in result.caveats}
    assert codes >= {"TRIALS_UNKNOWN", "ABSTAINED", "SURVIVORS", "PATH_MADE_UP", "LABELS_OVERLAP"}
    assert "IN_SAMPLE" not in codes

    class Trained(Momentum):
        card = msgspec.structs.replace(Momentum.card, trained_to="2012-06-29")

    early = run(TERMS, SETTINGS, opinions=Trained(FEATURE_NAMES.index("return_1")))
    (told,) = [one.text for one in early.caveats if one.code == "IN_SAMPLE"]
    assert "what it earns up to 2012-06-29 it has seen before" in told


def test_progress_is_told_and_a_cancel_ends_it() -> None:
    """Shares only grow, from 0 to 1; a cancel ends the run at the next step, wherever it comes."""
    terms = msgspec.structs.replace(TERMS, symbols=("AAPL",), last="2012-04-30")
    told: list[tuple[float, str]] = []

    run(terms, SETTINGS, lambda share, text: told.append((share, text)), opinions=MOMENTUM)

    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert {"reading prices", "decisions on AAPL", "trading", "buy and hold", "scores"} <= {text for _, text in told}
    for after in range(0, len(told), 4):
        heard: list[str] = []

        def cancelled(heard: list[str] = heard, after: int = after) -> bool:
            return len(heard) >= after

        with pytest.raises(Cancelled):
            run(terms, SETTINGS, lambda _, text, heard=heard: heard.append(text), cancelled, opinions=MOMENTUM)
        assert len(heard) == after


def test_vectorbts_figures_are_ours(result: BacktestResult) -> None:
    """Sharpe, Sortino, volatility, drawdown and total return, as vectorbt's returns accessor has them."""
    equity = np.array([point.equity for point in result.equity])
    ours = Sample(
        times_us=np.array([point.time_us for point in result.equity]),
        equity=equity,
        positions=equity,
        held=np.zeros(len(equity), dtype=np.int64),
        profits=np.zeros(0),
        traded=0.0,
        fees=0.0,
    )
    days = pd.date_range("2012-01-02", periods=len(equity), freq="1D")
    theirs: Any = pd.Series(ours.returns, index=days[1:]).vbt.returns(freq="1D", year_freq="252D")

    assert sharpe_ratio(ours, 252).value == pytest.approx(theirs.sharpe_ratio(), rel=1e-9)
    assert sortino_ratio(ours, 252).value == pytest.approx(theirs.sortino_ratio(), rel=1e-9)
    assert volatility(ours, 252).value == pytest.approx(theirs.annualized_volatility(), rel=1e-9)
    assert max_drawdown(ours, 252).value == pytest.approx(-theirs.max_drawdown(), rel=1e-9)
    assert total_return(ours, 252).value == pytest.approx(theirs.total(), rel=1e-9)


def test_the_curve_is_worked_out_by_hand() -> None:
    """100 AAPL at 10 on day 1 and 50 MSFT at 20 on day 2, which begins later; a missing day keeps the last close."""
    given = market(
        {
            "AAPL": {0: flat("10"), 1: flat("10"), 2: flat("12"), 4: flat("11")},
            "MSFT": {1: flat("20"), 2: flat("20"), 3: flat("30"), 4: flat("25")},
        }
    )
    trading = play(given, {"AAPL": {0: "BUY"}, "MSFT": {0: "BUY"}}, cash="2500.00")

    worth = portfolio.worth(given, trading, 2500.0)

    assert worth.equity.tolist() == [2500, 2500, 2700, 3200, 2850]
    assert worth.cash.tolist() == [2500, 1500, 500, 500, 500]
    assert worth.held.tolist() == [0, 1, 2, 2, 2]
    assert [one.closes for one in monthly(worth, worth.equity)] == [5]


def test_books_that_disagree_stop_it() -> None:
    """A fill that the ledger does not have: vectorbt's cash is another one, and nothing is reported."""
    given = market({"AAPL": [flat("10")] * 3})
    trading = play(given, {"AAPL": {0: "BUY"}}, cash="2500.00")
    dearer = trading._replace(fills=(msgspec.structs.replace(trading.fills[0], fee=Decimal("0.01")),))
    doubled = trading._replace(fills=trading.fills * 2)

    for wrong in (dearer, doubled):
        with pytest.raises(BooksError, match=r"vectorbt's book ends with"):
            portfolio.worth(given, wrong, 2500.0)


def test_two_fills_of_a_symbol_on_one_tick_are_both_booked() -> None:
    """A sale that still works and a new purchase meet on a tick: both count, in their order."""
    rows = [flat("10", 400)] * 8
    tenth = msgspec.structs.replace(FREE, participation_max=Decimal("0.10"))
    given = market({"AAPL": rows})
    trading = play(given, {"AAPL": {0: "BUY", 3: "SELL", 4: "BUY"}}, tenth, cash="5000.00")

    keys = [(one.time_us, one.symbol) for one in trading.fills]
    assert len(keys) > len(set(keys))
    assert portfolio.worth(given, trading, 5000.0).equity.tolist() == [5000.0] * 8


def test_the_page_needs_no_network_and_holds_the_numbers(result: BacktestResult, tmp_path: Path) -> None:
    """One file: figures with formula and sample, charts with a table each, the caveats first; files beside it."""
    report.write(result, tmp_path)

    page = (tmp_path / "index.html").read_text()
    text = page[: page.index('<script type="application/json"')]
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=[\"']?(https?:)?//", page)
    for words in ("SIMULATED", "Before you believe it", "TRIALS_UNKNOWN", "Sharpe ratio", "187 returns", result.digest):
        assert words in text
    assert "sqrt((1 + SR^2 / 2 - g3 x SR" in text
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert set(data) == {"equity", "drawdown", "prices", "confusion", "roc"}
    assert set(data["prices"]) == {"AAPL", "FB", "GOOG"}
    assert len(data["equity"]["rows"]) == 188
    cells = [[int(cell.replace(",", "")) for cell in row[1:4]] for row in data["confusion"]["rows"]]
    assert result.scores is not None
    assert cells == result.scores.confusion
    for name in re.findall(r'id="chart-(\w+)"', text):
        assert name == "price" or name in data
        assert f'id="table-{name}"' in text
    equity = pyarrow.parquet.read_table(tmp_path / "equity.parquet").to_pylist()
    assert [row["equity"] for row in equity] == [point.equity for point in result.equity]
    trades = pyarrow.parquet.read_table(tmp_path / "trades.parquet").to_pylist()
    assert [Decimal(row["pnl"]) for row in trades] == [trade.pnl for trade in result.outcome.trades]
    assert BacktestResult.read((tmp_path / "result.json").read_bytes()) == result
    before = (tmp_path / "equity.parquet").read_bytes()
    report.write(result, tmp_path)
    assert (tmp_path / "equity.parquet").read_bytes() == before


def test_scores_by_hand(result: BacktestResult) -> None:
    """The confusion matrix has every decision whose label is known; its rows are what came true."""
    scores = result.scores
    assert scores is not None
    counts = np.array(scores.confusion)

    spoken = sum(count for name, count in result.decisions.items() if name != "warm_up")
    assert counts.sum() == scores.decisions == spoken - 5 * 3  # the last five bars of each symbol have no label yet
    assert scores.accuracy == pytest.approx(np.trace(counts) / counts.sum())
    assert scores.majority == counts.sum(axis=1).max() / counts.sum()
    for one in scores.roc:
        assert one.points[0] == (0.0, 0.0)
        assert one.points[-1] == (1.0, 1.0)
        assert one.area is not None
        assert one.low is not None
        assert one.high is not None
        assert one.low < one.area < one.high


def test_a_long_curve_is_thinned_for_display_only() -> None:
    """The first and the last point stay."""
    long = list(range(10_000))
    short = thinned(long, POINTS_MAX)

    assert (short[0], short[-1]) == (0, 9_999)
    assert len(short) <= POINTS_MAX + 1
    assert thinned(long[:100], POINTS_MAX) == long[:100]


def test_the_command_runs_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tape backtest run` prints figures and writes the page; `report` does it again; bad words are refused."""
    monkeypatch.setenv("TAPE_HOME", str(tmp_path))
    from runtime.settings import settings

    settings.cache_clear()
    shell = CliRunner()
    asked = ["run", "--symbols", "AAPL,IBM", "--strategy", "buy-and-hold", "--from", "2011-01-03", "--to", "2011-06-30"]
    try:
        done = shell.invoke(app, [*asked, "--out", str(tmp_path / "out")])
        again = shell.invoke(app, ["report", str(tmp_path / "out" / "result.json")])
        as_json = shell.invoke(app, [*asked, "--json"])
        refused = shell.invoke(app, ["run", "--strategy", "martingale"])
        unknown = shell.invoke(app, ["run", "--symbols", "NOPE", "--strategy", "buy-and-hold"])
        no_result = shell.invoke(app, ["report", str(tmp_path / "out" / "index.html")])
    finally:
        settings.cache_clear()

    assert done.exit_code == 0, done.output
    assert "Buy and hold" in done.output
    assert again.exit_code == 0, again.output
    read = BacktestResult.read((tmp_path / "out" / "result.json").read_bytes())
    assert BacktestResult.read(as_json.output.encode()).digest == read.digest
    assert (tmp_path / "backtests" / read.digest[:16] / "index.html").exists()
    assert (refused.exit_code, unknown.exit_code, no_result.exit_code) == (2, 1, 1)
    assert "INSTRUMENT_UNKNOWN: no market data for NOPE" in unknown.output


def test_a_model_that_is_none_is_refused() -> None:
    """A model is named as name@alias or name/version."""
    for name in ("xgboost", "@champion", "a/b/c", "a@b@c"):
        with pytest.raises(InvalidValue) as refused:
            run(msgspec.structs.replace(TERMS, model=name), SETTINGS)
        assert refused.value.code == "BACKTEST_MODEL"
