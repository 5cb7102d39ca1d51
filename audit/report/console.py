"""The report on a terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from audit.report import text
from audit.report.model import DemoReport


def render_console(report: DemoReport, console: Console | None = None) -> None:
    """Print the report. Signs and words carry the meaning; colour only repeats it."""
    out = console or Console()
    badge = "PAPER TRADING" if report.paper else "LIVE TRADING"
    out.print(Panel(f"[bold]{badge}[/]  account {escape(report.account_id)}  {report.first} to {report.last}"))
    for title, columns, rows in text.tables(report):
        out.print(_table(title, columns, rows))
    out.print(f"Model: {escape(', '.join(report.models) or text.NOTHING)}")
    for one in report.latencies:
        out.print(f"  {one.name}: {one.measures}", style="dim", markup=False)
    for name, found in (("Verify", report.verify), ("Replay", report.replay)):
        style = "" if found is None else "green" if found.ok else "bold red"
        out.print(f"{name}: {text.verdict(found)}", style=style, markup=False)
    for note in report.notes:
        out.print(f"Note: {note}", style="yellow", markup=False)
    out.print(f"Digest of signals, orders, fills, positions and P&L: {report.digest}", markup=False)


def _table(title: str, columns: list[str], rows: list[list[str]]) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=index == 0, overflow="fold")
    for row in rows:
        style = ("green" if row[-1].startswith("+") else "red") if row[0].startswith("P&L") else ""
        table.add_row(*(escape(cell) for cell in row), style=style)
    return table
