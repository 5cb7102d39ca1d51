"""What issuers did to positions. The fields of the command stand beside what came of it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.events.links import LinkedOrder
from domain.events.operator import OperatorEvent
from domain.numbers import ZERO


class LotState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lot as it is after an event that re-states lots. Quantity and cost are below zero for the short leg."""

    lot_id: str
    quantity: Decimal
    cost: Decimal
    opened_at_us: int


class DividendPaid(OperatorEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cash came in for units held. gross, withheld: what `currency` can pay; whoever is short pays the dividend.

    quantity: long less short. withheld: of what the long units were paid. currency: None for the account's.
    """

    symbol: str
    per_unit: Decimal
    market_time_us: int
    quantity_of_record: Decimal | None
    withholding_bps: Decimal
    quantity: Decimal
    gross: Decimal
    withheld: Decimal
    currency: str | None = None


class SharesSplit(OperatorEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Each lot has other units and the same cost; the fraction of a unit was paid for in cash.

    old_quantity, new_quantity: of the position, long less short. lieu_quantity: the fraction, in new units; lieu_cash:
    in `currency`, None for the account's; realized_pnl: lieu_cash less the cost of the fraction. lots: all of the
    position after it. linked: its open orders, for each of which the venue is asked to cancel it.
    """

    symbol: str
    numerator: int
    denominator: int
    market_time_us: int
    cash_in_lieu_price: Decimal | None
    quantity_increment: Decimal
    old_quantity: Decimal
    new_quantity: Decimal
    lieu_quantity: Decimal
    lieu_cash: Decimal
    realized_pnl: Decimal
    lots: tuple[LotState, ...]
    linked: tuple[LinkedOrder, ...] = ()
    currency: str | None = None


class SymbolChanged(OperatorEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units, lots, cost, P&L and fees of the position stand under the new symbol, and so do its open orders.

    quantity, held_quantity, cost, short_quantity, short_proceeds, realized_pnl, fees: what moved; quantity and cost are
    of the long leg. orders: every order that was open; linked: those of
    them that the venue is asked to cancel.
    """

    symbol: str
    new_symbol: str
    market_time_us: int
    quantity: Decimal
    held_quantity: Decimal
    cost: Decimal
    realized_pnl: Decimal
    fees: Decimal
    orders: tuple[str, ...]
    linked: tuple[LinkedOrder, ...] = ()
    short_quantity: Decimal = ZERO
    short_proceeds: Decimal = ZERO


class InstrumentDelisted(OperatorEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The position is closed. proceeds: quantity x price, what `currency` can pay; realized_pnl: proceeds less cost.

    quantity: long less short. currency: None for the account's.
    """

    symbol: str
    price: Decimal
    market_time_us: int
    quantity: Decimal
    proceeds: Decimal
    realized_pnl: Decimal
    linked: tuple[LinkedOrder, ...] = ()
    currency: str | None = None
