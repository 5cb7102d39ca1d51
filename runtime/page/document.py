"""The HTML of a page: its head, its charts' places and its tables."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import msgspec

from domain.errors import UnavailableError
from runtime.page.script import JS
from runtime.page.style import CSS


def document(title: str, header: str, main: str, data: Any) -> str:
    """The whole file. header, main: HTML. data: charts by name; `prices` holds those of each symbol, for the chart
    `price`. Raises UnavailableError when plotly is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError as error:
        raise UnavailableError(f"the page needs plotly ({error}): pip install 'tapeledger[demo]'") from error
    # `<` is written as an escape, so that no text in the data can end the script element.
    payload = msgspec.json.encode(data).decode().replace("<", "\\u003c")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{CSS}</style>
</head>
<body>
{header}
<main>
{main}
</main>
<noscript><p class="note">The charts and their tables need JavaScript; every other figure is above.</p></noscript>
<script type="application/json" id="data">{payload}</script>
<script type="text/plain" id="plotly">{get_plotlyjs()}</script>
<script>{JS}</script>
</body>
</html>
"""


def chart_place(name: str, kind: str = "") -> str:
    """Where a chart is drawn, its caption, and its table. kind: of the style sheet, such as `low`."""
    return f"""<figure><div class="chart {kind}" id="chart-{name}"></div>
<figcaption id="caption-{name}"></figcaption></figure>
<details id="table-{name}"><summary>The numbers behind this chart</summary>
<div class="scroll" tabindex="0" role="region" aria-label="table of {name}"></div></details>"""


def symbol_choice(symbols: Sequence[str]) -> str:
    """The choice of the symbol whose price is drawn."""
    options = "".join(f"<option>{escape(symbol)}</option>" for symbol in symbols)
    return f'<p><label>Symbol <select id="symbol">{options}</select></label></p>'


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    """A titled table, which scrolls within itself; the first column is text, the others are numbers.

    kind: of the style sheet: `wide` over all columns of a grid, `tall` in full height, `words` with cells that wrap.
    """
    head = "".join(f"<th scope='col'>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    kinds = f"{kind} wide" if len(columns) > 6 and "wide" not in kind else kind
    classes = f" class='{kinds.strip()}'" if kinds else ""
    return f"""<section{classes}><h3>{escape(title)}</h3>
<div class="scroll" tabindex="0" role="region" aria-label="{escape(title)}">
<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></section>"""
