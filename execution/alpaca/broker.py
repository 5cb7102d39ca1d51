"""The calls of Alpaca's Trading API that are used, as methods. Reads are repeated until they are answered.

Paths, parameters and pages: the OpenAPI document of the Trading API, version 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from domain.errors import UnavailableError
from execution.alpaca.answers import Answer
from execution.alpaca.rest import Rest
from execution.alpaca.wire import Fill, Unreadable, VenueStatus, fill_of, status_of, text_of_second

_ORDERS_A_PAGE, _ACTIVITIES_A_PAGE, _PAGES_MAX = 500, 100, 1_000
_SECOND_US = 1_000_000
T = TypeVar("T")


class Broker:
    """Raises UnavailableError when the venue does not answer, or answers what cannot be read."""

    def __init__(self, rest: Rest) -> None:
        self.rest = rest

    async def place(self, body: Mapping[str, str]) -> Answer:
        """Ask for an order, once. Raises NoAnswer."""
        return await self.rest.ask("POST", "/orders", body)

    async def change(self, venue_order_id: str, body: Mapping[str, str]) -> Answer:
        """Ask for a replacement of an order, once. Raises NoAnswer."""
        return await self.rest.ask("PATCH", f"/orders/{venue_order_id}", body)

    async def cancel(self, venue_order_id: str) -> Answer:
        """Ask for a cancellation. 204: it is under way; 422: the order can no longer be cancelled."""
        return await self.rest.ask_until_answered("DELETE", f"/orders/{venue_order_id}")

    async def order_named(self, client_order_id: str) -> VenueStatus | None:
        """The order that has this client order id; None: the venue has none."""
        answer = await self.rest.ask_until_answered(
            "GET", "/orders:by_client_order_id", {"client_order_id": client_order_id}
        )
        return None if answer.status == 404 else _read(status_of, _body(answer))

    async def order(self, venue_order_id: str) -> VenueStatus:
        """The order that has this id of the venue's."""
        return _read(status_of, _body(await self.rest.ask_until_answered("GET", f"/orders/{venue_order_id}")))

    async def open_orders(self) -> list[VenueStatus]:
        """All that are open, in the order of their submission."""
        found: list[VenueStatus] = []
        query = {"status": "open", "limit": str(_ORDERS_A_PAGE), "direction": "asc"}
        for _ in range(_PAGES_MAX):
            page = _items(_body(await self.rest.ask_until_answered("GET", "/orders", query)))
            found.extend(_read(status_of, item) for item in page)
            if len(page) < _ORDERS_A_PAGE:
                return found
            query["after_order_id"] = found[-1].venue_order_id
        raise UnavailableError(f"Alpaca has more than {_PAGES_MAX * _ORDERS_A_PAGE} open orders")

    async def fills(self, since_us: int, venue_order_id: str | None = None) -> list[Fill]:
        """Executions since then, of one order where it is named; of each order in the order of their quantities.

        `after` leaves out its own second's beginning, hence the second before; and the activities of one millisecond
        come in any order, hence the sort.
        """
        query = {
            "after": text_of_second(since_us - _SECOND_US),
            "direction": "asc",
            "page_size": str(_ACTIVITIES_A_PAGE),
        }
        if venue_order_id is not None:
            query["order_id"] = venue_order_id
        found: list[Fill] = []
        for _ in range(_PAGES_MAX):
            page = _items(_body(await self.rest.ask_until_answered("GET", "/account/activities/FILL", query)))
            found.extend(_read(fill_of, item) for item in page)
            if len(page) < _ACTIVITIES_A_PAGE:
                break
            query["page_token"] = page[-1]["id"]
        else:
            raise UnavailableError(f"Alpaca has more than {_PAGES_MAX * _ACTIVITIES_A_PAGE} executions since then")
        if venue_order_id is not None:
            of_order = (fill for fill in found if fill.venue_order_id == venue_order_id)
            return sorted(of_order, key=lambda fill: fill.cumulative)
        later = (fill for fill in found if fill.market_time_us >= since_us)
        return sorted(later, key=lambda fill: (fill.market_time_us, fill.venue_order_id, fill.cumulative))


def _body(answer: Answer) -> Any:
    if not answer.is_success:
        raise UnavailableError(answer.message)
    return answer.body


def _items(body: Any) -> list[Any]:
    if not isinstance(body, list):
        raise UnavailableError(f"expected a list from Alpaca, it was {type(body).__name__}")
    return body


def _read(parse: Callable[[object], T], body: object) -> T:
    try:
        return parse(body)
    except Unreadable as error:
        raise UnavailableError(f"Alpaca answered what cannot be read: {error}") from error
