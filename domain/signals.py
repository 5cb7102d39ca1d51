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


class SignalOutcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of an earlier signal of the same symbol, by its model's own label rule.

    direction: what was said; realised: what would have been right. entry_price, exit_price: the open of the bar after
    the signal's, and what the label's interval ended at: a close, or a barrier that was met. market_time_us: the
    earlier signal's.
    """

    signal_id: str
    model_name: str
    model_version: str
    direction: Direction
    probabilities: dict[Direction, float]
    realised: Direction
    entry_price: Decimal
    exit_price: Decimal
    market_time_us: int


class SignalGenerated(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model's verdict on one instrument at one tick.

    probabilities: one per direction, summing to one; all zero when the model abstained.
    abstained: why there is no opinion, and the direction is HOLD then: `no_ticks`, `warm_up` (too few bars),
        `model_missing`, `features_invalid`, `model_stale` (too long after its training), `model_drifted` (the features
        are not those that it learnt from).
    features: those of the newest bar, by name. first_tick, last_tick: the inputs, both ends included: all that features
        and probabilities were computed from. price: the last tick's price.
    model_sha256: of the model's file, hexadecimal.
    requested_by_id: the request's id for a signal that was asked for by hand; strategies do not act on those.
    outcomes: of earlier signals, whose labels this bar completes. Signals asked for by hand have none, and none of
        those that abstained.
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
    model_sha256: str = ""
    outcomes: tuple[SignalOutcome, ...] = ()


class SignalRefused(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request for a signal that cannot be met, such as one for an unknown symbol."""

    request_id: str
    symbol: str
    code: str
    text: str
    recorded_at_us: int
