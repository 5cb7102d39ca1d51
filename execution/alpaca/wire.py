"""Alpaca's JSON as values: numbers are Decimal, times are microseconds UTC, and nothing passes through a float.

Money and quantities are published as strings; where the API or a proxy writes a JSON number instead, `loads` reads its
digits as they stand. What cannot be read raises Unreadable. Shapes: the Trading API's OpenAPI document and the page
"Websocket Streaming" (docs.alpaca.markets).
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from domain.numbers import is_sound, plain

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = 1_000_000
_MILLISECOND_US = 1_000


class Unreadable(ValueError):
    """The venue said something that is not of the published form."""


class VenueStatus(NamedTuple):
    """An order as the venue has it. Quantities in units, submitted_at_us and changed_at_us: microseconds UTC.

    client_order_id: our order id, or for a replacement what `replacement_id` makes of it. quantity: None for an order
    over an amount of money, which this adapter never places; symbol, side, order_type: empty for several legs.
    """

    venue_order_id: str
    client_order_id: str
    symbol: str
    side: str
    order_type: str
    time_in_force: str
    status: str
    quantity: Decimal | None
    filled_quantity: Decimal
    average_price: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    submitted_at_us: int
    changed_at_us: int
    replaced_by: str | None


class Fill(NamedTuple):
    """One execution. cumulative: what the venue's order had executed with it. market_time_us: whole milliseconds."""

    execution_id: str
    venue_order_id: str
    symbol: str
    side: str
    quantity: Decimal
    cumulative: Decimal
    price: Decimal
    market_time_us: int


class Update(NamedTuple):
    """One message of the stream. fill: for an event that executes and says all that identifies the execution.

    execution_id, previous_execution_id, quantity, price: of a trade_bust or trade_correct.
    """

    event: str
    order: VenueStatus
    fill: Fill | None
    at_us: int
    reason: str | None
    execution_id: str | None
    previous_execution_id: str | None
    quantity: Decimal | None
    price: Decimal | None


def replacement_id(order_id: str, revision: int) -> str:
    """The client order id under which a replacement goes out: it can be looked up by whoever knows the order."""
    return f"{order_id}.r{revision}"


def order_id_of(client_order_id: str) -> str:
    """Our order id, of an order or of a replacement."""
    return client_order_id.partition(".r")[0]


def loads(text: str | bytes) -> Any:
    """JSON with every fraction as Decimal; NaN and Infinity, which are no JSON, are refused."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"expected JSON, it was {text[:200]!r}") from error


def number(value: object, what: str) -> Decimal:
    """A number that may be computed with, from a string or a JSON number."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Unreadable(f"{what}: expected a number, it was {value!r}")
    try:
        read = Decimal(value)
    except InvalidOperation as error:
        raise Unreadable(f"{what}: expected a number, it was {value!r}") from error
    if not is_sound(read):
        raise Unreadable(f"{what}: expected a finite number with at most 15 and 18 digits, it was {value!r}")
    return read


def text_of(amount: Decimal) -> str:
    """A number as the API takes it: plain digits, no exponent."""
    return plain(amount)


def time_us(value: object, what: str) -> int:
    """Microseconds UTC of an RFC 3339 time; finer digits are cut off."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Unreadable(f"{what}: expected an RFC 3339 time, it was {value!r}")
    day, clock, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}")
    except ValueError as error:
        raise Unreadable(f"{what}: expected an RFC 3339 time, it was {value!r}") from error
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * _MICROSECONDS + int((fraction or "")[:6].ljust(6, "0"))


def text_of_second(at_us: int) -> str:
    """The second that `at_us` lies in, in the form in which the API filters: YYYY-MM-DDTHH:MM:SSZ."""
    return datetime.fromtimestamp(at_us // _MICROSECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def status_of(body: object) -> VenueStatus:
    """An Order object."""
    order = _object(body, "order")
    submitted_at_us = time_us(order.get("submitted_at") or order.get("created_at"), "order.submitted_at")
    return VenueStatus(
        venue_order_id=_text(order, "id"),
        client_order_id=_text(order, "client_order_id"),
        symbol=_optional_text(order, "symbol") or "",
        side=_optional_text(order, "side") or "",
        order_type=_optional_text(order, "type") or "",
        time_in_force=_text(order, "time_in_force"),
        status=_text(order, "status"),
        quantity=_optional_number(order, "qty"),
        filled_quantity=number(order.get("filled_qty") or "0", "order.filled_qty"),
        average_price=_optional_number(order, "filled_avg_price"),
        limit_price=_optional_number(order, "limit_price"),
        stop_price=_optional_number(order, "stop_price"),
        submitted_at_us=submitted_at_us,
        changed_at_us=time_us(order.get("updated_at") or order.get("submitted_at"), "order.updated_at"),
        replaced_by=_optional_text(order, "replaced_by"),
    )


def fill_of(body: object) -> Fill:
    """A TradeActivity object. Its id is a local time, `::` and the execution's id."""
    activity = _object(body, "activity")
    return _fill(
        execution_id=_text(activity, "id").rpartition("::")[2],
        venue_order_id=_text(activity, "order_id"),
        symbol=_text(activity, "symbol"),
        side=_text(activity, "side"),
        quantity=number(activity.get("qty"), "activity.qty"),
        cumulative=number(activity.get("cum_qty"), "activity.cum_qty"),
        price=number(activity.get("price"), "activity.price"),
        at_us=time_us(activity.get("transaction_time"), "activity.transaction_time"),
    )


def update_of(message: object) -> Update:
    """The `data` of a message of the stream `trade_updates`."""
    data = _object(message, "update")
    order = status_of(data.get("order"))
    at_us = time_us(data.get("timestamp") or data.get("at"), "update.timestamp")
    quantity, price = _optional_number(data, "qty"), _optional_number(data, "price")
    event, execution_id = _text(data, "event"), _optional_text(data, "execution_id")
    return Update(
        event=event,
        order=order,
        fill=_fill_of_update(event, order, execution_id, quantity, price, at_us),
        at_us=at_us,
        reason=_optional_text(data, "reason"),
        execution_id=execution_id,
        previous_execution_id=_optional_text(data, "previous_execution_id"),
        quantity=quantity,
        price=price,
    )


def _fill_of_update(
    event: str,
    order: VenueStatus,
    execution_id: str | None,
    quantity: Decimal | None,
    price: Decimal | None,
    at_us: int,
) -> Fill | None:
    if event not in ("fill", "partial_fill") or execution_id is None or quantity is None or price is None:
        return None
    return _fill(
        execution_id=execution_id,
        venue_order_id=order.venue_order_id,
        symbol=order.symbol,
        side=order.side,
        quantity=quantity,
        cumulative=order.filled_quantity,
        price=price,
        at_us=at_us,
    )


def _fill(*, at_us: int, **fields: Any) -> Fill:
    """Activities carry milliseconds and the stream more; cut to the same, so that the same execution looks the same."""
    fill = Fill(market_time_us=at_us // _MILLISECOND_US * _MILLISECOND_US, **fields)
    if fill.quantity <= 0 or fill.price <= 0 or fill.cumulative < fill.quantity:
        raise Unreadable(
            f"execution {fill.execution_id}: expected quantity and price above zero and a cumulative quantity not "
            f"below the quantity, they were {fill.quantity}, {fill.price}, {fill.cumulative}"
        )
    return fill


def _object(body: object, what: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Unreadable(f"{what}: expected an object, it was {body!r}"[:300])
    return body


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"{name}: expected a text, it was {value!r}")
    return value


def _optional_text(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def _optional_number(fields: dict[str, Any], name: str) -> Decimal | None:
    value = fields.get(name)
    return None if value is None or value == "" else number(value, name)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
