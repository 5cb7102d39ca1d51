"""A backtest's page: one HTML file that needs no network, and the files beside it."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from domain.errors import UnavailableError
from models.backtest import words
from models.backtest.result import POINTS_MAX, BacktestResult, Point, thinned
from models.backtest.statistics import formulas
from runtime import page

PAGE, DATA = "index.html", "result.json"
EQUITY, TRADES, FILLS = "equity.parquet", "trades.parquet", "fills.parquet"


def write(result: BacktestResult, folder: Path) -> None:
    """Page, result and tables into a folder, which is made where it is missing. The same result gives the same bytes.

    equity.parquet has every close, however long the backtest. Raises UnavailableError when plotly is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(html(result), encoding="utf-8")
    (folder / DATA).write_bytes(result.json())
    _parquet(folder / EQUITY, [_row(one) for one in result.equity])
    _parquet(folder / TRADES, [_row(one) for one in result.outcome.trades])
    _parquet(folder / FILLS, [_row(one) for one in result.outcome.fills])


def html(result: BacktestResult) -> str:
    """The page. Raises UnavailableError when plotly is not installed."""
    try:
        from models.backtest import charts
    except ModuleNotFoundError as error:
        raise UnavailableError(f"the page needs plotly ({error}): pip install 'tapeledger[demo]'") from error
    shown = _drawn(result.equity)
    data: dict[str, Any] = {
        "equity": charts.equity(result, shown),
        "drawdown": charts.drawdown(result, shown),
        "prices": {
            symbol: charts.price(result, symbol, thinned(own, POINTS_MAX)) for symbol, own in result.prices.items()
        },
    }
    if result.scores is not None:
        data |= {"confusion": charts.confusion(result.scores), "roc": charts.roc(result.scores)}
    terms = result.terms
    title = f"Backtest: {terms.strategy}, {terms.first} to {terms.last}"
    return page.document(title, _header(result), _main(result), data)


def _drawn(series: list[Point]) -> list[Point]:
    """At most about POINTS_MAX: of each run of neighbours the lowest and the highest, so no fall is hidden."""
    if len(series) <= POINTS_MAX:
        return series
    run = -(-len(series) // (POINTS_MAX // 2))
    kept = {0, len(series) - 1}
    for start in range(0, len(series), run):
        span = range(start, min(start + run, len(series)))
        kept.add(min(span, key=lambda place: series[place].equity))
        kept.add(max(span, key=lambda place: series[place].equity))
    return [series[place] for place in sorted(kept)]


def _header(result: BacktestResult) -> str:
    terms = result.terms
    cards = "".join(
        f"<li>{escape(name)}<b>{escape(said)}</b><span>{escape(below)}</span></li>"
        for name, said, below in words.headline(result)
    )
    symbols = ", ".join(result.symbols)
    model = "no model" if result.model is None else f"model {result.model.name} {result.model.version}"
    return f"""<header>
<h1>Backtest <span class="badge">SIMULATED</span></h1>
<p>{escape(terms.strategy)} with {escape(model)}, {terms.first} to {terms.last}, on {escape(symbols)}.</p>
<p class="muted">Prices: {escape(result.data_source)}. Decisions at a close fill at the next open or later.</p>
</header>
<ul class="cards">{cards}</ul>
{_caveats(result)}"""


def _caveats(result: BacktestResult) -> str:
    if not result.caveats:
        return ""
    items = "".join(f"<li><b>{escape(one.code)}</b> {escape(one.text)}</li>" for one in result.caveats)
    return f'<section class="note"><h2>Before you believe it</h2><ul>{items}</ul></section>'


def _main(result: BacktestResult) -> str:
    scored = ""
    if result.scores is not None:
        scored = f"""<h2>Were the decisions right?</h2>
{page.chart_place("confusion", "low")}
<h2>ROC</h2>
{page.chart_place("roc")}"""
    return f"""<h2>Equity against buy and hold</h2>
{page.chart_place("equity")}
<h2>Under water</h2>
{page.chart_place("drawdown", "low")}
<h2 id="price">Trades on price</h2>
{page.symbol_choice(list(result.prices))}
{page.chart_place("price")}
<h2>Figures beside buy and hold</h2>
<div class="grid">{page.table(*words.figures(result), "wide tall words")}</div>
{scored}
<h2>Tables</h2>
<div class="grid">{"".join(page.table(*one, "wide") for one in words.tables(result))}
{page.table(*words.terms(result), "wide tall words")}</div>
{_fine_print(result)}"""


def _fine_print(result: BacktestResult) -> str:
    said = "".join(
        f"<dt>{escape(one.label)}</dt><dd>{escape(formula)}.{f' <i>{escape(source)}.</i>' if source else ''}</dd>"
        for one, formula, source in formulas()
    )
    model = "" if result.model is None else f" Model's data <code>{result.model.data_hash}</code>."
    return f"""<h2>How the figures are made</h2>
<p>V_0 … V_n is the worth at the closes, r_t = V_t / V_(t-1) - 1 their n returns, P closes a year:
{escape(result.annual.basis)}.</p>
<dl>{said}</dl>
<h2>What it is made of</h2>
<p>Digest <code>{result.digest}</code>: the same terms, prices, model and program give the same one.
Prices <code>{result.data_hash}</code>. Program <code>{result.code_version}</code>.{model}</p>
<p class="muted">Charts: plotly.js (MIT).</p>"""


def _row(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _parquet(file: Path, rows: list[dict[str, Any]]) -> None:
    """Numbers that are money or quantities as text, as in JSON: no decimal is rounded."""
    from decimal import Decimal

    import pyarrow
    import pyarrow.parquet

    plain = [{name: str(v) if isinstance(v, Decimal) else v for name, v in row.items()} for row in rows]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(plain), file)
