"""What the desk says came of a strategy, and what it has to be told of account and venue."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec

from domain.backtests import BacktestTerms
from domain.commands import SubmitOrder
from domain.paper_costs import PaperParameters
from domain.terms import Side


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """What an order got on one tick. time_us: market time. tick_price: the tick's own, before costs.

    realized_pnl: before fees, of what a sale closed; first in, first out.
    """

    execution_id: str
    order_id: str
    signal_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    time_us: int
    tick_price: Decimal
    realized_pnl: Decimal


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """An order that the ledger refuses. code: of domain.codes. time_us: market time of the signal."""

    order_id: str
    signal_id: str
    symbol: str
    side: Side
    quantity: Decimal
    time_us: int
    code: str
    text: str


class Working(msgspec.Struct, frozen=True, kw_only=True):
    """An order that has something left when the ticks end. time_us: market time of its signal."""

    order_id: str
    signal_id: str
    symbol: str
    side: Side
    quantity: Decimal
    leaves: Decimal
    time_us: int


class Trading(NamedTuple):
    """What came of it, each in the order in which it happened. cash: at the end, what is set aside included.

    orders: all that the strategy made. positions: units at the end, by symbol.
    """

    orders: tuple[SubmitOrder, ...]
    fills: tuple[Fill, ...]
    rejections: tuple[Rejection, ...]
    working: tuple[Working, ...]
    cash: Decimal
    positions: dict[str, Decimal]


class Refused(NamedTuple):
    """A verdict of another ledger that is taken over: see models.backtest.compare."""

    code: str
    text: str


class House(NamedTuple):
    """What the account and the venue are like. cash: in the account before the first order; hold_fee_bps: what a hold
    sets aside for the venue's fees.
    What happened at another ledger and cannot be known here, by order id (see models.backtest.compare): refused: orders
    that are refused whatever this ledger would say. ended: orders that were cancelled, and how much they had filled by
    then. paid_in: cash that came in just before the order; below zero: that left.
    """

    account_id: str
    cash: Decimal
    hold_fee_bps: Decimal
    venue: PaperParameters
    refused: Mapping[str, Refused] = {}
    ended: Mapping[str, Decimal] = {}
    paid_in: Mapping[str, Decimal] = {}

    @classmethod
    def of(cls, terms: BacktestTerms, account_id: str) -> House:
        venue = PaperParameters(
            half_spread_bps=terms.half_spread_bps,
            impact_bps=terms.impact_bps,
            participation_max=terms.participation_max,
            fee_bps=terms.fee_bps,
        )
        return cls(account_id, terms.cash, terms.fee_bps, venue)
