"""`tape models data`: which sources of bars there are, and what is wrong with one."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from domain.errors import TapeledgerError

app = typer.Typer(name="data", help="Market data: the sources there are, and checks of them.", no_args_is_help=True)


@app.command("sources")
def sources_() -> None:
    """List the sources of bars, how their prices are adjusted, and what can be declared of a file."""
    from models.marketdata.declared import WORDS
    from models.marketdata.sources import SOURCES

    console = Console()
    table = Table("source", "holds", "licence", "prices")
    for source in SOURCES.values():
        table.add_row(*map(escape, (source.form, source.holds, source.licence, source.prices)))
    console.print(table)
    words = Table("--declare", "of a file")
    for name, meaning in WORDS.items():
        words.add_row(escape(f"{name}=…"), escape(meaning))
    console.print(words)


@app.command()
def check(
    source: Annotated[str, typer.Option(help="as `tape models data sources` lists them, like csv:PATH")],
    declare: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="of a file, like prices=adjusted; may be repeated")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="exit with 1 when a row was dropped")] = False,
) -> None:
    """Read all bars of a source and report what was dropped, changed or stands out, and why."""
    from models.marketdata import sources
    from models.marketdata.declared import declaration
    from models.marketdata.report_text import rendered

    try:
        report = sources.read(source, declaration(declare or [])).report
    except TapeledgerError as error:
        Console(stderr=json).print(f"[red]{type(error).__name__}[/red]: {escape(str(error))}", highlight=False)
        raise typer.Exit(1) from error
    if json:
        sys.stdout.write(report.json().decode() + "\n")
    else:
        Console().print(rendered(report))
    if strict and report.dropped:
        raise typer.Exit(1)
