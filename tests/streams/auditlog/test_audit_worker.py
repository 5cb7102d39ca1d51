"""The audit worker as a process under Faust: killed under load, and with inputs it cannot take."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import pytest

from domain.actions import ActionRecorded, ActionRefused, RecordAction
from runtime.clients import kafka_producer
from runtime.clock import now_us
from runtime.settings import Settings
from streams import codec
from streams.auditlog import intake
from streams.auditlog.follow import AuditFollower, Entry
from streams.deadletters.letter import scan
from tests.streams.trading import events
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration
MODULE = "streams.auditlog.worker"


def action(id_: str, subject: str, **changes: Any) -> RecordAction:
    fields = {"actor": "carol", "action": "test.done", "issued_at_us": now_us()} | changes
    return RecordAction(action_id=id_, subject=subject, **fields)


def on_tape(settings: Settings) -> list[ActionRecorded | ActionRefused]:
    return events(settings, "audit.logs")


@pytest.mark.timeout(180)
def test_killed_again_and_again_it_records_every_action_once(ledger_settings: Settings) -> None:
    """Goal: one input, one event, across kill -9. Method: kill the worker while actions come in, each of them twice."""
    subjects = [f"subject-{number}" for number in range(12)]
    sent: list[tuple[str, str]] = []

    def send_some() -> None:
        wave = [(f"a{len(sent) + number}", subject) for number, subject in enumerate(subjects)]
        intake.send(ledger_settings, [action(id_, subject) for id_, subject in wave], "test")
        intake.send(ledger_settings, [action(id_, subject) for id_, subject in wave], "test")
        sent.extend(wave)

    for round_ in range(3):
        with worker(ledger_settings, MODULE):
            for _ in range(200):
                send_some()
                if len(on_tape(ledger_settings)) > (round_ + 1) * 120:
                    break
    with worker(ledger_settings, MODULE) as last:
        send_some()
        eventually(lambda: len(on_tape(ledger_settings)) >= len(sent), f"{len(sent)} events")
        assert last.stop() == 0
    found = on_tape(ledger_settings)

    assert Counter((event.action_id, event.subject) for event in found) == Counter(sent)
    assert {type(event) for event in found} == {ActionRecorded}


@pytest.mark.timeout(120)
def test_conflicts_are_refused_on_the_tape_and_strangers_are_dead_letters(ledger_settings: Settings) -> None:
    """Of two actions under one id the first stands; a key that is not the subject is no input."""
    settings = ledger_settings
    intake.send(settings, [action("a", "s"), action("a", "s", actor="dave"), action("b", "s")], "test")
    value, headers = codec.encode(action("c", "s"), id_="c", source="test", time_us=1, subject="s")
    producer = kafka_producer(settings)
    producer.produce(settings.topic("audit.intake"), key=b"other", value=value, headers=cast(Any, headers))
    assert producer.flush(10) == 0

    with worker(settings, MODULE) as started:
        eventually(lambda: len(on_tape(settings)) == 3, "three events")
        eventually(lambda: any(scan(settings)), "a dead letter")
        assert started.stop() == 0

    assert [(type(event), event.action_id, event.actor) for event in on_tape(settings)] == [
        (ActionRecorded, "a", "carol"),
        (ActionRefused, "a", "dave"),
        (ActionRecorded, "b", "carol"),
    ]
    (letter,) = list(scan(settings))
    assert letter.service == "audit"
    assert "the key is b'other', expected the message's subject 's'" in letter.reason


@pytest.mark.timeout(120)
def test_a_follower_sees_what_was_there_and_what_comes(ledger_settings: Settings) -> None:
    """It takes the whole tape first, then each new event; a condition that does not come true ends the wait."""
    entries: list[Entry] = []
    intake.send(ledger_settings, [action(f"a{number}", f"s{number}") for number in range(10)], "test")
    with worker(ledger_settings, MODULE):
        eventually(lambda: len(on_tape(ledger_settings)) == 10, "ten events")
        follower = AuditFollower(ledger_settings, entries.append)
        follower.catch_up()
        assert sorted(entry.event.subject for entry in entries) == [f"s{number}" for number in range(10)]
        intake.send(ledger_settings, [action("later", "s0")], "test")
        assert follower.wait(lambda: entries[-1].event.action_id == "later", 60)
        assert not follower.wait(lambda: len(entries) > 11, 0.3)
        follower.close()
