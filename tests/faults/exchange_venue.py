"""The engine's adapter to the harness's exchange: an execution.venue.Venue over a connection that may break."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from decimal import Decimal
from typing import Any

from domain.market import TickAt
from domain.terms import OrderTerms
from execution.order import WorkingOrder
from execution.venue import Cancellation, Execution, Listener, Refusal, ReplaceRefusal

_AGAIN_S = 0.2


class ExchangeVenue:
    """Sends every order that is worked again after each reconnection; the exchange knows them by their ids."""

    name = "EXCHANGE"

    def __init__(self, port: int) -> None:
        self._port = port
        self._orders: dict[str, tuple[WorkingOrder, int]] = {}  # with the nonce of the last message about it
        self._nonces = itertools.count(1)
        self._listener: Listener | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, listener: Listener) -> None:
        self._listener = listener
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def submit(self, order: WorkingOrder) -> None:
        self._send(order)

    async def cancel(self, order: WorkingOrder) -> None:
        self._send(order)

    async def replace(self, order: WorkingOrder, terms: OrderTerms, revision: int) -> None:
        assert self._listener is not None
        self._listener(order.order_id, ReplaceRefusal(revision, "VENUE_REFUSED", "the exchange replaces no orders"))

    def evaluate(self, order: WorkingOrder, tick: TickAt) -> None:
        """The exchange matches by itself."""

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(OSError, ValueError):
                reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
                try:
                    for order, _ in list(self._orders.values()):
                        self._send(order)
                    while line := await reader.readline():
                        self._hear(json.loads(line))
                finally:
                    self._writer.close()
                    self._writer = None
            await asyncio.sleep(_AGAIN_S)

    def _send(self, order: WorkingOrder) -> None:
        if order.ended:
            self._orders.pop(order.order_id, None)
            return
        nonce = next(self._nonces)
        self._orders[order.order_id] = (order, nonce)
        if self._writer is not None and not self._writer.is_closing():  # else it is sent again with the next connection
            self._writer.write(json.dumps({"nonce": nonce, **_message(order)}).encode() + b"\n")

    def _hear(self, message: dict[str, Any]) -> None:
        order, nonce = self._orders.get(message["order_id"], (None, 0))
        if order is None or nonce != message["nonce"]:  # it was under way when we asked anew, and is said again
            return
        if order.ended:
            del self._orders[order.order_id]
            return
        assert self._listener is not None
        match message["kind"]:
            case "execution":
                self._listener(
                    order.order_id,
                    Execution(
                        message["execution_id"],
                        Decimal(message["quantity"]),
                        Decimal(message["price"]),
                        Decimal(message["fee"]),
                        message["market_time_us"],
                        None,
                    ),
                )
            case "cancellation":
                self._listener(order.order_id, Cancellation("requested"))
            case "refusal":
                self._listener(order.order_id, Refusal("VENUE_REFUSED", "the exchange takes no such orders today"))


def _message(order: WorkingOrder) -> dict[str, Any]:
    terms = order.terms
    worst = terms.worst_price
    return {
        "do": "cancel" if order.canceling else "submit",
        "order_id": terms.order_id,
        "account_id": order.account_id,
        "symbol": terms.symbol,
        "side": terms.side,
        "quantity": str(terms.quantity),
        "worst": None if worst is None else str(worst),
        "known": str(terms.quantity - order.leaves),
    }
