"""From what a client asks for to the ledger's words: terms, commands, and the worst price of a purchase."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from api.fields import us_of_time
from api.orders.bodies import GroupRequest, LegRequest, OrderRequest, OrderTermsIn, ReplaceRequest
from domain import ids
from domain.commands import ReplaceOrder, SubmitOrder, SubmitOrderGroup
from domain.terms import OrderTerms
from runtime.clock import now_us

_TERMS = tuple(name for name in OrderTermsIn.model_fields if name != "expire_at")
_REPLACED = tuple(name for name in ReplaceRequest.model_fields if name not in {"expire_at", "account_id"})


def submit(account_id: str, body: OrderRequest | LegRequest, command_id: str) -> SubmitOrder:
    return SubmitOrder(
        command_id=command_id,
        account_id=account_id,
        issued_at_us=now_us(),
        order_id=ids.order_id(account_id, body.client_order_id),
        client_order_id=body.client_order_id,
        expire_at_us=_us(body.expire_at),
        **_values(body, _TERMS),
    )


def group(body: GroupRequest, command_id: str) -> SubmitOrderGroup:
    return SubmitOrderGroup(
        command_id=command_id,
        account_id=body.account_id,
        issued_at_us=now_us(),
        group_id=ids.group_id(body.account_id, body.client_group_id),
        client_group_id=body.client_group_id,
        kind=body.kind,
        orders=tuple(_leg(body.account_id, leg) for leg in body.orders),
    )


def replace(order_id: str, body: ReplaceRequest, command_id: str) -> ReplaceOrder:
    return ReplaceOrder(
        command_id=command_id,
        account_id=body.account_id,
        issued_at_us=now_us(),
        order_id=order_id,
        expire_at_us=_us(body.expire_at),
        **_values(body, _REPLACED),
    )


def lacks_worst_price(command: SubmitOrder) -> bool:
    """Whether it is a purchase for which a protection price is to be derived."""
    return command.side == "BUY" and command.limit_price is None and command.protection_price is None


def worst_from(command: SubmitOrder, last: Decimal) -> Decimal:
    """The price from which a protection price is derived: a stop's own; above `last` by as much as a stop trails."""
    if command.stop_price is not None:
        return command.stop_price
    if command.trail_amount is not None:
        return last + command.trail_amount
    if command.trail_bps is not None:
        return last * (1 + command.trail_bps / 10_000)
    return last


def _leg(account_id: str, leg: LegRequest) -> OrderTerms:
    return OrderTerms(
        order_id=ids.order_id(account_id, leg.client_order_id),
        client_order_id=leg.client_order_id,
        expire_at_us=_us(leg.expire_at),
        **_values(leg, _TERMS),
    )


def _values(body: OrderTermsIn | ReplaceRequest, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(body, name) for name in names}


def _us(time: datetime | None) -> int | None:
    return None if time is None else us_of_time(time)
