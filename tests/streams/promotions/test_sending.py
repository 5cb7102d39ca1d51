"""Promotions of models come onto the tape `audit.logs`: at once or when Kafka is back, and once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.actions import MODEL_PROMOTED, ActionRecorded
from domain.errors import UnavailableError
from models.registry import outbox
from runtime.settings import Settings
from streams import codec
from streams.promotions.sending import Sending, send_waiting
from streams.tape import read_range
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration
NOWHERE = "127.0.0.1:9"


def recorded(settings: Settings) -> list[ActionRecorded]:
    """What stands on audit.logs of models."""
    topic, found = settings.topic("audit.logs"), []
    for partition in range(settings.partitions):
        for record in read_range(settings, topic, partition):
            event: Any = codec.decode(record.value, record.headers)
            if isinstance(event, ActionRecorded) and event.subject.startswith("model:"):
                found.append(event)
    return found


def promoted(settings: Settings, version: str) -> str:
    """A promotion in the outbox, done; its action's id."""
    details = {"alias": "champion", "version": version, "before": "1"}
    action = outbox.begin(settings, MODEL_PROMOTED, "signals", "ann", "better", details)
    outbox.done(settings, action.action_id)
    return action.action_id


def test_a_promotion_is_on_the_tape_once(ledger_settings: Settings) -> None:
    """Sent, and sent again by another worker that saw it too: the audit agent takes it once, with who and why."""
    id_ = promoted(ledger_settings, "2")
    again = outbox.waiting(ledger_settings)
    with worker(ledger_settings, "streams.auditlog.worker"):
        assert send_waiting(ledger_settings) == 1
        assert outbox.waiting(ledger_settings) == []
        for action in again:  # as if the file had not been removed yet
            file = ledger_settings.tape_home / "models" / "actions" / f"{action.action_id}.done"
            file.write_bytes(msgspec.json.encode(action))
        assert send_waiting(ledger_settings) == 1
        eventually(lambda: bool(recorded(ledger_settings)), "the promotion on audit.logs")
        promoted(ledger_settings, "3")
        send_waiting(ledger_settings)
        eventually(lambda: len(recorded(ledger_settings)) >= 2, "the second one")

    found = recorded(ledger_settings)
    assert [(one.action, one.actor, one.reason, one.details["version"]) for one in found] == [
        ("model.promoted", "ann", "better", "2"),
        ("model.promoted", "ann", "better", "3"),
    ]
    assert found[0].action_id == id_


def test_without_kafka_it_waits(tmp_path: Path) -> None:
    """The error says so, nothing is lost, and the thread of the worker tries again."""
    away = Settings(_env_file=None, tape_home=tmp_path, kafka_bootstrap_servers=NOWHERE)
    promoted(away, "2")

    with pytest.raises(UnavailableError):
        send_waiting(away)
    assert len(outbox.waiting(away)) == 1


def test_the_worker_s_thread_sends_what_comes(ledger_settings: Settings) -> None:
    """What is put into the outbox while it runs is sent within seconds."""
    sending = Sending(ledger_settings)
    sending.start()
    try:
        promoted(ledger_settings, "2")
        eventually(lambda: not outbox.waiting(ledger_settings), "an empty outbox", 30)
    finally:
        sending.close()


def test_what_a_crash_has_left_begun_is_settled(tmp_path: Path) -> None:
    """Begun and done in the registry: it is told. Begun and not done: it is forgotten."""
    settings = Settings(_env_file=None, tape_home=tmp_path)
    for version in ("2", "3"):
        outbox.begin(settings, MODEL_PROMOTED, "signals", "ann", "better", {"version": version})

    outbox.settle(settings, lambda action: action.details["version"] == "3")

    assert [action.details["version"] for action in outbox.waiting(settings)] == ["3"]
    assert list((tmp_path / "models" / "actions").glob("*.begun")) == []
