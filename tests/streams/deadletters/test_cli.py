"""`tape deadletters` as its users run it: real servers, real workers, one process a command."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from runtime.settings import Settings
from streams.deadletters import Place
from streams.deadletters.letter import scan
from tests.runtime.test_cli import run_tape
from tests.streams.deadletters.letters import account_on, deposit, opening, put
from tests.streams.trading import events
from tests.workers import eventually, worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
WORKERS = ("streams.ledger.worker", "streams.auditlog.worker", "projections.worker")
Tape = Callable[..., Any]


@pytest.fixture
def tape(ledger_settings: Settings) -> Iterator[Tape]:
    """`tape …` on a ledger whose ledger, audit and projector workers run."""
    env = ledger_settings.environ()
    with ExitStack() as running:
        for module in WORKERS:
            running.enter_context(worker(ledger_settings, module))
        yield lambda *arguments: run_tape(*arguments, **env)


def listed(tape: Tape, *options: str) -> list[dict[str, Any]]:
    done = tape("deadletters", "list", "--json", *options)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    return rows


def test_poison_is_listed_shown_and_discarded_on_record(tape: Tape, ledger_settings: Settings) -> None:
    """From a record that is no command to a proven log that says who gave it up, and why."""
    value = b"\x00\x1b[31mno command"
    place = str(put(ledger_settings, value, [("x-desk", b"7")], b"acc_1", 1))
    eventually(lambda: any(scan(ledger_settings)), "the ledger has put the record aside")

    (row,) = listed(tape)
    assert (row["place"], row["service"], row["status"]) == (place, "ledger", "open")
    assert row["reason"] == "no ce_type header; expected a CloudEvents 1.0 record in binary mode"
    table = tape("deadletters", "list").stdout
    assert all(word in table for word in (place, "ledger", "open", "no ce_type header", "1 of 1 dead letters"))
    shown = tape("deadletters", "show", place)
    assert "x-desk: 7" in shown.stdout
    assert "\\x00\\x1b[31mno command" in shown.stdout
    assert "00000000  00 1b 5b 33 31 6d 6e 6f" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert base64.b64decode(json.loads(tape("deadletters", "show", place, "--json").stdout)["value"]["base64"]) == value

    done = tape("deadletters", "discard", place, "--by", "carol", "--reason", "a fuzzer's doing")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{place}: discarded by carol at ")
    assert done.stdout.endswith(": a fuzzer's doing\n")

    (row,) = listed(tape)
    assert (row["status"], row["by"], row["note"]) == ("discarded", "carol", "a fuzzer's doing")
    assert listed(tape, "--status", "open") == []
    assert "deadletter.discarded by carol: a fuzzer's doing (audit.logs/" in tape("deadletters", "show", place).stdout
    for command in ("retry", "discard"):
        reason = () if command == "retry" else ("--reason", "again")
        again = tape("deadletters", command, place, "--by", "dave", *reason)
        assert (again.returncode, again.stdout) == (1, "")
        assert again.stderr.startswith(f"error: {place} is settled: discarded by carol at ")
        assert len(again.stderr.splitlines()) == 1
    verified = tape("audit", "verify", "--wait")
    assert (verified.returncode, "verify OK: 1 records (0 dead) of 12 tapes, 1 archived" in verified.stdout) == (
        0,
        True,
    )
    replayed = tape("audit", "replay")
    assert replayed.returncode == 0
    assert re.search(r"replay OK: 2 rows of \d+ tables against 1 events", replayed.stdout)


def test_records_of_a_sender_that_was_mended_are_retried_and_decided(tape: Tape, ledger_settings: Settings) -> None:
    """A sender chose partitions by another hash: its commands are put aside, and a retry brings them home."""
    settings = ledger_settings
    accounts = [account_on(home, settings.partitions) for home in (1, 2, 3)]
    places = [str(put(settings, *opening(account), account.encode(), 0)) for account in accounts]
    eventually(lambda: len(list(scan(settings))) == 3, "the ledger has put the records aside")
    assert "belongs on partition 1 (murmur2), it came on 0" in listed(tape)[-1]["reason"]

    done = tape("deadletters", "retry", places[0], "--by", "carol", "--reason", "the sender is mended", "--json")
    assert done.returncode == 0, done.stderr
    (outcome,) = json.loads(done.stdout)
    assert (outcome["place"], outcome["done"], outcome["sent_to"]) == (places[0], True, f"{_topic(settings)}:1:0")
    rest = tape("deadletters", "retry", "--all", "--service", "ledger", "--by", "carol")
    assert (rest.returncode, len(rest.stdout.splitlines())) == (0, 2)
    again = tape("deadletters", "retry", "--all", "--service", "ledger", "--by", "carol")
    assert (again.returncode, again.stdout) == (0, "none is open\n")

    eventually(lambda: len(events(settings)) == 3, "the accounts are opened")
    assert sorted(event.originator_id for event in events(settings)) == sorted(accounts)
    assert [row["status"] for row in listed(tape)] == ["retried"] * 3
    assert tape("audit", "verify", "--wait").returncode == 0


def test_still_unreadable_it_comes_back_and_names_its_origin(tape: Tape, ledger_settings: Settings) -> None:
    """A retry of real poison is a new input that is put aside anew; the two letters lead to one another."""
    first = str(put(ledger_settings, *_half_a_deposit(), b"acc_0", 0))
    eventually(lambda: any(scan(ledger_settings)), "the ledger has put the record aside")
    done = tape("deadletters", "retry", first, "--by", "carol", "--json")
    second = json.loads(done.stdout)[0]["sent_to"]
    eventually(lambda: any(str(letter.place) == second for letter in scan(ledger_settings)), "it came back")

    assert f"Came back as  {second}, open" in tape("deadletters", "show", first).stdout
    assert f"Came from     {first}, retried by carol at " in tape("deadletters", "show", second).stdout
    assert {row["place"]: row["status"] for row in listed(tape)} == {first: "retried", second: "open"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("show", "trading.commands:0"), 1, "expected topic:partition:offset such as trading.commands:0:17, it was"),
        (("show", "trading.commands:0:7"), 1, "there is no dead letter trading.commands:0:7"),
        (("retry", "trading.commands:0:7", "--by", "c"), 1, "there is no dead letter trading.commands:0:7"),
        (("retry", "trading.commands:0:7"), 2, "Missing option '--by'"),
        (("retry", "--by", "c"), 2, "expected one or more PLACEs, or --all"),
        (("retry", "--all", "a:0:1", "--by", "c"), 2, "expected one or more PLACEs, or --all"),
        (("retry", "--all", "--by", "c"), 2, "expected a --topic or a --service with it"),
        (("discard", "a:0:1", "--by", "c"), 2, "Missing option '--reason'"),
        (("list", "--status", "lost"), 2, "expected one of open, retrying, retried, discarded, it was 'lost'"),
    ],
)
def test_a_wrong_command_line_is_told_what_was_expected(
    ledger_settings: Settings, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """One line where the place is wrong, a usage error where the options are."""
    done = run_tape("deadletters", *arguments, **ledger_settings.environ(), COLUMNS="300", TERM="dumb")

    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_without_kafka_it_is_one_line(ledger_settings: Settings) -> None:
    """A broker that is not there is said so."""
    nowhere = ledger_settings.model_copy(update={"kafka_bootstrap_servers": ""})
    done = run_tape("deadletters", "list", **nowhere.environ())

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: KAFKA_BOOTSTRAP_SERVERS is not given")


def _topic(settings: Settings) -> str:
    return settings.topic("trading.commands")


def _half_a_deposit() -> tuple[bytes, Any]:
    value, headers = deposit("acc_0", "d1")
    return value[: len(value) // 2], headers


def test_places_are_read_as_they_are_written() -> None:
    """A place's text gives the place again."""
    assert Place.parse(str(Place("t.trading.commands", 3, 12))) == Place("t.trading.commands", 3, 12)
