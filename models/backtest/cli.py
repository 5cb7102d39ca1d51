"""`tape backtest`: run one here and now, read its report, and hold a run of the real ledger against a backtest."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from domain.backtests import BacktestTerms, BarSource, Strategy
from domain.errors import InvalidValue, TapeledgerError, UnreadableInput
from models.backtest import words
from models.backtest.compare import Difference
from models.backtest.result import BacktestResult
from runtime.settings import settings

if TYPE_CHECKING:
    from models.backtest.comparison import Comparison

app = typer.Typer(name="backtest", help="A strategy over past prices.", no_args_is_help=True)
_console = Console()
_STRATEGIES, _SOURCES = ("model-follower", "buy-and-hold"), ("installed", "recorded")
_SHOWN_MAX = 40

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def run(
    symbols: Annotated[str, typer.Option(help="comma separated; default: all instruments of the settings")] = "",
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="first day")] = "2011-01-03",
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="last day, included")] = "2012-12-31",
    strategy: Annotated[str, typer.Option(help=" or ".join(_STRATEGIES))] = "model-follower",
    model: Annotated[str, typer.Option(help="name@alias or name/version; default: the settings' own")] = "",
    source: Annotated[str, typer.Option(help="installed market data, or ticks recorded in the database")] = "installed",
    cash: Annotated[str, typer.Option(help="what the account starts with, USD")] = "100000.00",
    allocation: Annotated[str, typer.Option(help="cash put into one symbol by one entry; default: the settings'")] = "",
    out: Annotated[Path | None, typer.Option(help="folder for page, result and tables; default: in TAPE_HOME")] = None,
    as_json: Json = False,
) -> None:
    """Run a backtest in this process, print its figures, and write its page. Costs are the settings' paper venue's."""
    from models.backtest import report
    from models.backtest import run as run_backtest

    found = settings()
    try:
        terms = BacktestTerms(
            symbols=tuple(part.strip() for part in symbols.split(",") if part.strip()) or found.symbols(),
            first=_day(first, "--from").isoformat(),
            last=_day(last, "--to").isoformat(),
            strategy=cast(Strategy, _one_of(strategy, _STRATEGIES, "--strategy")),
            source=cast(BarSource, _one_of(source, _SOURCES, "--source")),
            model=model,
            cash=_decimal(cash, "--cash"),
            allocation=_decimal(allocation, "--allocation") if allocation else found.strategy_allocation,
            protection=found.strategy_protection,
            fee_bps=found.paper_fee_bps,
            half_spread_bps=found.paper_half_spread_bps,
            impact_bps=found.paper_impact_bps,
            participation_max=found.paper_participation_max,
        )
        with _bar(quiet=as_json) as bar:
            task = bar.add_task("starting", total=1.0)
            result = run_backtest(terms, found, lambda share, text: bar.update(task, completed=share, description=text))
        folder = out or found.tape_home / "backtests" / result.digest[:16]
        report.write(result, folder)
    except TapeledgerError as error:
        _fail(error)
    if as_json:
        typer.echo(result.summary().json())
        return
    _show(result)
    _console.print(f"\n{folder / report.PAGE}  equity, drawdown, trades and scores", soft_wrap=True, markup=False)


@app.command("report")
def report_(
    result: Annotated[Path, typer.Argument(help="a result.json that `tape backtest run` has written")],
    out: Annotated[Path | None, typer.Option(help="folder for the page; default: beside the result")] = None,
) -> None:
    """Print a result's figures and write its page anew."""
    from models.backtest import report

    try:
        read = _read(result)
        folder = out or result.parent
        report.write(read, folder)
    except TapeledgerError as error:
        _fail(error)
    _show(read)
    _console.print(f"\n{folder / report.PAGE}", soft_wrap=True, markup=False)


@app.command()
def compare(
    account: Annotated[str, typer.Option(help="default: the strategy's")] = "",
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="last day, included; default: all")] = "",
    out: Annotated[Path | None, typer.Option(help="write the comparison as JSON to this file")] = None,
    as_json: Json = False,
) -> None:
    """Hold the run in the database against a backtest of the same ticks, trade by trade.

    Exit code 1 when a difference is not explained. Needs the database alone: `tape up --workers none`.
    """
    from models.backtest.comparison import compare_run

    try:
        found = compare_run(settings(), account, _day(last, "--to") if last else None)
    except TapeledgerError as error:
        _fail(error)
    if out is not None:
        out.write_bytes(found.json())
    if as_json:
        typer.echo(found.json())
    else:
        _show_comparison(found)
    if found.unexplained:
        raise typer.Exit(1)


def _show(result: BacktestResult) -> None:
    for title, columns, rows in (words.figures(result), words.costs(result)):
        _console.print(_table(title, columns, rows))
    for caveat in result.caveats:
        _console.print(f"{caveat.code}: {caveat.text}", markup=False)
    _console.print(f"Digest {result.digest}")


def _show_comparison(found: Comparison) -> None:
    sides = [found.recorded] if found.remade is None else [found.recorded, found.remade]
    rows = [
        [
            f"signals {side.signals}",
            f"{side.orders:,}",
            f"{len(side.matches):,}",
            f"{sum(match.same for match in side.matches):,}",
            f"{len(side.differences) - len(side.unexplained):,}",
            f"{len(side.unexplained):,}",
        ]
        for side in sides
    ]
    title = f"{found.account_id}, {found.first} to {found.last}: the ledger and a backtest of its ticks"
    _console.print(_table(title, ["Backtest on", "Orders", "Fills", "Same", "Explained", "Not explained"], rows))
    _console.print(f"{found.signals:,} signals, {len(found.signal_differences):,} of them otherwise when made anew")
    if found.remade is None:
        _console.print(f"Signals were not made anew: {found.not_remade}", markup=False)
    differences = [one for side in sides for one in side.differences] + found.signal_differences
    if differences:
        _console.print(_differences(differences))
    if found.unexplained:
        _console.print(f"[red]{len(found.unexplained)} differences are not explained.[/red]")
        _console.print("Were the settings the run's? STRATEGY_ALLOCATION, STRATEGY_PROTECTION, MARKET_LATENCY_US …")
    else:
        _console.print("Every trade agrees, or its difference is explained.")


def _differences(differences: list[Difference]) -> Table:
    rows = [
        [one.about, one.symbol, words.minute(one.time_us), one.ledger, one.backtest, one.explanation or "", one.text]
        for one in differences[:_SHOWN_MAX]
    ]
    title = f"Differences ({len(rows)} of {len(differences)})"
    return _table(title, ["About", "Symbol", "Market time", "Ledger", "Backtest", "Explanation", "In words"], rows)


def _table(title: str, columns: list[str], rows: list[list[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*row)
    return table


def _read(file: Path) -> BacktestResult:
    try:
        return BacktestResult.read(file.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise UnreadableInput(f"{file} is no result of a backtest: {error}") from error


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"expected a day as YYYY-MM-DD, it was {text!r}", param_hint=option) from error


def _decimal(text: str, option: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise typer.BadParameter(f"expected a number, it was {text!r}", param_hint=option) from error


def _one_of(text: str, known: tuple[str, ...], option: str) -> str:
    if text not in known:
        raise typer.BadParameter(f"expected {' or '.join(known)}, it was {text!r}", param_hint=option)
    return text


def _bar(*, quiet: bool) -> Progress:
    columns: tuple[Any, ...] = (TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=_console, disable=quiet)


def _fail(error: TapeledgerError) -> None:
    code = f"{error.code}: " if isinstance(error, InvalidValue) else ""
    typer.echo(f"error: {code}{error}", err=True)
    raise typer.Exit(1)
