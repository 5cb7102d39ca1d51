"""The report as one HTML file that needs no network: figures first, charts drawn when they come into view."""

from __future__ import annotations

from html import escape
from pathlib import Path

from audit.report import text
from audit.report.model import DemoReport
from domain.errors import UnavailableError
from runtime import page


def write_page(report: DemoReport, path: Path) -> None:
    """Write the page to `path`. Raises UnavailableError when plotly is not installed."""
    try:
        from audit.report import charts
    except ModuleNotFoundError as error:
        raise UnavailableError(f"the page needs plotly ({error}): pip install 'tapeledger[demo]'") from error
    data = {
        "prices": {symbol: charts.price_chart(report, symbol) for symbol in report.bars},
        "equity": charts.equity_chart(report),
        "drawdown": charts.drawdown_chart(report),
    }
    title = f"tapeledger: {report.account_id}, {report.first} to {report.last}"
    path.write_text(page.document(title, _header(report), _main(report), data), encoding="utf-8")


def _main(report: DemoReport) -> str:
    return f"""<h2 id="price">Price, signals and fills</h2>
{page.symbol_choice(list(report.bars))}
{page.chart_place("price")}
<h2>Equity against buy and hold</h2>
{page.chart_place("equity")}
<h2>Drawdown</h2>
{page.chart_place("drawdown", "low")}
<h2>Figures</h2>
<div class="grid">{"".join(page.table(*one) for one in text.tables(report))}</div>
{_fine_print(report)}"""


def _header(report: DemoReport) -> str:
    badge = "PAPER" if report.paper else "LIVE"
    cards = "".join(
        f"<li>{escape(name)}<b class='{_tone(value)}'>{escape(value)}</b><span>{escape(below)}</span></li>"
        for name, value, below in text.headline(report)
    )
    notes = "".join(f"<p class='note'>{escape(note)}</p>" for note in report.notes)
    return f"""<header>
<h1>From prices to an audited portfolio <span class="badge">{badge}</span></h1>
<p>Account {escape(report.account_id)}, {report.first} to {report.last}.
Model: {escape(", ".join(report.models) or text.NOTHING)}.</p>
<p class="muted">Made {escape(report.made_at)}.
Prices: {escape(report.source.name)}; {escape(report.source.licence)}.</p>
</header>
<ul class="cards">{cards}</ul>{notes}"""


def _tone(value: str) -> str:
    """Colour that repeats what a sign or a word already says."""
    if value.startswith("+") or value == "OK":
        return "good"
    return "bad" if value.startswith("-") or value == "FAILED" else ""


def _fine_print(report: DemoReport) -> str:
    measured = {one.name: one.measures for one in report.latencies}
    formulas = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in {**report.formulas, **measured}.items()
    )
    return f"""<h2>Proof</h2>
<p>Verify: {escape(text.verdict(report.verify))}</p>
<p>Replay: {escape(text.verdict(report.replay))}</p>
<p>Digest of signals, orders, fills, positions and P&amp;L: <code>{report.digest}</code>. Two runs on the same data have
the same one, whatever was killed in between.</p>
<h2>How the figures are made</h2>
<dl>{formulas}</dl>
<p class="muted">Prices: {escape(report.source.name)}; {escape(report.source.licence)}; {escape(report.source.note)}.
Charts: plotly.js (MIT).</p>"""
