"""`tape models`: train a model, and list those there are. Promotions, which go on record, are streams.promotions."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, NoReturn, get_args

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from domain.errors import TapeledgerError
from models.cli_tables import metrics_table
from models.marketdata.cli import app as data
from runtime.settings import settings

app = typer.Typer(name="models", help="Train models, compare them, choose the one that judges.", no_args_is_help=True)
app.add_typer(data)

SourceOption = Annotated[str, typer.Option("--source", help="of bars, as `tape models data sources` lists them")]
DeclareOption = Annotated[
    list[str] | None,
    typer.Option("--declare", metavar="NAME=VALUE", help="of a file, like prices=adjusted; may be repeated"),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="a hyper-parameter, like max_depth=4; may be repeated"),
]


@app.command()
def train(
    model: Annotated[str, typer.Option(help="xgboost, lightgbm, lstm, logistic or majority")] = "xgboost",
    symbols: Annotated[str, typer.Option(help="comma separated; default: all instruments of the settings")] = "",
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="first day")] = "2000-01-01",
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="last day, included")] = "2010-12-31",
    source: SourceOption = "bokeh",
    declare: DeclareOption = None,
    label: Annotated[str, typer.Option(help="threshold or triple_barrier")] = "threshold",
    horizon: Annotated[int, typer.Option(help="bars that a label looks ahead")] = 5,
    threshold: Annotated[float, typer.Option(help="what a position must earn, net, as a fraction")] = 0.015,
    cost_bps: Annotated[float, typer.Option(help="of entering and leaving together")] = 10.0,
    folds: Annotated[int, typer.Option(min=1, help="periods that are walked forward over")] = 3,
    period: Annotated[str, typer.Option(help="year, quarter or month: of a fold, and of the hold-out")] = "year",
    validation: Annotated[str, typer.Option(help="walk_forward or combinatorial")] = "walk_forward",
    trials: Annotated[int, typer.Option(min=0, help="hyper-parameters that Optuna tries in each training part")] = 0,
    parameters: Parameters = None,
    seed: Annotated[int, typer.Option(help="of everything that draws")] = 20_110_103,
) -> None:
    """Train, measure by walk-forward and on a hold-out, and register the model.

    The first one becomes the champion, a later one the challenger: `tape models promote` compares the two.
    """
    from models.labels import Kind, LabelRule
    from models.marketdata.declared import declaration
    from models.training import train as trained_by
    from models.training.plan import Plan, Validation
    from models.validation.splits import Period

    start, end = day(first, "--from"), day(last, "--to")
    found = settings()
    chosen = tuple(part.strip() for part in symbols.split(",") if part.strip())
    if not chosen and source == "bokeh":
        chosen = found.symbols()
    with _bar() as bar:
        task = bar.add_task("starting", total=1.0)
        try:
            rule = LabelRule(
                kind=_one_of(Kind, label, "--label"), horizon_bars=horizon, threshold=threshold, cost_bps=cost_bps
            )
            plan = Plan(
                kind=model,
                parameters=_values(parameters),
                label=rule,
                folds=folds,
                period=_one_of(Period, period, "--period"),
                validation=_one_of(Validation, validation, "--validation"),
                trials=trials,
                seed=seed,
            )
            trained = trained_by(
                found,
                chosen,
                start,
                end,
                plan,
                source,
                declaration(declare or []),
                lambda what, done: bar.update(task, description=what, completed=done),
            )
        except TapeledgerError as error:
            bar.stop()
            fail(error)
    Console().print(metrics_table(trained.meta))
    untrained = sorted(set(chosen) - set(trained.meta.symbols))
    if untrained:
        Console().print(f"No samples in this range: {', '.join(untrained)} (too few bars).")
    if trained.leak_hunt:
        hunted = f"Too good to be believed before it is read up (leak_hunt_*.md in run {trained.meta.run_id}): "
        Console().print(f"[yellow]{hunted}[/yellow]{trained.leak_hunt}")
    what = "registered" if trained.fresh else "the very model that was there already"
    Console().print(f"Model {trained.meta.name} version {trained.meta.version} is the {trained.alias} ({what}).")


@app.command("list")
def list_() -> None:
    """List the versions, newest first, and see that the champion's files are what MLflow says."""
    from models.registry import records

    try:
        versions = records.versions(settings())
    except TapeledgerError as error:
        fail(error)
    table = Table(title=f"Versions of {settings().model_name}")
    for heading in ("version", "alias", "kind"):
        table.add_column(heading, no_wrap=True)
    for heading in ("trained on", "symbols", "log loss", "of the majority", "sha256"):
        table.add_column(heading, overflow="fold")
    for version in versions:
        known = version.parameters
        table.add_row(
            version.version,
            ", ".join(version.aliases),
            version.kind,
            f"{known.get('trained_from')} … {known.get('trained_to')}",
            known.get("symbols", ""),
            f"{version.metrics.get('hold_out_log_loss', float('nan')):.4f}",
            f"{version.metrics.get('hold_out_majority_log_loss', float('nan')):.4f}",
            version.sha256[:12],
        )
    Console().print(table if versions else "No model yet: train one with `tape models train`.")


@app.command()
def show(version: Annotated[str, typer.Argument(help="as `tape models list` shows it")]) -> None:
    """Show what is known of a version, and how it measured beside the baselines."""
    from models.registry import records

    try:
        meta, _ = records.read(settings(), version)
    except TapeledgerError as error:
        fail(error)
    Console().print(metrics_table(meta))
    for name, value in (
        ("symbols", ", ".join(meta.symbols)),
        ("label", meta.label),
        ("parameters", meta.parameters),
        ("calibration", meta.calibration),
        ("features", ", ".join(meta.features)),
        ("data hash", meta.data_hash),
        ("code version", meta.code_version),
        ("model SHA-256", meta.sha256),
        ("MLflow run", meta.run_id),
    ):
        Console().print(f"{name}: {value}", highlight=False)


def day(text: str, option: str) -> date:
    """Raises typer's own error for a text that is no day."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"expected a day as YYYY-MM-DD, it was {text!r}", param_hint=option) from error


def say(what: Any) -> None:
    Console().print(what)


def fail(error: TapeledgerError) -> NoReturn:
    """One line that says why, and exit code 1."""
    Console().print(f"[red]{type(error).__name__}[/red]: {error}")
    raise typer.Exit(1)


def _one_of(choices: Any, text: str, option: str) -> Any:
    known = get_args(choices)
    if text not in known:
        raise typer.BadParameter(f"expected {' or '.join(known)}, it was {text!r}", param_hint=option)
    return text


def _values(given: list[str] | None) -> dict[str, float | int]:
    """Numbers by name: hyper-parameters are numbers."""
    found: dict[str, float | int] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        try:
            found[name] = int(value) if value.lstrip("-").isdigit() else float(value)
        except ValueError as error:
            raise typer.BadParameter(f"expected NAME=NUMBER, it was {text!r}", param_hint="--set") from error
        if not (name and equals):
            raise typer.BadParameter(f"expected NAME=NUMBER, it was {text!r}", param_hint="--set")
    return found


def _bar() -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description:<28}"), BarColumn(), TimeElapsedColumn(), console=Console()
    )
