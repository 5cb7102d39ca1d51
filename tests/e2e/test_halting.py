"""What no restart heals halts a worker under the supervisor, and the status says why. Real workers, real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from runtime import parts
from runtime.keepers import Row
from runtime.settings import Settings
from runtime.supervisor import Supervisor, read_status
from tests.streams.test_agent import send
from tests.streams.test_guards import alter, cause, place, plant
from tests.workers import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
Supervise = Callable[..., dict[str, Row]]


@pytest.fixture
def supervise() -> Iterator[Supervise]:
    """Start workers of a ledger whose servers run already; the rows of the status by name."""
    with ExitStack() as stack:

        def start(settings: Settings, *names: str) -> dict[str, Row]:
            workers = {name: parts.worker_argv(name) for name in names}
            supervisor = Supervisor(settings, workers, _nothing, lambda _: None)
            stack.callback(supervisor.stop)
            supervisor.start()
            return {row.name: row for row in supervisor.rows()}

        yield start


def _nothing(_: Settings) -> Mapping[str, str]:
    return {}


def halted(rows: dict[str, Row]) -> bool:
    return all(row.state == "halted" for row in rows.values())


def test_every_worker_refuses_another_number_of_partitions(supervise: Supervise, ledger_settings: Settings) -> None:
    """Today's ledger has four; whoever is started with eight takes nothing and says what to set."""
    other = ledger_settings.model_copy(update={"partitions": 8, "api_port": 0})
    rows = supervise(other, *(name for name in parts.WORKERS if name != "inference"))  # it knows no topics

    eventually(lambda: halted(rows), f"all are halted: {rows}", 120)

    assert {row.restarts for row in rows.values()} == {0}
    for row in rows.values():
        assert row.note.startswith("TopologyError: expected topics with 8 partitions")
        assert row.note.endswith("set PARTITIONS=4, with which this ledger was made")


def test_an_agent_halts_when_its_topic_is_altered(supervise: Supervise, ledger_settings: Settings) -> None:
    """Somebody adds a partition with Kafka's own tools while the ledger works."""
    rows = supervise(ledger_settings, "ledger")
    eventually(lambda: rows["ledger"].state == "ready", "the ledger works")
    alter(ledger_settings, ledger_settings.topic("trading.commands"), 5)

    eventually(lambda: halted(rows), "the ledger is halted", 120)

    assert "trading.commands has 5" in rows["ledger"].note
    assert "somebody has altered a topic" in rows["ledger"].note


def test_a_broken_tape_halts_its_agent(supervise: Supervise, ledger_settings: Settings) -> None:
    """The reason names topic, partition and offset, and is what `tape status` reads."""
    send(ledger_settings, "a", "b")
    plant(ledger_settings, cause(0), cause(1), edit_sealed=_without_hash)
    rows = supervise(ledger_settings, "ledger")

    eventually(lambda: halted(rows), f"the ledger is halted: {rows}", 120)

    assert rows["ledger"].note.startswith(f"ChainError: {place(ledger_settings, 0)}expected headers tape-seq")
    eventually(lambda: [row["note"] for row in _status(ledger_settings)] == [rows["ledger"].note], "the status says so")


def _without_hash(headers: Any) -> Any:
    return [header for header in headers if header[0] != "tape-hash"]


def _status(settings: Settings) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_status(settings.tape_home)["rows"]
    return found
