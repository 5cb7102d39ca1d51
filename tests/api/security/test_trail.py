"""The record of refused calls: a flood of calls is no flood of records, and Kafka's absence delays nobody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.problems import ProblemError, unavailable
from api.security import trail as trail_module
from api.security.trail import KINDS_MAX, Call, Trail
from domain.actions import ACCESS_DENIED, RecordAction
from runtime.settings import Settings
from streams import codec


class Kafka:
    """Takes records, or none while it is away."""

    def __init__(self) -> None:
        self.away = False
        self.taken: list[RecordAction] = []

    async def send(self, topic: str, key: str, value: bytes, headers: Any) -> None:
        if self.away:
            raise unavailable("KAFKA_OUTCOME_UNKNOWN", "away")
        action = codec.decode(value, headers)
        assert (topic, key) == ("audit.intake", action.subject)
        self.taken.append(action)

    def counts(self) -> list[int]:
        return [int(action.details["count"]) for action in self.taken]


def denied(address: str = "10.0.0.1", code: str = "CREDENTIAL_INVALID") -> Call:
    return Call(f"address:{address}", f"address:{address}", ACCESS_DENIED, "list_orders", code)


async def settled(kafka: Kafka, records: int) -> None:
    async with asyncio.timeout(10):
        while len(kafka.taken) < records:  # noqa: ASYNC110  # what is waited for tells nobody
            await asyncio.sleep(0.01)


async def test_a_flood_is_two_records() -> None:
    """Of 100,000 calls of a kind the first is a record at once, and the others are one, when they are summed up."""
    kafka = Kafka()
    trail = Trail(Settings(_env_file=None), kafka.send)
    trail.start()
    for number in range(100_000):
        trail.called(denied(), request_id=f"r-{number}")
    await settled(kafka, 1)
    trail.sum_up()
    await settled(kafka, 2)
    assert kafka.counts() == [1, 99_999]
    assert kafka.taken[1].details["request_id"] == "r-99999"
    trail.called(denied())
    trail.sum_up()
    await settled(kafka, 3)
    trail.sum_up()
    trail.called(denied())
    await settled(kafka, 4)
    await trail.stop()

    assert kafka.counts() == [1, 99_999, 1, 1], "the third still counts as a repeat, the fourth begins anew"


async def test_many_kinds_are_bounded_and_all_are_counted() -> None:
    """5,000 addresses give at most KINDS_MAX records and those that sum up the others; no call is left out."""
    kafka = Kafka()
    trail = Trail(Settings(_env_file=None), kafka.send)
    trail.start()
    for number in range(5_000):
        trail.called(denied(f"10.0.{number // 250}.{number % 250}"))
    await trail.stop()

    assert len(kafka.taken) == KINDS_MAX + 2
    assert sum(kafka.counts()) == 5_000
    assert kafka.taken[-1].subject == "address:many"


async def test_what_kafka_does_not_take_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """While Kafka is away nobody waits for it; what was noted goes out when it is back, in order, each once."""
    monkeypatch.setattr(trail_module, "_RETRY_S", 0.01)
    kafka = Kafka()
    kafka.away = True
    trail = Trail(Settings(_env_file=None), kafka.send)
    trail.start()
    for number in range(10):
        trail.called(denied(code=f"CODE_{number}"))
    await asyncio.sleep(0.05)
    assert kafka.taken == []
    with pytest.raises(ProblemError):
        await trail.record(trail_module.make("ada", "access.user_put", "user:ada", {}))
    kafka.away = False
    await settled(kafka, 10)
    await trail.stop()

    assert [action.details["code"] for action in kafka.taken] == [f"CODE_{number}" for number in range(10)]


async def test_too_many_that_wait_are_counted_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go first, and a metric says how many; the end does not wait for ever."""
    from runtime import metrics

    monkeypatch.setattr(trail_module, "_WAITING_MAX", 5)
    monkeypatch.setattr(trail_module, "_STOP_S", 0.05)
    kafka = Kafka()
    kafka.away = True
    trail = Trail(Settings(_env_file=None), kafka.send)
    before = metrics.audit_actions_lost_total._value.get()
    for number in range(12):
        trail.called(denied(code=f"CODE_{number}"))
    await trail.stop()

    assert metrics.audit_actions_lost_total._value.get() - before == 7
