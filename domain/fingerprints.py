"""The content of commands, by which a repeat is told from a conflict: 128 bits of SHA-256.

Decimals count by value, so that 1.0 and 1.00 are the same content. Ids of commands and times of issue do not count.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from domain.account_terms import FeeSchedule, MarginTerms
from domain.numbers import plain
from domain.terms import OrderTerms

if TYPE_CHECKING:
    from domain.commands import ConvertCash, GrantLocate, OpenAccount, SetFeeSchedule
    from domain.events import AccountOpened, CashConverted, FeeScheduleChanged, LocateGranted

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


def order_content(terms: OrderTerms) -> bytes:
    """Of all that was asked for; the order id is derived from the client's."""
    return _content("SubmitOrder", *(getattr(terms, name) for name in _CONTENT))


def _content(*parts: Any) -> bytes:
    return hashlib.sha256(_encoder.encode([_value(part) for part in parts])).digest()[:16]


def _value(part: Any) -> Any:
    if isinstance(part, Decimal):
        return plain(part)
    if isinstance(part, FeeSchedule | MarginTerms):
        return [_value(getattr(part, name)) for name in part.__struct_fields__]
    return part


_CONTENT = tuple(name for name in OrderTerms.__struct_fields__ if name != "order_id")
