"""Commands per second: the ledger agent beside a bare Faust agent that takes and one that sends.

All three consume the same commands through the same Faust transport (short fetch wait), alone on the machine, one after
the other in each round. The ledger's rate is read from the broker: events / (time of the last event - of the first).
"""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any, NamedTuple, cast

from bench.world import child, fresh, worker
from domain import ids
from domain.commands import Command, Deposit, OpenAccount, SubmitOrder
from runtime.clients import kafka_producer
from runtime.clock import now_us
from runtime.settings import Settings
from streams import codec
from streams.tape import end_offsets, read_range

ACCOUNTS = 32
DEADLINE_S = 180.0


class Round(NamedTuple):
    """Commands per second of each contender in one round."""

    ledger: float
    faust_take: float
    faust_send: float


def run_round(base: Settings, commands: int) -> tuple[Round, Settings]:
    """One round; also the ledger that it left behind."""
    settings = fresh(base)
    total = fill_commands(settings, commands)
    take = _peer(settings, "take", total)
    send = _peer(settings, "send", total)
    return Round(_ledger(settings, total), take, send), settings


def fill_commands(settings: Settings, commands: int) -> int:
    """Accounts with cash, then limit orders that are accepted, over all partitions. Returns how many commands."""
    producer = kafka_producer(settings, **{"linger.ms": 20, "queue.buffering.max.messages": 500_000})
    sent = 0
    for number in range(ACCOUNTS):
        account = f"acc_{number}"
        produce(
            producer,
            settings,
            OpenAccount(command_id=f"open-{number}", account_id=account, issued_at_us=now_us(), owner="bench"),
        )
        produce(
            producer,
            settings,
            Deposit(
                command_id=f"cash-{number}",
                account_id=account,
                issued_at_us=now_us(),
                amount=Decimal("1e9").quantize(Decimal("0.01")),
            ),
        )
        sent += 2
    for number in range(commands):
        produce(producer, settings, limit_order(f"acc_{number % ACCOUNTS}", f"order-{number}"))
        sent += 1
    assert producer.flush(60) == 0
    return sent


def limit_order(account: str, client_order_id: str) -> SubmitOrder:
    return SubmitOrder(
        command_id=client_order_id,
        account_id=account,
        issued_at_us=now_us(),
        order_id=ids.order_id(account, client_order_id),
        client_order_id=client_order_id,
        symbol="AAPL",
        side="BUY",
        order_type="LIMIT",
        quantity=Decimal(10),
        limit_price=Decimal("12.34"),
    )


def produce(producer: Any, settings: Settings, command: Command) -> None:
    """Queue a command on trading.commands."""
    queue(producer, settings, encoded(command))


class Encoded(NamedTuple):
    """A command as it goes onto Kafka."""

    key: bytes
    value: bytes
    headers: codec.Headers


def encoded(command: Command) -> Encoded:
    value, headers = codec.encode(
        command, id_=command.command_id, source="bench", time_us=command.issued_at_us, subject=command.account_id
    )
    return Encoded(command.account_id.encode(), value, headers)


def queue(producer: Any, settings: Settings, one: Encoded) -> None:
    producer.produce(settings.topic("trading.commands"), key=one.key, value=one.value, headers=cast(Any, one.headers))
    producer.poll(0)


def _ledger(settings: Settings, total: int) -> float:
    with child(settings, *worker("ledger")):
        return rate_on(settings, settings.topic("ledger.events"), total)


def _peer(settings: Settings, kind: str, total: int) -> float:
    with child(settings, "-m", "bench.faust_peers", kind, str(total)) as process:
        if kind == "send":
            return rate_on(settings, settings.topic("ledger.deadletters"), total)
        assert process.stdout is not None
        return float(json.loads(process.stdout.readline())["per_second"])


def rate_on(settings: Settings, topic: str, total: int) -> float:
    """Records per second on a topic, from the times that the broker has, once `total` records are there."""
    deadline = time.monotonic() + DEADLINE_S
    while sum(end_offsets(settings, topic).values()) < total:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{topic}: {end_offsets(settings, topic)} of {total} records after {DEADLINE_S} s")
        time.sleep(0.2)
    times = [
        record.timestamp_ms
        for partition in range(settings.partitions)
        for record in read_range(settings, topic, partition)
    ]
    return len(times) / max(0.001, (max(times) - min(times)) / 1000)
