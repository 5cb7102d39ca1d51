"""Bodies of signals.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from tapeledger_client.model import Model, Open
from tapeledger_client.models.shared import Decision, Place

Direction: TypeAlias = Open[Literal["BUY", "SELL", "HOLD"]]


SignalRequestStatusStatus: TypeAlias = Open[Literal["GENERATED", "REFUSED"]]


class Signal(Model, frozen=True, kw_only=True):
    """Signal."""

    signal_id: str
    symbol: str
    direction: Direction
    probabilities: dict[Direction, float | None]
    """of each direction, summing to one; all zero when the model abstained"""
    model_name: str
    model_version: str
    price: Decimal | None
    """of the last tick, per unit"""
    features: dict[str, float | None]
    abstained: str | None
    """why there is no opinion, such as warm_up"""
    requested_by_id: str | None
    """the request's id, for a signal asked for by hand"""
    first_tick: Tick | None
    """the inputs begin here"""
    last_tick: Tick | None
    """the inputs end here"""
    market_time: datetime
    recorded_at: datetime
    partition: int
    """of trading.signals"""
    record_offset: int


class SignalAsked(Model, frozen=True, kw_only=True):
    """Signal asked."""

    request_id: str
    symbol: str
    status_url: str
    position: Place
    decision: Decision | None
    """null unless `Prefer: wait` asked for it and it was known in time"""


class SignalPage(Model, frozen=True, kw_only=True):
    """Signal page."""

    data: tuple[Signal, ...]
    has_more: bool
    """whether older rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""


class SignalRefusal(Model, frozen=True, kw_only=True):
    """Signal refusal."""

    code: str
    text: str
    recorded_at: datetime


class SignalRequest(Model, frozen=True, kw_only=True):
    """Ask for a signal from the ticks known so far."""

    symbol: str
    requested_by: str | None = None
    """who asks; null: the caller. Only admins name somebody else"""


class SignalRequestStatus(Model, frozen=True, kw_only=True):
    """Signal request status."""

    request_id: str
    status: SignalRequestStatusStatus
    signal: Signal | None
    refusal: SignalRefusal | None


class Tick(Model, frozen=True, kw_only=True):
    """A position on market.ticks."""

    partition: int
    offset: int
    market_time: datetime
