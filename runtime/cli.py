"""The `tape` command.

Exit codes: 0 it worked; 1 it did not, and one line says why; 2 the command line is wrong; 3 a worker met what trying
again cannot heal.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.errors import InvalidValue, TapeledgerError, UnavailableError
from runtime import parts

if TYPE_CHECKING:
    from runtime.settings import Settings

_DETACH_TIMEOUT_S = 180.0
_DOWN_TIMEOUT_S = 30.0

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="An event-sourced trading ledger: every signal, order and fill is an immutable, hash-chained event on Kafka.",
)
PARTS: dict[str, str] = {}
"""Commands of other folders, by name: module:app. Filled in at the end of this file."""

topics = typer.Typer(no_args_is_help=True, help="Kafka topics (infra/kafka/topics.yaml).")
db = typer.Typer(no_args_is_help=True, help="The read side's database (infra/timescale).")
app.add_typer(topics, name="topics")
app.add_typer(db, name="db")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def root(debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False) -> None:
    """Options of every command."""
    if debug:
        os.environ["TAPE_DEBUG"] = "1"


@app.command()
def up(
    workers: Annotated[str, typer.Option(help="Comma separated; `none` for the servers alone.")] = ",".join(
        parts.DEFAULT_WORKERS
    ),
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when it runs, and leave it running.")] = False,
) -> None:
    """Start servers and workers, and keep them running until Ctrl-C or `tape down`."""
    names = parts.split(workers)
    if detach:
        _detach(workers)
        return
    from runtime import board
    from runtime.embedded.ports import is_free
    from runtime.settings import given_settings
    from runtime.supervisor import Supervisor

    settings = given_settings()
    supervisor = Supervisor(settings, {n.partition("=")[0]: parts.worker_argv(n) for n in names}, prepare, board.say)
    supervisor.acquire()
    if "api" in names and settings.api_port and not is_free(settings.api_port):
        supervisor.stop()
        raise UnavailableError(f"port {settings.api_port} for the API is taken; API_PORT names another one")
    with board.live(supervisor.rows):
        _on_signal(lambda: sys.exit(130))  # start() then stops what it had started
        supervisor.start()
        _on_signal(supervisor.request_stop)
        supervisor.run()


def _on_signal(action: Callable[[], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: action())


def _detach(workers: str) -> None:
    """Start `tape up` in the background; return when its servers answer and its workers are started."""
    from runtime import board
    from runtime.embedded import process
    from runtime.embedded.servers import HomeInUse, owner
    from runtime.settings import given_settings
    from runtime.supervisor import read_status

    home = given_settings().tape_home.absolute()
    if (running := owner(home)) is not None:
        raise HomeInUse(f"{home} is in use by process {running.pid}; `tape status` shows it, `tape down` ends it")
    log = home / "logs" / "supervisor.log"
    child = process.spawn([sys.executable, "-m", "runtime.cli", "up", "--workers", workers], log=log)
    deadline = time.monotonic() + _DETACH_TIMEOUT_S
    while True:
        status = read_status(home)
        if status["pid"] == child.pid and status["phase"] == "running":
            break
        if child.poll() is not None:
            raise UnavailableError(f"tape up ended with code {child.returncode}; end of {log}:\n{process.tail(log)}")
        if time.monotonic() > deadline:
            child.send_signal(signal.SIGTERM)
            raise UnavailableError(f"tape up is not there after {_DETACH_TIMEOUT_S:.0f} s; see {log}")
        time.sleep(0.1)
    board.show(status["rows"])
    board.say(f"running in the background as process {child.pid}; `tape status` shows it, `tape down` ends it")
    board.say("the API asks for a key: `tape access root-key` prints the first one")


@app.command()
def down() -> None:
    """Stop workers, then servers; kill what has not ended after 30 s."""
    from runtime import board
    from runtime.embedded import guard, process
    from runtime.embedded.servers import owner
    from runtime.settings import given_settings

    home = given_settings().tape_home.absolute()
    running = owner(home)
    if running is not None:
        gracefully = process.stop(running, _DOWN_TIMEOUT_S)
        board.say("stopped" if gracefully else f"process {running.pid} did not end, so it was killed")
    if (left := guard.take_over(home)) or running is None:
        board.say(f"stopped what was left of an earlier run: {', '.join(left)}" if left else "nothing was running")
    (home / "endpoints.json").unlink(missing_ok=True)


@app.command()
def status(as_json: Json = False) -> None:
    """Show servers and workers. Exit code 1 when nothing runs."""
    from runtime import board
    from runtime.embedded.servers import owner
    from runtime.settings import given_settings
    from runtime.supervisor import read_status

    home = given_settings().tape_home.absolute()
    running = owner(home)
    found: dict[str, Any] = {"pid": None, "phase": "stopped", "rows": []}
    if running is not None:
        found = read_status(home)
    if as_json:
        typer.echo(json.dumps(found))
    elif running is None:
        board.say(f"nothing runs in {home}; `tape up` starts it")
    else:
        board.show(found["rows"])
    if running is None:
        raise typer.Exit(1)


@app.command()
def restart(name: Annotated[str, typer.Argument(help="A worker, as `tape status` names it.")]) -> None:
    """Start a worker again, a halted one too: once the cause is gone."""
    from runtime import board
    from runtime.embedded.servers import owner
    from runtime.settings import given_settings
    from runtime.supervisor import ask_restart, read_status

    home = given_settings().tape_home.absolute()
    if owner(home) is None:
        raise UnavailableError(f"nothing runs in {home}; `tape up` starts it")
    names = [row["name"] for row in read_status(home)["rows"] if row["kind"] == "worker"]
    if name not in names:
        raise InvalidValue("WORKER_UNKNOWN", f"no worker {name!r} runs here; there are {', '.join(names)}", name=name)
    ask_restart(home, name)
    board.say(f"{name} will be started again; `tape status` shows it")


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what is missing and how to get it. Exit code 1 when something required is."""
    from runtime import board
    from runtime.doctor import examine
    from runtime.settings import given_settings

    findings = examine(given_settings())
    if as_json:
        typer.echo(json.dumps([finding._asdict() for finding in findings]))
    else:
        board.findings(findings)
    if any(finding.required and not finding.good for finding in findings):
        raise typer.Exit(1)


@app.command()
def worker(name: str) -> None:
    """Run one worker: ledger, signals, strategy, audit, engine, projector, api, feed, marks, transfers,
    backtests, inference.

    Or one of your own, as NAME=package.module. Exit code 3 when it met what trying again cannot heal; the reason is in
    its log and, under `tape up`, in the status.
    """
    from runtime import endings, logs, stopping
    from runtime.settings import settings

    stopping.install()
    run = parts.load(f"{parts.worker_module(name)}:run")
    service = name.partition("=")[0]
    home = Path(os.environ.get("TAPE_HOME") or ".tape")
    try:
        found = settings()
        home = found.tape_home
        logs.configure(found, service)
        run(found)
    except Exception as error:
        show_trace = _debug() or not isinstance(error, TapeledgerError)
        logging.getLogger(__name__).critical("%s cannot go on: %s", service, error, exc_info=show_trace)
        raise typer.Exit(endings.leave(home, service, error)) from error


@topics.command("apply")
def topics_apply() -> None:
    """Create the declared topics that are missing. A live topic is never changed."""
    from runtime import board
    from runtime.settings import settings
    from streams.topics import apply

    created = apply(_with_address(settings(), "kafka_bootstrap_servers"))
    board.say(f"created {', '.join(created)}" if created else "all topics are there")


@db.command("migrate")
def db_migrate() -> None:
    """Apply the migrations that are missing, and bring the roles of projector, reader and backtests up to date."""
    from projections.migrate import migrate
    from projections.roles import ensure_backtests, ensure_projector, ensure_reader
    from runtime import board
    from runtime.settings import settings

    found = _with_address(settings(), "database_url")
    applied = migrate(found.database_url)
    board.say(f"applied {', '.join(applied)}" if applied else "the database is up to date")
    if found.database_projector_url:
        ensure_projector(found)
    else:
        board.say("no DATABASE_PROJECTOR_URL is given: its role was left alone, and projectors use DATABASE_URL")
    if found.database_reader_url:
        ensure_reader(found)
    else:
        board.say("no DATABASE_READER_URL is given: its role was left alone, and the API reads nothing")
    if found.database_backtests_url:
        ensure_backtests(found)
    else:
        board.say("no DATABASE_BACKTESTS_URL is given: its role was left alone, and backtests use DATABASE_URL")


def prepare(settings: Settings) -> Mapping[str, str]:
    """Make topics, tables and the roles besides the owner. Returns their addresses where none were given."""
    from projections.migrate import migrate
    from projections.roles import ensure_backtests, ensure_projector, ensure_reader
    from runtime.embedded.postgres import secret
    from streams.topics import apply

    apply(settings)
    migrate(settings.database_url)
    made = {}
    ensures = {"projector": ensure_projector, "reader": ensure_reader, "backtests": ensure_backtests}
    for name, ensure in ensures.items():
        if getattr(settings, f"database_{name}_url"):
            ensure(settings)
        else:
            password = secret(settings.tape_home.absolute() / f"{name}.password")
            made[f"database_{name}_url"] = ensure(settings.database_url, password)
    return made


def _with_address(settings: Settings, name: str) -> Settings:
    if not getattr(settings, name):
        raise UnavailableError(f"{name.upper()} is not given, and no embedded server runs; `tape up` starts one")
    return settings


def _part(name: str, path: str, text: str) -> None:
    """A command of another folder, imported when it is used; all that follows on the command line is its own."""
    if not parts.is_there(path.partition(":")[0].partition(".")[0]):
        return
    PARTS[name] = path

    def command(context: typer.Context) -> None:
        arguments = list(context.args)
        typer.main.get_command(parts.load(path))(arguments, prog_name=f"tape {name}")

    own = {"ignore_unknown_options": True, "allow_extra_args": True}
    app.command(name, help=text, context_settings=own, add_help_option=False)(command)


_part("demo", "runtime.cli_demo:app", "Replay 2011-2012 on real prices, trade, and show what came of it.")
_part("feed", "streams.feed.cli:app", "Publish real bars as ticks.")
_part("models", "streams.promotions.cli:app", "Train, compare, list and promote models; check market data.")
_part("backtest", "models.backtest.cli:app", "Backtests: run, report, compare with the real ledger.")
_part("audit", "audit.cli:app", "Verify the tapes, and replay them against the tables.")
_part("projections", "projections.rebuild.cli:app", "Versions of the read models: rebuild, compare, switch.")
_part("risk", "streams.risk.cli:app", "Halt and resume trading, lay down limits, see what stands.")
_part("backtests", "streams.backtests.cli:app", "Backtests as jobs: submit, list, show, wait, cancel.")
_part("access", "streams.access.cli:app", "Users, their roles and their API keys.")
_part("ops", "streams.ops.cli:app", "The back office: corporate actions, corrections, cash, locates, fee schedules.")
_part("deadletters", "streams.deadletters.cli:app", "Inputs that could not be read: list, show, retry, discard.")


def _debug() -> bool:
    return bool(os.environ.get("TAPE_DEBUG"))


def main() -> None:
    """The entry point. An error of ours is one line on standard error; --debug shows its traceback too."""
    try:
        app()
    except TapeledgerError as error:
        if _debug():
            raise
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
