"""The venue of the fault harness, outside the code under test. It never fails, and keeps its own record.

An order is known by its id, whoever sends it and how often; what it gets is drawn from the seed and the id alone. On a
submit the exchange says again what it did for the order so far (from the units on that the worker already knows of),
and says what it does from then on to every connection that sent it.

Wire form: one JSON object a line. In: {"do": "submit" | "cancel", "nonce", "order_id", "account_id", "symbol", "side",
"quantity", "worst", "known"}. Out: {"order_id", "nonce", "kind": "execution" | "cancellation" | "refusal", …}, where
the nonce is that of the connection's last message about the order, so that answers under way are told from new ones.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Literal

from tests.faults.wires import Background

REFUSED_SHARE = 0.03
RESTING_SHARE = 0.15
PIECES_MAX = 4
PIECE_S_MAX = 1.2
FEE = Decimal("0.0001")
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Traded:
    """One execution, as the exchange did it."""

    execution_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    market_time_us: int


@dataclass
class VenueOrder:
    """An order as the exchange has it. worst: the price beyond which it must not trade, None for none."""

    order_id: str
    account_id: str
    symbol: str
    side: Literal["BUY", "SELL"]
    quantity: Decimal
    worst: Decimal | None
    state: Literal["working", "filled", "canceled", "refused"] = "working"
    traded: list[Traded] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)

    @property
    def done_quantity(self) -> Decimal:
        return sum((each.quantity for each in self.traded), Decimal(0))


class Exchange:
    """Listens on a free port of 127.0.0.1. `orders` is its record; read it from other threads when all is quiet."""

    def __init__(self, background: Background, seed: int) -> None:
        self.orders: dict[str, VenueOrder] = {}
        self._seed = seed
        self._hearers: dict[str, dict[asyncio.StreamWriter, int]] = {}  # order id -> connection -> its nonce
        self._tasks: set[asyncio.Task[None]] = set()
        self._awake = False
        self._background = background
        self.port: int = background.call(self._serve())

    def wake(self) -> None:
        """Trade all resting orders now, and let none rest from now on."""
        self._background.call(self._wake())

    async def _wake(self) -> None:
        self._awake = True
        for order in self.orders.values():
            if order.state == "working":
                self._start_trading(order, random.Random(f"{self._seed}:{order.order_id}:wake"))

    async def _serve(self) -> int:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self._hear(json.loads(line), writer)
                await writer.drain()
        except OSError:
            pass
        finally:
            for hearers in self._hearers.values():
                hearers.pop(writer, None)
            writer.close()

    def _hear(self, message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        order_id = message["order_id"]
        order = self.orders.get(order_id)
        terms = VenueOrder(
            order_id,
            message["account_id"],
            message["symbol"],
            message["side"],
            Decimal(message["quantity"]),
            None if message["worst"] is None else Decimal(message["worst"]),
        )
        if order is None:
            order = self.orders[order_id] = terms
            self._begin(order, cancel=message["do"] == "cancel")
        elif _terms(order) != _terms(terms):
            order.conflicts.append(f"{_terms(order)} became {_terms(terms)}")
        self._hearers.setdefault(order_id, {})[writer] = message["nonce"]
        self._say_again(order, Decimal(message["known"]), writer)
        if message["do"] == "cancel" and order.state == "working":
            order.state = "canceled"
            self._tell(order, {"kind": "cancellation"})

    def _begin(self, order: VenueOrder, *, cancel: bool) -> None:
        if cancel:
            return
        chance = random.Random(f"{self._seed}:{order.order_id}")
        if chance.random() < REFUSED_SHARE:
            order.state = "refused"
        elif chance.random() >= RESTING_SHARE or self._awake:
            self._start_trading(order, chance)

    def _start_trading(self, order: VenueOrder, chance: random.Random) -> None:
        task = asyncio.get_running_loop().create_task(self._trade(order, chance))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _trade(self, order: VenueOrder, chance: random.Random) -> None:
        pieces = chance.randint(1, PIECES_MAX)
        for number in range(1, pieces + 1):
            await asyncio.sleep(chance.random() * PIECE_S_MAX)
            left = order.quantity - order.done_quantity
            if order.state != "working" or not left:
                return
            quantity = left if number == pieces else min(left, (order.quantity / pieces).to_integral_value(ROUND_FLOOR))
            if quantity <= 0:
                continue
            price = self._price(order, chance)
            fee = (quantity * price * FEE).quantize(_CENT)
            traded = Traded(f"exe-{order.order_id}-{len(order.traded)}", quantity, price, fee, time.time_ns() // 1_000)
            order.traded.append(traded)
            if order.done_quantity == order.quantity:
                order.state = "filled"
            self._tell(order, _execution(traded))

    @staticmethod
    def _price(order: VenueOrder, chance: random.Random) -> Decimal:
        """At the worst price or better by up to five per cent; the market's own where there is no worst."""
        worst = Decimal(100) if order.worst is None else order.worst
        share = Decimal(chance.randint(0, 500)) / 10_000
        better = worst * (1 - share) if order.side == "BUY" else worst * (1 + share)
        return max(better.quantize(_CENT), _CENT)

    def _say_again(self, order: VenueOrder, known: Decimal, writer: asyncio.StreamWriter) -> None:
        told = Decimal(0)
        for traded in order.traded:
            told += traded.quantity
            if told > known:
                self._send(writer, order, _execution(traded))
        if order.state == "refused":
            self._send(writer, order, {"kind": "refusal"})
        elif order.state == "canceled":
            self._send(writer, order, {"kind": "cancellation"})

    def _tell(self, order: VenueOrder, what: dict[str, Any]) -> None:
        for writer in self._hearers.get(order.order_id, ()):
            self._send(writer, order, what)

    def _send(self, writer: asyncio.StreamWriter, order: VenueOrder, what: dict[str, Any]) -> None:
        if not writer.is_closing():
            head = {"order_id": order.order_id, "nonce": self._hearers[order.order_id][writer]}
            writer.write(json.dumps({**head, **what}).encode() + b"\n")


def _execution(traded: Traded) -> dict[str, Any]:
    return {
        "kind": "execution",
        "execution_id": traded.execution_id,
        "quantity": str(traded.quantity),
        "price": str(traded.price),
        "fee": str(traded.fee),
        "market_time_us": traded.market_time_us,
    }


def _terms(order: VenueOrder) -> tuple[object, ...]:
    return (order.account_id, order.symbol, order.side, order.quantity, order.worst)
