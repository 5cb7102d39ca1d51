"""Inputs of the ledger on `trading.commands` (key: account id). Imperative: what somebody wants to happen.

Amounts and quantities are Decimal, times integer microseconds since 1970 UTC. `command_id` is the sender's own id.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from domain.market import TickRef

Side = Literal["BUY", "SELL"]
OrderType = Literal["MARKET", "LIMIT"]
LotMethod = Literal["FIFO", "AVERAGE"]


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every command has. `issued_at_us` is the sender's wall clock; a command too old is refused."""

    command_id: str
    account_id: str
    issued_at_us: int


class OpenAccount(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Open an account. `fee_bps`: basis points of notional that a hold sets aside for fees."""

    owner: str
    currency: str = "USD"
    lot_method: LotMethod = "FIFO"
    fee_bps: Decimal = Decimal("0")


class Deposit(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put cash into an account."""

    amount: Decimal
    currency: str = "USD"


class Withdraw(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take free cash out of an account."""

    amount: Decimal
    currency: str = "USD"


class SubmitOrder(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for an order. `order_id` is `domain.ids.order_id(account_id, client_order_id)`.

    limit_price: required for LIMIT, absent for MARKET.
    protection_price: for MARKET BUY required: the worst price at which it may fill; the hold is computed from it.
        Optional for MARKET SELL, absent for LIMIT.
    active_after: the tick the decision was made from; the venue fills from the first later tick of the symbol whose
        market time is above `active_from_us` (None: from the first tick after the venue got the order).
    active_from_us: market time from which the order is active: that tick's time plus the latency model's delay.
    """

    order_id: str
    client_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    protection_price: Decimal | None = None
    active_after: TickRef | None = None
    active_from_us: int | None = None
    signal_id: str | None = None
    strategy_id: str | None = None


class CancelOrder(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask that what is left of an order be cancelled."""

    order_id: str
