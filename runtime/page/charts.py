"""A chart of a page, made with plotly, with the rows of the table that stands behind it.

Colours come from the page's own palette when it draws them (see script): in a figure they are names such as
`var(--buy)`. plotly is imported when a figure is made.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """figure: plotly's JSON. caption: what the reader sees, and whether points were left out."""

    name: str
    figure: msgspec.Raw
    caption: str
    columns: list[str]
    rows: list[list[str]]


def figure(title: str) -> Any:
    """An empty figure whose vertical axis has this title. Raises ModuleNotFoundError without plotly."""
    import plotly.graph_objects as go

    made = go.Figure()
    made.update_layout(
        template="none",
        margin={"l": 56, "r": 8, "t": 8, "b": 32},
        legend={"orientation": "h", "y": -0.12, "x": 0},
        yaxis_title={"text": title, "standoff": 4},
        dragmode="zoom",
    )
    return made


def chart(name: str, made: Any, caption: str, columns: list[str], rows: list[list[str]]) -> Chart:
    """The chart of a figure."""
    slim = json.loads(made.to_json())
    slim["layout"].pop("template", None)
    body = json.dumps(slim, separators=(",", ":")).encode()
    return Chart(name=name, figure=msgspec.Raw(body), caption=caption, columns=columns, rows=rows)
