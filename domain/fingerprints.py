"""The content of commands, by which a repeat is told from a conflict: 128 bits of SHA-256.

Decimals count by value, so that 1.0 and 1.00 are the same content. Ids of commands and times of issue do not count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from domain.account_terms import FeeSchedule, MarginTerms
from domain.commands import DESK_CONTROLS, RISK_COMMANDS, Command, PlanRebalance, ReplaceOrder
from domain.limits import Limits
from domain.numbers import plain
from domain.terms import OrderTerms

if TYPE_CHECKING:
    from domain.commands import ConvertCash, GrantLocate, OpenAccount, SetFeeSchedule
    from domain.events import AccountOpened, CashConverted, FeeScheduleChanged, LocateGranted

REPLACEABLE = (
    "quantity",
    "limit_price",
    "protection_price",
    "stop_price",
    "trail_amount",
    "trail_bps",
    "expire_at_us",
)
"""The fields of domain.commands.ReplaceOrder that change an order."""

_encoder = msgspec.json.Encoder()


def opened_content(opening: OpenAccount | AccountOpened) -> bytes:
    names = ("owner", "currency", "lot_method", "fee_bps", "currencies", "margin", "fee_schedule")
    return _content("OpenAccount", *(getattr(opening, name) for name in names))


def converted_content(conversion: ConvertCash | CashConverted) -> bytes:
    names = ("from_currency", "to_currency", "amount", "rate", "source")
    return _content("ConvertCash", *(getattr(conversion, name) for name in names))


def schedule_content(change: SetFeeSchedule | FeeScheduleChanged) -> bytes:
    return _content("SetFeeSchedule", change.fee_schedule, change.changed_by, change.reason)


def locate_content(grant: GrantLocate | LocateGranted) -> bytes:
    names = ("symbol", "quantity", "expires_at_us", "fee_bps_per_year", "granted_by", "reason")
    return _content("GrantLocate", *(getattr(grant, name) for name in names))


def cash_content(command_type: str, amount: Decimal, currency: str) -> bytes:
    """command_type: Deposit or Withdraw."""
    return _content(command_type, amount, currency)


def cancel_content(order_id: str) -> bytes:
    return _content("CancelOrder", order_id)


def changes_of(command: ReplaceOrder) -> dict[str, str]:
    """What a replacement asks for, field by field, as text; one text for one value."""
    asked = ((name, getattr(command, name)) for name in REPLACEABLE)
    return {
        name: plain(value) if isinstance(value, Decimal) else str(value) for name, value in asked if value is not None
    }


def rebalance_content(command: PlanRebalance) -> bytes:
    weights = [[symbol, plain(weight)] for symbol, weight in sorted(command.weights.items())]
    shares = (command.cash_weight, command.drift_band, command.allowance)
    return _content("PlanRebalance", weights, *shares, command.expected_version, command.expected_orders)


def cancel_plan_content(plan_id: str) -> bytes:
    return _content("CancelRebalance", plan_id)


def replace_content(order_id: str, changes: Mapping[str, str]) -> bytes:
    return _content("ReplaceOrder", order_id, sorted(changes.items()))


def operator_content(command_type: str, asked: Any) -> bytes:
    """Of what an operator's command asks for. asked: the command, or the event that has come of it.

    Who and why do not count: a vendor's feed and a person may both tell of the same dividend.
    """
    return _content(command_type, *(getattr(asked, name) for name in OPERATOR_CONTENT[command_type]))


def reference_key(command_type: str, asked: Any) -> str:
    """Which action of the outside world it is: the kind, what it is about, and the actor's own id of it.

    asked: the command, or the event that has come of it. No text of a command holds the separator.
    """
    about = (getattr(asked, name) for name in ("symbol", "kind") if name in OPERATOR_CONTENT[command_type])
    return "\x1f".join((command_type, *about, asked.reference))


def order_content(terms: OrderTerms) -> bytes:
    """Of all that was asked for; the order id is derived from the client's. Every order passes here: no loops."""
    values = (
        "SubmitOrder",
        terms.client_order_id,
        terms.symbol,
        terms.side,
        terms.order_type,
        plain(terms.quantity),
        _plain(terms.limit_price),
        _plain(terms.protection_price),
        terms.active_after,
        terms.active_from_us,
        terms.signal_id,
        terms.strategy_id,
        terms.time_in_force,
        terms.expire_at_us,
        _plain(terms.stop_price),
        _plain(terms.trail_amount),
        _plain(terms.trail_bps),
        terms.post_only,
        terms.reduce_only,
        terms.group_id,
        terms.group_kind,
        terms.parent_order_id,
        terms.trader_id,
    )
    return hashlib.sha256(_encoder.encode(values)).digest()[:16]


def _plain(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)


def risk_content(command_type: str, message: Any) -> bytes:
    """Of a risk officer's command, or of the event with its fields. command_type: of RISK_COMMANDS or DESK_CONTROLS."""
    return _content(command_type, *(getattr(message, name) for name in _RISK_CONTENT[command_type]))


def duplicate_key(terms: OrderTerms) -> str:
    """What two orders have in common that are duplicates: symbol, side, type, quantity and prices, by value."""
    figures = (terms.quantity, terms.limit_price, terms.stop_price, terms.protection_price)
    trail = (terms.trail_amount, terms.trail_bps)
    texts = ["" if figure is None else plain(figure) for figure in (*figures, *trail)]
    return "|".join([terms.side, terms.order_type, *texts, terms.symbol])


def _content(*parts: Any) -> bytes:
    return hashlib.sha256(_encoder.encode([_part(part) for part in parts])).digest()[:16]


def _part(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Limits | FeeSchedule | MarginTerms):
        return [_part(getattr(value, name)) for name in value.__struct_fields__]
    return value


_RISK_CONTENT = {
    command.__name__: tuple(name for name in command.__struct_fields__ if name not in Command.__struct_fields__)
    for command in (*RISK_COMMANDS, *DESK_CONTROLS)
}


OPERATOR_CONTENT: dict[str, tuple[str, ...]] = {
    "PayDividend": ("symbol", "reference", "per_unit", "market_time_us", "quantity_of_record", "withholding_bps"),
    "SplitShares": ("symbol", "reference", "numerator", "denominator", "market_time_us", "cash_in_lieu_price"),
    "ChangeSymbol": ("symbol", "reference", "new_symbol", "market_time_us"),
    "DelistInstrument": ("symbol", "reference", "price", "market_time_us"),
    "AdjustCash": ("kind", "reference", "amount", "currency"),
    "TransferCash": ("reference", "to_account_id", "amount", "currency"),
    "ReceiveTransfer": ("reference", "from_account_id", "amount", "currency"),
    "ReturnTransfer": ("reference", "to_account_id", "amount", "currency"),
    "CorrectFill": ("execution_id", "reference", "quantity", "price", "fee"),
    "BustFill": ("execution_id", "reference"),
}
"""The fields that a command has in common with its event and that say what was asked for."""
