"""A broker for the tests: Alpaca's published contract on loopback, with a script in the place of a market.

Written from the OpenAPI document of the Trading API and from docs.alpaca.markets ("Websocket Streaming", "Account
Activities", "Placing Orders"), not from the adapter. Nothing matches by itself: the test says what is executed. Faults
are switched on by name and burn down. The stream speaks JSON in binary frames, as the paper host does.
"""

from __future__ import annotations

import asyncio
import json
from asyncio import sleep
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from aiohttp import WSMsgType, web

KEY, SECRET = "PKTESTKEY0001", "s3cr3t-that-must-not-be-seen"
_OPEN = ("new", "accepted", "partially_filled", "pending_cancel", "pending_replace", "pending_new", "done_for_day")
_FINAL = ("filled", "canceled", "expired", "rejected", "replaced")


@dataclass
class Faults:
    """How many times each fault still happens, by name.

    lose_answer: the order is taken, and the answer comes too late. status: these statuses are answered first, one a
    request, before anything is done; status_after: after the order was taken. hide: so many look-ups by client order
    id find nothing. drop_activities: so many reads of activities are empty.
    """

    lose_answer: int = 0
    lose_request: int = 0
    status: list[int] = field(default_factory=list)
    status_after: list[int] = field(default_factory=list)
    hide: int = 0
    drop_activities: int = 0
    lose_replace_answer: int = 0
    retry_after: str | None = None
    refuse_listening: int = 0


class Exchange:
    """One account at the broker. Times run on a clock of its own: a second for every order and execution."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.orders: dict[str, dict[str, Any]] = {}
        self.activities: list[dict[str, Any]] = []
        self.requests: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.sent = 0
        self.refused = 0
        self.connections = 0
        self.most_at_once = 0
        self._under_way = 0
        self.mute = False
        self.ignores_order_id = False
        self.holds_cancels = False
        self.buying_power = Decimal(1_000_000)
        self.numbers_as_json = False
        self.opened_at = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
        self._ids = count(1)
        self._second = count(1)
        self._sockets: list[web.WebSocketResponse] = []
        self._runner: web.AppRunner | None = None
        self._stalled: set[asyncio.Event] = set()
        self.base_url = ""
        self.stream_url = ""

    # The server

    async def start(self) -> None:
        app = web.Application(middlewares=[self._guard])
        app.router.add_post("/v2/orders", self._post)
        app.router.add_get("/v2/orders", self._list)
        app.router.add_get("/v2/orders:by_client_order_id", self._by_client_order_id)
        app.router.add_get("/v2/orders/{id}", self._get)
        app.router.add_patch("/v2/orders/{id}", self._patch)
        app.router.add_delete("/v2/orders/{id}", self._delete)
        app.router.add_get("/v2/account/activities/FILL", self._fills)
        app.router.add_get("/stream", self._stream)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        self.base_url, self.stream_url = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/stream"

    async def stop(self) -> None:
        self.let_go()
        await self.drop_stream()
        assert self._runner is not None
        await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path == "/stream":
            return await handler(request)  # type: ignore[no-any-return]
        name = f"{request.method} {request.path.replace('/v2', '', 1)}"
        self.requests[name if len(name) < 40 else request.method] += 1
        given = (request.headers.get("APCA-API-KEY-ID"), request.headers.get("APCA-API-SECRET-KEY"))
        if given != (KEY, SECRET):
            return _error(401, 40110000, "request is not authorized")
        if self.faults.status:
            status = self.faults.status.pop(0)
            headers = {} if self.faults.retry_after is None else {"Retry-After": self.faults.retry_after}
            return _error(status, status * 100_000, f"fault {status}", headers)
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            await sleep(0.002)  # long enough for others to come in
            return await handler(request)  # type: ignore[no-any-return]
        finally:
            self._under_way -= 1

    # Orders

    async def _post(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        if self.faults.lose_request:
            self.faults.lose_request -= 1
            await self._stall()
        refusal = self._refusal(body)
        if refusal is not None:
            self.refused += 1
            return refusal
        order = self._make(body)
        if self.faults.lose_answer:
            self.faults.lose_answer -= 1
            await self._stall()
        if self.faults.status_after:
            return _error(self.faults.status_after.pop(0), 50010000, "internal server error occurred")
        return self._json(order)

    def _refusal(self, body: dict[str, Any]) -> web.Response | None:
        """The checks whose answers are published, numbers given as strings."""
        numbers = [
            body[name] for name in ("qty", "limit_price", "stop_price", "trail_price", "trail_percent") if name in body
        ]
        if not all(isinstance(number, str) for number in numbers):
            return _error(422, 42210000, "numbers are strings")
        if body["client_order_id"] in {order["client_order_id"] for order in self.orders.values()}:
            return _error(422, 40010001, "client_order_id must be unique")
        price = Decimal(body.get("limit_price", "0"))
        if price >= 1 and price != round(price, 2):
            text = f"invalid limit_price {price}. sub-penny increment does not fulfill minimum pricing criteria"
            return _error(422, 42210000, text)
        if price * Decimal(body["qty"]) > self.buying_power:
            return _error(403, 40310000, "insufficient buying power")
        return None

    def _make(self, body: dict[str, Any], **more: Any) -> dict[str, Any]:
        now = self.now()
        order = {
            "id": self._uuid(),
            "client_order_id": body["client_order_id"],
            "created_at": now,
            "updated_at": now,
            "submitted_at": now,
            "filled_at": None,
            "expired_at": None,
            "canceled_at": None,
            "failed_at": None,
            "replaced_at": None,
            "replaced_by": None,
            "replaces": None,
            "asset_id": "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415",
            "symbol": body["symbol"],
            "asset_class": "us_equity",
            "notional": None,
            "qty": body["qty"],
            "filled_qty": "0",
            "filled_avg_price": None,
            "order_class": "",
            "order_type": body["type"],
            "type": body["type"],
            "side": body["side"],
            "time_in_force": body["time_in_force"],
            "limit_price": body.get("limit_price"),
            "stop_price": body.get("stop_price"),
            "status": "accepted",
            "extended_hours": False,
            "legs": None,
            "trail_percent": body.get("trail_percent"),
            "trail_price": body.get("trail_price"),
            "hwm": None,
            **more,
        }
        self.orders[order["id"]] = order
        return order

    async def _list(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        found = [order for order in self.orders.values() if query.get("status") == "all" or order["status"] in _OPEN]
        if (after := query.get("after_order_id")) is not None:
            ids = list(self.orders)
            found = [order for order in found if ids.index(order["id"]) > ids.index(after)]
        if query.get("direction", "desc") == "desc":
            found.reverse()
        return self._json(found[: int(query.get("limit", "50"))])

    async def _by_client_order_id(self, request: web.Request) -> web.StreamResponse:
        wanted = request.query["client_order_id"]
        found = [order for order in self.orders.values() if order["client_order_id"] == wanted]
        if self.faults.hide:
            self.faults.hide -= 1
            found = []
        if not found:
            return _error(404, 40410000, f"order not found for {wanted}")
        return self._json(found[-1])

    async def _get(self, request: web.Request) -> web.StreamResponse:
        order = self.orders.get(request.match_info["id"])
        return _error(404, 40410000, "order not found") if order is None else self._json(order)

    async def _patch(self, request: web.Request) -> web.StreamResponse:
        old = self.orders.get(request.match_info["id"])
        body = await request.json()
        self.bodies.append(body)
        if old is None or old["status"] in (*_FINAL, "accepted", "pending_new", "pending_cancel", "pending_replace"):
            return _error(422, 42210000, "order cannot be replaced")
        terms = {
            name: body.get(name) or old[name]
            for name in ("symbol", "qty", "side", "type", "time_in_force", "limit_price", "stop_price", "trail_price")
        }
        new = self._make({**terms, "client_order_id": body["client_order_id"]}, replaces=old["id"])
        if self.faults.lose_replace_answer:
            self.faults.lose_replace_answer -= 1
            await self._stall()
        return self._json(new)

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        order = self.orders.get(request.match_info["id"])
        if order is None:
            return _error(404, 40410000, "order not found")
        if order["status"] in (*_FINAL, "pending_replace"):
            return _error(422, 42210000, f'order is already in "{order["status"]}" state')
        if self.holds_cancels:
            order["status"] = "pending_cancel"
            await self.publish("pending_cancel", order)
        else:
            await self.end(order["client_order_id"], "canceled")
        return web.Response(status=204)

    # Activities

    async def _fills(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        found = list(self.activities)
        if self.faults.drop_activities:
            self.faults.drop_activities -= 1
            found = []
        if "order_id" in query and not self.ignores_order_id:
            found = [activity for activity in found if activity["order_id"] == query["order_id"]]
        if "after" in query:
            after = datetime.fromisoformat(query["after"].replace("Z", "+00:00"))
            found = [a for a in found if datetime.fromisoformat(a["transaction_time"].replace("Z", "+00:00")) > after]
        if query.get("direction", "desc") == "desc":
            found.reverse()
        if (token := query.get("page_token")) is not None:
            ids = [activity["id"] for activity in found]
            found = found[ids.index(token) + 1 :]
        return self._json(found[: min(100, int(query.get("page_size", "100")))])

    # The stream

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        authorized = False
        async for frame in socket:
            if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                break
            message = json.loads(frame.data)
            if message["action"] == "authenticate":
                authorized = (
                    message["data"] == {"key_id": KEY, "secret_key": SECRET} and not self.faults.refuse_listening
                )
                self.faults.refuse_listening = max(0, self.faults.refuse_listening - 1)
                status = "authorized" if authorized else "unauthorized"
                await _send(socket, "authorization", {"status": status, "action": "authenticate"})
            elif not authorized:
                await _send(socket, "authorization", {"status": "unauthorized", "action": "listen"})
            else:
                self._sockets.append(socket)
                self.connections += 1
                await _send(socket, "listening", {"streams": message["data"]["streams"]})
        if socket in self._sockets:
            self._sockets.remove(socket)
        return socket

    async def publish(self, event: str, order: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Send an update of an order, unless the stream is mute. What was sent is returned, to be sent again."""
        data = {"event": event, "timestamp": self.now(), "order": dict(order), **more}
        await self.send_again(data)
        return data

    async def send_again(self, data: dict[str, Any]) -> None:
        if self.mute:
            return
        text = json.dumps(data)
        if self.numbers_as_json:
            for name in ("qty", "price", "filled_qty"):
                text = text.replace(f'"{name}": "', f'"{name}": RAW"')
            text = _unquoted(text)
        for socket in list(self._sockets):
            await socket.send_bytes(f'{{"stream": "trade_updates", "data": {text}}}'.encode())
        self.sent += bool(self._sockets)

    async def send_raw(self, frame: bytes) -> None:
        for socket in list(self._sockets):
            await socket.send_bytes(frame)
        self.sent += bool(self._sockets)

    async def drop_stream(self) -> None:
        for socket in list(self._sockets):
            await socket.close()

    # The script

    def order(self, client_order_id: str) -> dict[str, Any]:
        """The newest order under a name."""
        return [order for order in self.orders.values() if order["client_order_id"] == client_order_id][-1]

    async def open(self, client_order_id: str) -> None:
        """The order is routed: status new."""
        order = self.order(client_order_id)
        order["status"] = "new"
        await self.publish("new", order, execution_id=self._uuid())

    async def execute(
        self, client_order_id: str, quantity: str, price: str, *, at: str | None = None, activity: bool = True
    ) -> dict[str, Any]:
        """Execute part or all of an order. The update, which was sent unless the stream is mute, is returned."""
        order = self.order(client_order_id)
        filled = Decimal(order["filled_qty"]) + Decimal(quantity)
        whole = Decimal(order["qty"])
        assert filled <= whole, "the market executes what is there"
        order["filled_qty"] = str(filled)
        order["filled_avg_price"] = price
        order["status"] = "filled" if filled == whole else "partially_filled"
        event = "fill" if filled == whole else "partial_fill"
        moment = at or self.now()
        execution_id = self._uuid()
        if activity:
            self.activities.append(
                {
                    "activity_type": "FILL",
                    "id": f"20190524113406977::{execution_id}",
                    "order_id": order["id"],
                    "symbol": order["symbol"],
                    "side": order["side"],
                    "type": event,
                    "qty": quantity,
                    "cum_qty": str(filled),
                    "leaves_qty": str(whole - filled),
                    "price": price,
                    "transaction_time": moment[:23] + "Z",
                }
            )
        data = {
            "event": event,
            "timestamp": moment,
            "order": dict(order),
            "execution_id": execution_id,
            "qty": quantity,
            "price": price,
            "position_qty": str(filled),
        }
        await self.send_again(data)
        return data

    async def end(self, client_order_id: str, status: str, **more: Any) -> None:
        """The order ends as canceled, expired or rejected."""
        order = self.order(client_order_id)
        order["status"] = status
        order["updated_at"] = self.now()
        await self.publish(status, order, **more)

    async def take_over(self, old_id: str, new_id: str) -> None:
        """The replacement has reached the market: the old order is replaced, the new one works."""
        old, new = self.order(old_id), self.order(new_id)
        old["status"], old["replaced_by"] = "replaced", new["id"]
        new["status"] = "new"
        await self.publish("replaced", old)

    def now(self) -> str:
        """A second later than last time, in nanoseconds as the broker has them."""
        moment = self.opened_at + timedelta(seconds=next(self._second))
        return moment.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")

    def _uuid(self) -> str:
        return str(UUID(int=next(self._ids)))

    def let_go(self) -> None:
        """What was stalled comes in now, or is answered."""
        for event in self._stalled:
            event.set()
        self._stalled.clear()

    async def _stall(self) -> None:
        """Go on when the test says so, or when it is over."""
        event = asyncio.Event()
        self._stalled.add(event)
        await event.wait()

    def _json(self, body: Any) -> web.Response:
        return web.json_response(body)


def _error(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status, headers=headers)


async def _send(socket: web.WebSocketResponse, stream: str, data: dict[str, Any]) -> None:
    await socket.send_bytes(json.dumps({"stream": stream, "data": data}).encode())


def _unquoted(text: str) -> str:
    """`RAW"1.10"` becomes the JSON number 1.10, digits and all."""
    parts = text.split('RAW"')
    return parts[0] + "".join(part.replace('"', "", 1) for part in parts[1:])
