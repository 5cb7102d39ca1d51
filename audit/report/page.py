"""The report as one HTML file that needs no network: figures first, charts drawn when they come into view."""

from __future__ import annotations

from html import escape
from pathlib import Path

import msgspec

from audit.report import text
from audit.report._script import JS
from audit.report._style import CSS
from audit.report.model import DemoReport
from domain.errors import UnavailableError


def write_page(report: DemoReport, path: Path) -> None:
    """Write the page to `path`. Raises UnavailableError when plotly is not installed."""
    try:
        from plotly.offline import get_plotlyjs

        from audit.report import charts
    except ModuleNotFoundError as error:
        raise UnavailableError(f"the page needs plotly ({error}): pip install 'tapeledger[demo]'") from error
    data = {
        "prices": {symbol: charts.price_chart(report, symbol) for symbol in report.bars},
        "equity": charts.equity_chart(report),
        "drawdown": charts.drawdown_chart(report),
    }
    # `<` is written as an escape, so that no text in the data can end the script element.
    payload = msgspec.json.encode(data).decode().replace("<", "\\u003c")
    path.write_text(_document(report, payload, get_plotlyjs()), encoding="utf-8")


def _document(report: DemoReport, payload: str, library: str) -> str:
    symbols = "".join(f"<option>{escape(symbol)}</option>" for symbol in report.bars)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tapeledger: {escape(report.account_id)}, {report.first} to {report.last}</title>
<link rel="icon" href="data:,">
<style>{CSS}</style>
</head>
<body>
{_header(report)}
<main>
<h2 id="price">Price, signals and fills</h2>
<p><label>Symbol <select id="symbol">{symbols}</select></label></p>
{_chart("price", "")}
<h2>Equity against buy and hold</h2>
{_chart("equity", "")}
<h2>Drawdown</h2>
{_chart("drawdown", " low")}
<h2>Figures</h2>
<div class="grid">{"".join(_table(*table) for table in text.tables(report))}</div>
{_fine_print(report)}
</main>
<noscript><p class="note">The charts and their tables need JavaScript; every other figure is above.</p></noscript>
<script type="application/json" id="data">{payload}</script>
<script type="text/plain" id="plotly">{library}</script>
<script>{JS}</script>
</body>
</html>
"""


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


def _chart(name: str, kind: str) -> str:
    return f"""<figure><div class="chart{kind}" id="chart-{name}"></div>
<figcaption id="caption-{name}"></figcaption></figure>
<details id="table-{name}"><summary>The numbers behind this chart</summary>
<div class="scroll" tabindex="0" role="region" aria-label="table of {name}"></div></details>"""


def _table(title: str, columns: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th scope='col'>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    wide = " class='wide'" if len(columns) > 6 else ""
    return f"""<section{wide}><h3>{escape(title)}</h3>
<div class="scroll" tabindex="0" role="region" aria-label="{escape(title)}">
<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></section>"""


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
