"""The embedded servers under kill -9: of a server, of their owner, of everything."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from domain.errors import UnavailableError
from runtime.embedded import process
from runtime.embedded.postgres import Postgres
from runtime.embedded.servers import EmbeddedServers, HomeInUse
from runtime.supervisor import SERVER_FIELDS

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).parents[2]
OWNER = """
import sys, time
from pathlib import Path
from runtime.embedded.servers import EmbeddedServers
servers = EmbeddedServers(Path(sys.argv[1]))
servers.start()
print("started", flush=True)
time.sleep(600)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that PostgreSQL's system user can reach."""
    made = Path(tempfile.mkdtemp(prefix="tape-embedded-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def write(addresses: dict[str, str]) -> None:
    """One Kafka record, one row, one key."""
    bootstrap = addresses["kafka_bootstrap_servers"]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic("t", 1, 1)])["t"].result(20)
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    producer.produce("t", b"kept")
    assert producer.flush(20) == 0
    with psycopg.connect(addresses["database_url"]) as connection:
        connection.execute("create table t (what text)")
        connection.execute("insert into t values ('kept')")
    with redis.Redis.from_url(addresses["redis_url"]) as client:
        client.set("t", "kept")


def read_kafka(addresses: dict[str, str]) -> bytes | None:
    consumer = Consumer({"bootstrap.servers": addresses["kafka_bootstrap_servers"], "group.id": "unused"})
    consumer.assign([TopicPartition("t", 0, 0)])
    record = consumer.poll(30)
    consumer.close()
    return None if record is None or record.error() else record.value()


def read_postgres(addresses: dict[str, str]) -> bytes | None:
    with psycopg.connect(addresses["database_url"]) as connection:
        row = connection.execute("select what from t").fetchone()
    return None if row is None else str(row[0]).encode()


def read_valkey(addresses: dict[str, str]) -> bytes | None:
    with redis.Redis.from_url(addresses["redis_url"]) as client:
        found = client.get("t")
    return found if isinstance(found, bytes) else None


READERS: dict[str, Callable[[dict[str, str]], bytes | None]] = {
    "kafka": read_kafka,
    "postgres": read_postgres,
    "valkey": read_valkey,
}


def everything_of(home: Path) -> list[psutil.Process]:
    """All processes, children too, whose command line or working folder is in the home."""
    found = []
    for each in psutil.process_iter(["cmdline", "cwd", "status"]):
        words = " ".join([*(each.info["cmdline"] or []), each.info["cwd"] or ""])
        if str(home) in words and each.pid != os.getpid() and each.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(each)
    return found


def wait_until_none(home: Path, timeout_s: float) -> list[psutil.Process]:
    deadline = time.monotonic() + timeout_s
    while (left := everything_of(home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def test_each_server_keeps_its_data_through_kill_9(home: Path) -> None:
    """Each server, killed and started again, is at the same address and has what it had acknowledged."""
    with EmbeddedServers(home) as servers:
        addresses = servers.endpoints()
        write(addresses)
        for name, server in servers.all.items():
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            while server.alive():
                time.sleep(0.01)
            server.start()

            assert servers.endpoints() == addresses
            assert READERS[name](addresses) == b"kept"

    assert wait_until_none(home, 0) == []


def test_kill_9_of_the_owner_and_then_of_everything(home: Path) -> None:
    """The guard ends what a killed owner left; when it was killed too, the next start does, and the data is there."""

    def start_owner() -> subprocess.Popen[str]:
        owner = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(home)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        )
        assert owner.stdout is not None
        assert owner.stdout.readline() == "started\n"
        return owner

    first = start_owner()
    first.kill()
    first.wait()

    assert wait_until_none(home, 40) == []

    second = start_owner()
    with pytest.raises(HomeInUse, match=f"process {second.pid}"):
        EmbeddedServers(home).acquire()
    records = process.recorded(home / "run")
    os.kill(records["guard"].pid, signal.SIGKILL)
    second.kill()
    second.wait()
    os.kill(records["kafka"].pid, signal.SIGKILL)
    assert records["postgres"].process() is not None

    with EmbeddedServers(home) as servers:
        write(servers.endpoints())
        assert read_kafka(servers.endpoints()) == b"kept"

    assert records["postgres"].process() is None
    assert wait_until_none(home, 0) == []


def test_a_server_that_does_not_start_says_why(home: Path) -> None:
    """The error has the end of the server's own log, and nothing is left running."""
    data = home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9.6\n")
    server = Postgres(home)
    if (user := server.user()) is not None:
        os.chown(data, *user)
        home.chmod(0o755)
    data.chmod(0o700)

    with pytest.raises(UnavailableError, match=r"postgres ended with code 2; end of .*\npostgres: could not access"):
        server.start()
    assert wait_until_none(home, 0) == []


def test_ctrl_c_while_the_servers_start_leaves_nothing(home: Path) -> None:
    """`tape up` that is interrupted before its servers answer stops what it had started, and gives the home free."""
    given = dict.fromkeys((name.upper() for name in SERVER_FIELDS), "")
    command = subprocess.Popen(
        [sys.executable, "-m", "runtime.cli", "up", "--workers", "none"],
        cwd=REPOSITORY,
        env={**os.environ, **given, "TAPE_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (home / "run" / "kafka.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    command.send_signal(signal.SIGINT)
    output, _ = command.communicate(timeout=120)

    assert command.returncode == 130
    assert "is ready" not in output
    assert wait_until_none(home, 5) == []
    assert not (home / "run" / "owner.json").exists()
