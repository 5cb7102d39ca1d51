"""From Kafka to the queue: each request once, whoever reads it and however often; and nothing unreadable stops it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from domain.commands import Deposit
from domain.errors import TopologyError
from runtime.settings import Settings
from streams.backtests import requests
from streams.backtests.queue import Connection
from streams.backtests.requests import Overtaken, Requests
from streams.deadletters import TOPIC as LETTERS
from streams.tape import end_offsets, read_range
from tests.streams.backtests.house import TERMS, asked, cancelled, state
from tests.streams.backtests.kafka import TOPIC, record, send
from tests.streams.trading import opened
from tests.workers import eventually

pytestmark = pytest.mark.integration


@contextmanager
def reading(settings: Settings) -> Iterator[Requests]:
    """A reader in a thread, as the worker has it."""
    reader, stop = Requests(settings), threading.Event()
    thread = threading.Thread(target=reader.run, args=(stop,))
    thread.start()
    try:
        yield reader
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def jobs(connection: Connection) -> int:
    found = connection.execute("select count(*) from backtest_jobs").fetchone()
    assert found is not None
    return int(found[0])


def offsets(connection: Connection) -> int:
    """How many records were taken in, all partitions together."""
    found = connection.execute("select coalesce(sum(next_offset), 0) from backtest_inputs").fetchone()
    assert found is not None
    return int(found[0])


def letters(settings: Settings) -> list[str]:
    """Why each record was kept as a dead letter."""
    topic = settings.topic(LETTERS)
    found = []
    for partition in range(settings.partitions):
        for letter in read_range(settings, topic, partition):
            found += [value.decode() for name, value in letter.headers if name == "deadletter-reason"]
    return found


def test_requests_become_jobs_once(ledger_settings: Settings, connection: Connection) -> None:
    """Two readers at once, then a third from the start of what is known: a job for each request, none twice."""
    send(ledger_settings, *(asked(f"b{number}") for number in range(20)), cancelled("b3"), asked("b4"))
    with reading(ledger_settings) as one, reading(ledger_settings) as other:
        eventually(lambda: offsets(connection) == 22, "all are taken in")
        assert one.caught_up.wait(30)
        assert other.caught_up.wait(30)
    with reading(ledger_settings) as third:
        assert third.caught_up.wait(30)

    assert jobs(connection) == 20
    assert (state(connection, "b3"), state(connection, "b4")) == ("CANCELLED", "QUEUED")
    assert letters(ledger_settings) == []


def test_a_batch_that_another_has_taken_writes_nothing(ledger_settings: Settings, connection: Connection) -> None:
    """A reader that was overtaken neither makes jobs nor moves the offset, however much of its batch is new."""
    first, second = Requests(ledger_settings), Requests(ledger_settings)
    batch = [record(asked(name), number) for number, name in enumerate("abc")]
    for reader in (first, second):
        reader._next = reader._load(connection)
    first.take(connection, batch[:2])

    with pytest.raises(Overtaken):
        second.take(connection, batch)

    assert (jobs(connection), offsets(connection)) == (2, 2)
    first.take(connection, batch[2:])
    assert (jobs(connection), offsets(connection)) == (3, 3)


class _Lost(Exception):
    pass


def test_a_transaction_that_fails_leaves_neither_jobs_nor_offset(
    ledger_settings: Settings, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both or nothing: a reader that dies between a job and the commit has done nothing, and does it again."""
    reader = Requests(ledger_settings)
    reader._next = reader._load(connection)
    monkeypatch.setattr(requests, "cancel", _raise)
    with pytest.raises(_Lost):
        reader.take(connection, [record(asked("a"), 0), record(cancelled("a"), 1)])
    monkeypatch.undo()

    assert (jobs(connection), offsets(connection)) == (0, 0)
    reader.take(connection, [record(asked("a"), 0), record(cancelled("a"), 1)])
    assert (state(connection, "a"), offsets(connection)) == ("CANCELLED", 2)


def _raise(*_: Any) -> bool:
    raise _Lost


def test_what_can_be_no_job_is_a_dead_letter(ledger_settings: Settings, connection: Connection) -> None:
    """Bytes that are no message, another message, and requests that the database could not hold: kept, and passed."""
    foreign: Deposit = opened("acc")[1]  # type: ignore[assignment]
    symbols = msgspec.structs.replace(TERMS, symbols=("A\x00B",))
    reader = Requests(ledger_settings)
    reader._next = reader._load(connection)
    topic = ledger_settings.topic(TOPIC)
    wrong = [
        foreign,
        asked("late", issued_at_us=10**30),
        asked("x", backtest_id="with space"),
        asked("x", requested_by=""),
        asked("nul", terms=symbols),
    ]
    records = [record(message, number, topic=topic) for number, message in enumerate(wrong)]
    nothing = records[0]._replace(offset=5, value=b"{}", headers=[])
    reader.take(connection, [*records, nothing, record(asked("good"), 6)])

    assert (jobs(connection), state(connection, "good"), offsets(connection)) == (1, "QUEUED", 7)
    reasons = letters(ledger_settings)
    assert len(reasons) == 6
    for text in (
        "it was a Deposit",
        "from 1970 to 9999",
        "an id of 1 to 64",
        "a name of 1 to",
        "no ce_type header",
    ):
        assert sum(text in reason for reason in reasons) == 1, (text, reasons)


def test_a_request_that_nobody_can_read_stops_nobody(ledger_settings: Settings, connection: Connection) -> None:
    """Through the broker too: the good one behind it is taken in."""
    send(ledger_settings, b"no message", asked("good"))
    with reading(ledger_settings) as reader:
        assert reader.caught_up.wait(30)

    assert state(connection, "good") == "QUEUED"
    assert sum(end_offsets(ledger_settings, ledger_settings.topic(LETTERS)).values()) == 1


def test_a_topic_that_has_lost_requests_is_told(ledger_settings: Settings, connection: Connection) -> None:
    """The database knows of requests that this broker does not have: nobody goes on as if all were well."""
    connection.execute("insert into backtest_inputs values (%s, 0, 5)", (ledger_settings.topic("backtest.requests"),))

    with pytest.raises(TopologyError, match="ends at offset 0, but the database has its requests up to offset 4"):
        Requests(ledger_settings).run(threading.Event())
