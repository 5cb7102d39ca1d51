"""`tape demo`: real prices become signals, orders, fills, a portfolio and a proof, on servers of its own.

Every run starts an empty ledger in its home, trains the model on the years before, replays the period in lockstep,
checks what came of it, and writes report.json and a page. Two runs give the same report but for times.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from domain.errors import UnavailableError
from runtime import parts

if TYPE_CHECKING:
    from audit.report import Verdicts
    from runtime.settings import Settings
    from runtime.supervisor import Supervisor

app = typer.Typer(add_completion=False)
_console = Console(highlight=False)
_STEP_TIMEOUT_S = 120.0
_POLL_S = 0.2
_TRAINED_FROM = "2000-01-01"
_KEPT_MODEL = ("models", "mlflow")


@app.command()
def demo(
    home: Annotated[Path, typer.Option(help="Its data, logs and report; made anew by each run.")] = Path(".tape/demo"),
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day.")] = "2011-01-01",
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day, included.")] = "2012-12-31",
    symbols: Annotated[str, typer.Option(help="Comma separated.")] = "AAPL,FB,GOOG,IBM,MSFT",
    cash: Annotated[str, typer.Option(help="What the account starts with, in USD.")] = "100000.00",
    keep_model: Annotated[
        bool, typer.Option("--keep-model", help="Use the model of the last run in this home.")
    ] = False,
) -> None:
    """Replay real prices, trade on signals, and show what came of it."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    run = DemoRun(home.absolute(), _day(first), _day(last), symbols, Decimal(cash), keep_model)
    raise typer.Exit(0 if run.run() else 1)


class DemoRun:
    """One run. first, last: both days included."""

    def __init__(
        self, home: Path, first: date, last: date, symbols: str, cash: Decimal, keep_model: bool = False
    ) -> None:
        from runtime.embedded.ports import free_port, is_free
        from runtime.settings import given_settings

        given = given_settings()
        self.home, self.first, self.last, self.cash, self.keep_model = home, first, last, cash, keep_model
        self.settings: Settings = given.model_copy(
            update={
                "tape_home": home,
                "instruments": symbols,
                "feed_from": first,
                "feed_to": last,
                "feed_speed": 0.0,
                "api_port": given.api_port if is_free(given.api_port) else free_port(),
            }
        )
        self.report_folder = home / "report"
        self._supervisor: Supervisor | None = None

    def run(self) -> bool:
        """True when the log was verified and replayed without a finding. Raises UnavailableError."""
        from runtime.supervisor import Supervisor

        started = time.monotonic()
        self._clean()
        says = (self.home / "logs" / "supervisor.log").open("a", buffering=1)
        self._supervisor = Supervisor(self.settings, {}, _prepare, lambda line: print(line, file=says))
        try:
            with self._training() as wait_for_model:
                with _step("starting Kafka, PostgreSQL and Valkey"):
                    self.settings = self._supervisor.start()
                with _step(f"training the model on {_TRAINED_FROM[:4]}-{self.first.year - 1}"):
                    wait_for_model()
            with _step("starting the workers"):
                self._start_workers()
            with _step(f"opening account {self.settings.strategy_account_id} with {self.cash} USD"):
                self._open_account()
            self._replay_prices()
            with _step("waiting for the read side"):
                _until(self._settled, "the read side has everything", _STEP_TIMEOUT_S)
            good = self._show(*self._audit())
        finally:
            with _step("stopping"):
                self._supervisor.stop()
            says.close()
        self._what_next(time.monotonic() - started)
        return good

    def _clean(self) -> None:
        """An empty home, but for the model of the last run where it is wanted."""
        from runtime.embedded.servers import HomeInUse, owner

        running = owner(self.home) if self.home.exists() else None
        if running is not None:
            raise HomeInUse(f"{self.home} is in use by process {running.pid}; a demo runs there")
        if self.home.exists():
            if any(self.home.iterdir()) and not (self.home / "run").exists() and not self.report_folder.exists():
                raise UnavailableError(f"{self.home} holds something that no demo has made; name another --home")
            for entry in self.home.iterdir():
                if self.keep_model and entry.name.startswith(_KEPT_MODEL):
                    continue
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        for folder in (self.home / "logs", self.report_folder):
            folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def _training(self) -> Iterator[Callable[[], None]]:
        """Training in a process of its own, while servers start; gives the function that waits for its end."""
        if self.keep_model and (self.home / "models").exists():
            yield lambda: None
            return
        log = self.home / "logs" / "training.log"
        command = [sys.executable, "-m", "runtime.cli", "models", "train"]
        command += ["--from", _TRAINED_FROM, "--to", f"{self.first.year - 1}-12-31"]
        with log.open("w") as out:
            child = subprocess.Popen(command, env=_environment(self.settings), stdout=out, stderr=subprocess.STDOUT)

        def wait() -> None:
            if child.wait(_STEP_TIMEOUT_S * 2) != 0:
                raise UnavailableError(f"training ended with code {child.returncode}; see {log}")

        try:
            yield wait
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()

    def _start_workers(self) -> None:
        assert self._supervisor is not None
        for name in parts.DEFAULT_WORKERS:
            self._supervisor.start_worker(name, parts.worker_argv(name))
        self._supervisor.wait_ready(_STEP_TIMEOUT_S)

    def _open_account(self) -> None:
        """Through the HTTP API, as any client would, and wait until the query side shows the cash."""
        from tapeledger_client import Client, NotFound, Unavailable
        from tapeledger_client.models import AccountRequest, CashRequest

        account = self.settings.strategy_account_id
        base = f"http://{self.settings.api_host}:{self.settings.api_port}"
        with Client(base, api_key=self.settings.api_root_key.get_secret_value()) as client:
            client.open_account(AccountRequest(account_id=account, owner="Demo"))
            amount = self.cash.quantize(Decimal("0.01"))
            client.deposit_cash(account, CashRequest(amount=amount), idempotency_key=f"demo-deposit-{account}")

            def funded() -> bool:
                try:
                    return client.get_portfolio(account).cash == self.cash
                except (NotFound, Unavailable):
                    return False

            _until(funded, f"the portfolio of {account} shows its cash", _STEP_TIMEOUT_S)

    def _replay_prices(self) -> None:
        """The feed, in a process that is started again when it dies; done when it has left its summary."""
        from streams.feed.feed import Feed
        from streams.tape import end_offsets

        assert self._supervisor is not None
        total = len(Feed(self.settings, self.settings.symbols(), self.first, self.last).plan.ticks)
        summary = self.home / "feed.json"
        self._supervisor.start_worker("feed", parts.worker_argv("feed"))
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("ticks"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=_console) as bars:
            task = bars.add_task(f"replaying {self.first} to {self.last} in lockstep", total=total)
            published, moved_at = -1, time.monotonic()
            while not summary.exists():
                time.sleep(_POLL_S)
                if time.monotonic() - moved_at > _STEP_TIMEOUT_S:
                    log = self.home / "logs" / "feed.log"
                    raise UnavailableError(f"the feed has stood still for {_STEP_TIMEOUT_S:.0f} s; {log} says why")
                try:
                    now_published = sum(end_offsets(self.settings, self.settings.topic("market.ticks")).values())
                except UnavailableError:  # Kafka was killed; it is being started again
                    continue
                if now_published != published:
                    published, moved_at = now_published, time.monotonic()
                    bars.update(task, completed=published)
            bars.update(task, completed=total)

    def _settled(self) -> bool:
        """The read side has all that is on Kafka, and the venue has answered for every order.

        False also while a server is away, which is being started again.
        """
        import psycopg

        try:
            return self._has_all()
        except (psycopg.OperationalError, UnavailableError):
            return False

    def _has_all(self) -> bool:
        import psycopg

        from streams.tape import end_offsets

        topics = [
            self.settings.topic(name) for name in ("ledger.events", "trading.signals", "audit.logs", "market.ticks")
        ]
        ends = {(topic, p): end for topic in topics for p, end in end_offsets(self.settings, topic).items() if end}
        with psycopg.connect(self.settings.database_reader_url) as connection:
            rows = connection.execute(
                "select topic, partition, min(next_offset) from projection_progress group by 1, 2"
            )
            reached = {(topic, partition): offset for topic, partition, offset in rows}
            (waiting,) = connection.execute(
                "select count(*) from orders where status in ('PENDING_NEW', 'PENDING_CANCEL')"
            ).fetchone() or (1,)
        return waiting == 0 and all(reached.get(place, 0) >= end for place, end in ends.items())

    def _audit(self) -> tuple[Verdicts, Verdicts]:
        from audit.progress import shown
        from audit.replay import replay
        from audit.report import Verdicts
        from audit.verify import verify

        with shown(_console) as progress:
            verified = verify(self.settings, progress, wait=True)
            replayed = replay(self.settings, progress)
        for finding in (*verified.findings[:10], *replayed.differences[:10]):
            _console.print(f"  finding: {finding}", markup=False)
        return Verdicts(ok=verified.ok, text=verified.text()), Verdicts(ok=replayed.ok, text=replayed.text())

    def _show(self, verified: Verdicts, replayed: Verdicts) -> bool:
        from audit.report import build, render_console, write_page

        account = self.settings.strategy_account_id
        report = build(self.settings, account, self.first, self.last, verify=verified, replay=replayed)
        report.write_json(self.report_folder / "report.json")
        write_page(report, self.report_folder / "index.html")
        render_console(report, _console)
        return verified.ok and replayed.ok

    def _what_next(self, seconds: float) -> None:
        home = _shown(self.home)
        _console.print(f"\nDone in {seconds:.0f} s. What to open next:")
        _console.print(f"  {_shown(self.report_folder / 'index.html')}  price, signals, fills, equity and drawdown")
        _console.print(f"  {_shown(self.report_folder / 'report.json')}  the same as data, with a digest")
        _console.print(f"  TAPE_HOME={home} tape up  this very ledger again, with its HTTP API")
        _console.print(f"  TAPE_HOME={home} tape audit verify  while it is up: prove it again", soft_wrap=True)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"expected a day such as 2011-01-01, it was {text!r}") from error


def _prepare(settings: Settings) -> Any:
    from runtime.cli import prepare

    return prepare(settings)


def _environment(settings: Settings) -> dict[str, str]:
    import os

    return {**os.environ, **settings.environ()}


@contextmanager
def _step(what: str) -> Iterator[None]:
    """One line that says what is done and how long it took, live on a terminal."""
    started = time.monotonic()
    with _console.status(f"{what} …"):
        yield
    _console.print(f"  {what}: {time.monotonic() - started:.1f} s", markup=False)


def _until(condition: Callable[[], bool], what: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise UnavailableError(f"waited {timeout_s:.0f} s in vain until {what}")
        time.sleep(_POLL_S)


def _shown(path: Path) -> str:
    """Relative to where the command was given, if it lies there."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
