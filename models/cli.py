"""`tape models`: train a model, list those there are, choose the one that is used."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from domain.errors import TapeledgerError
from models.store import Meta
from runtime.settings import settings

app = typer.Typer(name="models", help="Train the signals' model and see what is there.", no_args_is_help=True)
_console = Console()
_PERCENT = {"accuracy", "share", "earned"}


@app.command()
def train(
    symbols: Annotated[str, typer.Option(help="comma separated; default: all instruments of the settings")] = "",
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="first day")] = "2000-01-01",
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="last day, included")] = "2010-12-31",
) -> None:
    """Train on daily bars of the installed market data, log to MLflow, and make the model the champion."""
    from models import training

    start, end = _day(first, "--from"), _day(last, "--to")
    chosen = tuple(part.strip() for part in symbols.split(",") if part.strip()) or settings().symbols()
    with _bar() as bar:
        task = bar.add_task("starting", total=1.0)
        try:
            trained = training.train(
                settings(),
                chosen,
                start,
                end,
                lambda what, done: bar.update(task, description=what, completed=done),
            )
        except TapeledgerError as error:
            bar.stop()
            _fail(error)
    _console.print(metrics_table(trained.meta))
    untrained = sorted(set(chosen) - set(trained.meta.symbols))
    if untrained:
        _console.print(f"No samples in this range: {', '.join(untrained)} (too few bars).")
    what = "registered" if trained.fresh else "the very model that was there already"
    _console.print(f"Model {trained.meta.name} version {trained.meta.version} is the champion ({what}).")


@app.command("list")
def list_() -> None:
    """List the versions, newest first, and see that the champion's file is what MLflow says."""
    from models import registry

    try:
        versions = registry.versions(settings())
    except TapeledgerError as error:
        _fail(error)
    table = Table(title=f"Versions of {settings().model_name}")
    for heading in ("version", "alias", "trained on", "symbols", "hold-out accuracy", "majority class", "sha256"):
        table.add_column(heading)
    for version in versions:
        known = version.parameters
        table.add_row(
            version.version,
            settings().model_alias if version.champion else "",
            f"{known.get('trained_from')} … {known.get('trained_to')}",
            known.get("symbols", ""),
            f"{version.metrics.get('hold_out_accuracy', float('nan')):.1%}",
            f"{version.metrics.get('baseline_majority_accuracy', float('nan')):.1%}",
            version.sha256[:12],
        )
    _console.print(table if versions else "No model yet: train one with `tape models train`.")


@app.command()
def promote(version: Annotated[str, typer.Argument(help="as `tape models list` shows it")]) -> None:
    """Make a version the champion. A tape of signals that has begun keeps its version: see streams.signals.judge."""
    from models import registry

    try:
        meta = registry.promote(settings(), version)
    except TapeledgerError as error:
        _fail(error)
    _console.print(f"Model {meta.name} version {meta.version} is the champion.")


def metrics_table(meta: Meta) -> Table:
    """The metrics of a model beside the baselines, for people."""
    table = Table(title=f"{meta.name} {meta.version}, trained on {meta.trained_from} … {meta.trained_to}")
    table.add_column("metric")
    table.add_column("value", justify="right")
    for name, value in meta.metrics.items():
        table.add_row(name.replace("_", " "), _text(name, value))
    table.add_row("threshold for BUY, SELL", f"{meta.thresholds.buy:.3f}, {meta.thresholds.sell:.3f}")
    return table


def _text(name: str, value: float) -> str:
    if name.endswith("rows"):
        return f"{value:.0f}"
    return f"{value:.2%}" if _PERCENT & set(name.split("_")) else f"{value:.4f}"


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"expected a day as YYYY-MM-DD, it was {text!r}", param_hint=option) from error


def _bar() -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description:<28}"), BarColumn(), TimeElapsedColumn(), console=_console
    )


def _fail(error: TapeledgerError) -> None:
    _console.print(f"[red]{type(error).__name__}[/red]: {error}")
    raise typer.Exit(1)
