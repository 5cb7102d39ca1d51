"""The projector as real processes: killed in the middle, two at once, stopped in time."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request

import psycopg
import pytest

from runtime.settings import Settings
from tests.projections.tapes import produce
from tests.projections.test_runner import assert_deposits, deposits
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration
MODULE = "projections.worker"


def projected(connection: psycopg.Connection[tuple[int]]) -> int:
    row = connection.execute("select coalesce(sum(next_offset), 0) from projection_progress").fetchone()
    assert row is not None
    return int(row[0])


def test_killed_and_doubled_projectors_count_everything_once(ledger_settings: Settings) -> None:
    """One projector is killed in its work, two more work at once while records come: all sums are exact."""
    topic, partitions, each = ledger_settings.topic("ledger.events"), 3, 2_500
    tapes = [deposits(topic, partition, each) for partition in range(partitions)]
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as connection:
        with worker(ledger_settings, MODULE) as first:
            for tape in tapes:
                produce(ledger_settings, tape[:1_000])
            eventually(lambda: projected(connection) > 0, "the first projector writes")
            for tape in tapes:
                produce(ledger_settings, tape[1_000:1_500])
            first.kill()
        killed_at = projected(connection)
        with worker(ledger_settings, MODULE) as second, worker(ledger_settings, MODULE) as third:
            for begin in range(1_500, each, 500):
                for tape in tapes:
                    produce(ledger_settings, tape[begin : begin + 500])
            eventually(lambda: projected(connection) == partitions * each, "all records are projected")
            assert (second.process.poll(), third.process.poll()) == (None, None)

        assert 0 < killed_at <= partitions * 1_500
        assert_deposits(connection, partitions, each)


def test_projector_is_ready_and_stops_in_time(ledger_settings: Settings) -> None:
    """It answers ready once it has caught up, shows its lag, and exits with 0 within 10 s of SIGTERM."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    produce(ledger_settings, deposits(ledger_settings.topic("ledger.events"), 1, 50))
    with worker(ledger_settings.model_copy(update={"worker_port": port}), MODULE) as started:
        eventually(lambda: status(port, "readyz") == 200, "the projector is ready", 30)
        with psycopg.connect(ledger_settings.database_url) as connection:
            assert_deposits_of_one(connection)
        eventually(lambda: 'projection_lag_records{partition="1"' in text(port, "metrics"), "the lag is shown", 20)
        began = time.monotonic()

        assert started.stop() == 0
        assert time.monotonic() - began < 10


def test_readyz_names_the_projection_that_stands_still(ledger_settings: Settings) -> None:
    """The process lives, is not ready, and says which record stopped which projection; a restart meets it again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    topic = ledger_settings.topic("ledger.events")
    records = deposits(topic, 1, 5)
    produce(ledger_settings, [*records[:3], records[3]._replace(value=b"changed"), records[4]])
    for _ in range(2):
        with worker(ledger_settings.model_copy(update={"worker_port": port}), MODULE) as started:
            eventually(lambda: "stands still" in reason(port), "it says so", 30)
            assert status(port, "readyz") == 503
            assert status(port, "livez") == 200
            assert f"projection ledger stands still at {topic}/1 offset 3: its hash is" in reason(port)
            assert 'projection_stopped{projection="ledger"} 1.0' in text(port, "metrics")
            assert 'projection_stopped{projection="ticks"} 0.0' in text(port, "metrics")
            assert started.stop() == 0


def reason(port: int) -> str:
    """The body of /readyz."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()
    except OSError:
        return ""


def assert_deposits_of_one(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    rows = connection.execute("select account_id, amount from balances where book_account = 'cash'").fetchall()

    assert [(account, str(amount)) for account, amount in rows] == [("acc_1", "12.25")]  # 1 + 2 + … + 49 cents


def text(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=2) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return json.dumps({"status": error.code})
    except OSError:
        return ""


def status(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=2) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
