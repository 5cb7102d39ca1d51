"""What the harness itself got wrong once: its stage, its oracle and its exchange, without a ledger."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.faults import oracle
from tests.faults.exchange import PIECE_S_MAX, PIECES_MAX, Exchange
from tests.faults.house import MODULES
from tests.faults.load import Asked
from tests.faults.oracle import Oracle
from tests.faults.run import Stage
from tests.faults.schedule import Fault
from tests.faults.wires import Background

ORDERS = 60  # of which nine would rest


@pytest.fixture
def background() -> Iterator[Background]:
    made = Background()
    yield made
    made.stop()


class AwayHouse:
    """A house in which nothing runs, and that says when Kafka is back."""

    def __init__(self) -> None:
        self.wires: dict[str, Any] = {}
        self.clocks = dict.fromkeys(MODULES, SimpleNamespace(set=lambda _: None))
        self.back = threading.Event()

    def kill_server(self, name: str) -> None: ...

    def thaw(self, name: str) -> None: ...

    def start_server(self, name: str) -> None:
        self.back.set()


def test_who_waits_for_kafka_does_not_put_off_its_return() -> None:
    """Records that are repeated while Kafka is away wait for it, and the stage goes on to bring it back."""
    house, came_back = AwayHouse(), []

    def repeat(name: str, count: int, chance: random.Random) -> None:
        came_back.append(house.back.wait(5))

    faults = [Fault(0.0, "kill_server", "kafka", 0.2), Fault(0.1, "repeat", "trading.commands", amount=1)]
    Stage(cast(Any, house), cast(Any, SimpleNamespace(repeat=repeat)), 1, lambda _: None).play(faults, 0.3)

    assert came_back == [True]


def test_who_was_asked_early_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round of questions may last longer than orders have; one that is final by then is no violation."""
    monkeypatch.setattr(oracle, "FINAL_WITHIN_S", 0.1)
    orders = [Asked("acc", "/", {}, status=202, answer={"order_id": name}) for name in ("soon", "never")]
    house, load = SimpleNamespace(settings=None), SimpleNamespace(acknowledged=lambda: orders)
    judge = Oracle(cast(Any, house), cast(Any, load), cast(Any, None))
    answers = {"soon": iter(["NEW", "FILLED"]), "never": iter(["NEW"] * 3)}

    def slowly(order_id: str) -> str:
        time.sleep(0.1)
        return next(answers[order_id])

    monkeypatch.setattr(judge, "_status", slowly)

    judge._check_final()

    assert [violation.text.split()[0] for violation in judge.violations] == ["never"]


def test_no_order_rests_after_the_exchange_was_woken(background: Background) -> None:
    """What arrives after `wake` is traded or refused, as what rested before is."""
    exchange = Exchange(background, 1)
    exchange.wake()

    async def submit() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", exchange.port)
        for number in range(ORDERS):
            terms = {"account_id": "acc", "symbol": "AAPL", "side": "BUY", "quantity": "10", "worst": "10.00"}
            message = {"do": "submit", "nonce": number, "order_id": f"ord-{number}", "known": "0", **terms}
            writer.write(json.dumps(message).encode() + b"\n")
        await writer.drain()
        await asyncio.sleep(PIECES_MAX * PIECE_S_MAX + 1)
        writer.close()

    asyncio.run(submit())

    assert len(exchange.orders) == ORDERS
    assert {order.state for order in exchange.orders.values()} <= {"filled", "refused"}
    assert all(order.done_quantity in (Decimal(0), Decimal(10)) for order in exchange.orders.values())
