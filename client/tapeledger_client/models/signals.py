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


class ModelAccuracy(Model, frozen=True, kw_only=True):
    """What came of the signals of a version of a model on a symbol, as far as it is known.

    Signals that abstained or were asked for by hand do not count.
    """

    model_name: str
    model_version: str
    symbol: str
    outcomes: int
    """signals of which it is known what came"""
    correct: int
    """those that said so"""
    accuracy: float
    """correct / outcomes"""
    accuracy_low: float
    """lower end of the 95 % Wilson score interval (E. B. Wilson, 1927): with p the accuracy, n the outcomes and z =
    1.96, (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n). It takes outcomes as independent of one another;
    labels that overlap in time are not, so the truth is less certain than this
    """
    accuracy_high: float
    """its upper end"""
    majority_share: float
    """what always saying the class that came most often would have had right"""
    confusion: dict[Direction, dict[Direction, int]]
    """outcomes by what was said, and in that by what would have been right"""


class ModelAccuracyPage(Model, frozen=True, kw_only=True):
    """Model accuracy page."""

    data: tuple[ModelAccuracy, ...]
    has_more: bool
    """whether more rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""


class Signal(Model, frozen=True, kw_only=True):
    """Signal."""

    signal_id: str
    symbol: str
    direction: Direction
    probabilities: dict[Direction, float | None]
    """of each direction, summing to one; all zero when the model abstained"""
    model_name: str
    model_version: str
    model_sha256: str
    """of the model's file, hex; empty where the signal does not tell it"""
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
    outcome: SignalOutcome | None
    """null until it is known; of a signal that abstained or was asked for by hand, always"""
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


class SignalOutcome(Model, frozen=True, kw_only=True):
    """What came of a signal, by its model's own label rule."""

    realised: Direction
    """what would have been right"""
    correct: bool
    """whether the signal said so"""
    entry_price: Decimal
    """the open of the bar after the signal's"""
    exit_price: Decimal
    """the close at which the label's interval ended"""
    known_at: datetime
    """market time of the bar that told it"""


class SignalPage(Model, frozen=True, kw_only=True):
    """Signal page."""

    data: tuple[Signal, ...]
    has_more: bool
    """whether more rows follow"""
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
