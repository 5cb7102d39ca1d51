"""`tape feed run`: a replay with a progress bar on stderr and one line of JSON on stdout at its end."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from domain.errors import TapeledgerError
from runtime.settings import Settings
from runtime.settings import settings as process_settings
from streams.feed import feed as feeds

app = typer.Typer(help="Market data: replay real daily bars as ticks.", no_args_is_help=True)
_DAY = ["%Y-%m-%d"]


@app.callback()
def _group() -> None:
    """Market data: replay real daily bars as ticks."""


@app.command()
def run(
    symbols: Annotated[str, typer.Option(help="Comma separated; empty: all instruments.")] = "",
    first: Annotated[datetime, typer.Option("--from", formats=_DAY, help="First day, included.")] = datetime(
        2011, 1, 1, tzinfo=UTC
    ),
    last: Annotated[datetime, typer.Option("--to", formats=_DAY, help="Last day, included.")] = datetime(
        2012, 12, 31, tzinfo=UTC
    ),
    lockstep: Annotated[bool, typer.Option("--lockstep", help="Wait for what each tick causes (the default).")] = False,
    speed: Annotated[float | None, typer.Option(help="Market seconds per second, without waiting.")] = None,
    bars_per_second: Annotated[float | None, typer.Option(help="Bars per second, without waiting.")] = None,
) -> None:
    """Publish the ticks of a replay that are not on market.ticks yet. Ctrl-C stops it; the next run goes on."""
    if lockstep and (speed is not None or bars_per_second is not None):
        raise typer.BadParameter("--lockstep waits for consequences, --speed and --bars-per-second do not: choose one")
    settings = process_settings()
    chosen = tuple(name.strip() for name in symbols.split(",") if name.strip()) or settings.symbols()
    try:
        pace = feeds.Pace(speed=speed, bars_per_second=bars_per_second)
        feed = feeds.Feed(settings, chosen, first.date(), last.date(), pace)
        summary = run_with_bar(settings, feed)
    except TapeledgerError as error:
        typer.echo(f"tape feed run: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(msgspec.json.encode(summary).decode())
    if not summary.complete:
        raise typer.Exit(130)


def run_with_bar(settings: Settings, feed: feeds.Feed) -> feeds.Summary:
    """Run a feed under a progress bar; SIGINT and SIGTERM stop it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: feed.stop())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("bars  {task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task("starting", total=feed.plan.bars, rate="")
        first_done: list[int] = []

        def show(progress: feeds.Progress) -> None:
            first_done.append(progress.bars_done) if not first_done else None
            elapsed = bars.tasks[task].elapsed or 0.0
            rate = f"{(progress.bars_done - first_done[0]) / elapsed:,.0f}/s" if elapsed > 1 else ""
            bars.update(task, completed=progress.bars_done, description=_day(progress), rate=rate)

        return feed.run(show)


def _day(progress: feeds.Progress) -> str:
    if progress.market_time_us is None:
        return "starting"
    return datetime.fromtimestamp(progress.market_time_us / 1e6, UTC).date().isoformat()
