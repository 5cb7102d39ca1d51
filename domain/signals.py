"""The events of the tape `trading.signals`, and the input that asks for one by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from domain.market import TickRef

Direction = Literal["BUY", "SELL", "HOLD"]


class SignalRequested(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input on `signals.requests`: make a signal from the ticks known so far. Key: symbol."""

    request_id: str
    symbol: str
    requested_by: str
    issued_at_us: int


class SignalGenerated(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model's verdict on one instrument at one tick.

    probabilities: one per direction, summing to one; all zero when the model abstained.
    abstained: why there is no opinion (`warm_up`, `no_ticks`, `model_missing`), and the direction is HOLD then.
    first_tick, last_tick: the inputs, both ends included. price: the last tick's price.
    requested_by_id: the request's id for a signal that was asked for by hand; strategies do not act on those.
    """

    signal_id: str
    symbol: str
    direction: Direction
    probabilities: dict[Direction, float]
    model_name: str
    model_version: str
    features: dict[str, float]
    price: Decimal | None
    first_tick: TickRef | None
    last_tick: TickRef | None
    market_time_us: int
    recorded_at_us: int
    abstained: str | None = None
    requested_by_id: str | None = None


class SignalRefused(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request for a signal that cannot be met, such as one for an unknown symbol."""

    request_id: str
    symbol: str
    code: str
    text: str
    recorded_at_us: int
