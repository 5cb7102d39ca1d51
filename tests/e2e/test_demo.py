"""The main job from end to end, as a newcomer runs it: twice, and once with every process killed in turn."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from audit.report import differences
from domain.errors import UnavailableError
from models.backtest import market as markets
from models.backtest import recorded
from runtime.settings import Settings
from runtime.supervisor import SERVER_FIELDS
from streams.tape import end_offsets

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]
PERIOD = ("--from", "2011-01-03", "--to", "2011-05-31")
VICTIMS = (
    "ledger",
    "engine",
    "kafka",
    "signals",
    "strategy",
    "audit",
    "feed",
    "valkey",
    "projector",
    "postgres",
    "api",
)
DEMO_TIMEOUT_S = 400


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the homes, open to the system user that PostgreSQL runs as under root."""
    folder = Path(f"/tmp/tape-demo-{os.getpid()}")
    folder.mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def demo(home: Path, *options: str) -> subprocess.Popen[str]:
    """`tape demo` in a process of its own, with servers of its own whatever the environment names."""
    given = {name.upper() for name in (*SERVER_FIELDS, "tape_home")}
    return subprocess.Popen(
        [sys.executable, "-m", "runtime.cli", "demo", "--home", str(home), *PERIOD, *options],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in given},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(run: subprocess.Popen[str]) -> str:
    output, _ = run.communicate(timeout=DEMO_TIMEOUT_S)
    assert run.returncode == 0, output
    return output


def report(home: Path) -> dict[str, Any]:
    return json.loads((home / "report" / "report.json").read_text())


@pytest.fixture(scope="module")
def undisturbed(homes: Path) -> Path:
    """The home of a run that nothing happened to."""
    home = homes / "undisturbed"
    (homes / "undisturbed.txt").write_text(finish(demo(home)))
    return home


def test_the_demo_trades_and_proves_it(undisturbed: Path) -> None:
    """Real prices became signals, orders and fills, books that balance, and a page; log and tables agree."""
    found = report(undisturbed)

    assert found["orders_by_status"]["FILLED"] == len(found["fill_rows"]) > 0
    assert found["verify"]["ok"]
    assert found["replay"]["ok"]
    assert found["notes"] == []
    shares = {row["symbol"]: 0 for row in found["fill_rows"]}
    cash = 100_000.0
    for fill in found["fill_rows"]:  # the account, worked out again from the fills alone
        sign = 1 if fill["side"] == "BUY" else -1
        shares[fill["symbol"]] += sign * int(fill["quantity"])
        cash -= sign * int(fill["quantity"]) * float(fill["price"]) + float(fill["fee"])
    assert {row["symbol"]: int(row["quantity"]) for row in found["positions"]} == shares
    assert float(found["pnl"]["cash"]) + float(found["pnl"]["hold"]) == pytest.approx(cash, abs=0.005)
    page = (undisturbed / "report" / "index.html").read_text()
    assert "<html" in page
    assert "AAPL" in page


def test_the_demo_says_what_happened_and_what_to_open(undisturbed: Path) -> None:
    """A newcomer reads the fills, the verdicts and where the page is, and nothing is left running."""
    output = (undisturbed.parent / "undisturbed.txt").read_text()

    for words in ("P&L", "Buy and hold", "Verify: OK", "Replay: OK", "report/index.html", "Latency"):
        assert words in output
    status = json.loads((undisturbed / "status.json").read_text())
    assert status["phase"] == "stopped"
    assert [row["name"] for row in status["rows"] if row["pid"] is not None] == []


def test_killing_every_process_in_turn_changes_nothing_but_times(undisturbed: Path, homes: Path) -> None:
    """Goal: the same report whatever dies. Method: kill -9 of one process after the other, spread over the replay."""
    home = homes / "killed"
    home.mkdir()
    shutil.copytree(undisturbed / "models", home / "models")
    (home / "run").mkdir()  # it looks like a home, so the demo takes it over
    run = demo(home, "--keep-model")
    total = json.loads((undisturbed / "feed.json").read_text())["ticks_published"]
    trading = report(undisturbed)["throughput"]["ticks"]  # the ticks before are the features' warm-up
    killed: dict[str, int] = {}
    try:
        for number, name in enumerate(VICTIMS, start=1):
            _until_published(home, run, total - trading + trading * number // (len(VICTIMS) + 2))
            pid = _pid(home, name)
            assert not (home / "feed.json").exists(), f"the replay was over before {name} was killed"
            os.kill(pid, signal.SIGKILL)
            killed[name] = pid
        output = finish(run)
    finally:
        if run.poll() is None:
            run.terminate()
            run.wait(60)

    assert differences(undisturbed / "report" / "report.json", home / "report" / "report.json") == []
    assert "Verify: OK" in output
    assert "Replay: OK" in output
    restarts = {row["name"]: row["restarts"] for row in json.loads((home / "status.json").read_text())["rows"]}
    assert all(restarts[name] >= 1 for name in VICTIMS), restarts


@pytest.fixture(scope="module")
def reopened(undisturbed: Path) -> Iterator[Path]:
    """The home of the run that nothing happened to, with its servers up again and no worker."""
    try:
        assert tape(undisturbed, "up", "--workers", "none", "-d").returncode == 0
        yield undisturbed
    finally:
        tape(undisturbed, "down")


def test_a_backtest_of_the_same_ticks_agrees_trade_by_trade(reopened: Path) -> None:
    """Every fill of the real ledger and the paper venue is one of the backtest: symbol, side, quantity, price, fee and
    time, on the recorded signals and on signals made anew by the model. With other settings it is not, and says so.
    """
    same = tape(reopened, "backtest", "compare", "--json")
    other = tape(reopened, "backtest", "compare", "--json", STRATEGY_ALLOCATION="19000")

    assert same.returncode == 0, same.stdout + same.stderr
    found = json.loads(same.stdout)
    fills = {row["execution_id"]: row for row in report(reopened)["fill_rows"]}
    for side in (found["recorded"], found["remade"]):
        matches = {match["execution_id"]: match for match in side["matches"]}
        assert matches.keys() == fills.keys()
        assert all(match["same"] for match in matches.values())
        assert all(Decimal(match["price"]) == Decimal(fills[id_]["price"]) for id_, match in matches.items())
        assert side["differences"] == []
    assert found["signal_differences"] == []
    assert found["explained"]
    assert len(fills) >= 5
    assert other.returncode == 1
    assert not json.loads(other.stdout)["explained"]


def test_recorded_bars_are_the_markets(reopened: Path) -> None:
    """A backtest of what the database has sees the bars that the feed has played."""
    addresses = json.loads((reopened / "endpoints.json").read_text())
    settings = Settings(_env_file=None, database_reader_url=addresses["database_reader_url"])
    first, last = (date.fromisoformat(PERIOD[place]) for place in (1, 3))
    symbols = settings.symbols()

    played, installed = recorded.load(settings, symbols, first, last), markets.installed(symbols, first, last)

    assert [one.symbol for one in played.series] == [one.symbol for one in installed.series]
    assert [one.bars for one in played.series] == [one.bars for one in installed.series]
    assert [one.first for one in played.series] == [one.first for one in installed.series]


def tape(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command of `tape` on a home of its own."""
    given = {name.upper() for name in (*SERVER_FIELDS, "tape_home")}
    return subprocess.run(
        [sys.executable, "-m", "runtime.cli", *words],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in given}
        | {"TAPE_HOME": str(home)}
        | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _pid(home: Path, name: str) -> int:
    """The process of a server or worker now; waits for one that is being started again."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for row in json.loads((home / "status.json").read_text())["rows"]:
            if row["name"] == name and row["pid"] is not None:
                return int(row["pid"])
        time.sleep(0.1)
    raise AssertionError(f"{name} has no process")


def _until_published(home: Path, run: subprocess.Popen[str], ticks: int) -> None:
    """Wait until so many ticks are on market.ticks."""
    deadline = time.monotonic() + DEMO_TIMEOUT_S
    while time.monotonic() < deadline:
        assert run.poll() is None, run.stdout.read() if run.stdout else ""
        try:
            addresses = json.loads((home / "endpoints.json").read_text())
            settings = Settings(_env_file=None, kafka_bootstrap_servers=addresses["kafka_bootstrap_servers"])
            if sum(end_offsets(settings, "market.ticks").values()) >= ticks:
                return
        except (FileNotFoundError, UnavailableError, KeyError):
            pass  # not there yet, or Kafka is just being started again
        time.sleep(0.2)
    raise AssertionError(f"no {ticks} ticks within {DEMO_TIMEOUT_S} s")
