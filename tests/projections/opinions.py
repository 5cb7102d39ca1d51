"""Signals of a model on X and Y, with what came of them, and every row that they must give, worked out by hand.

A signal at each day's close. On X version 7 says BUY, BUY, SELL; version 8 takes over and says BUY, HOLD. What came of
the first is known two days later, of the second and the third on one and the same day.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from domain.signals import Direction, SignalGenerated, SignalOutcome
from tests.projections import story
from tests.projections.tapes import Tape

SAID: dict[str, dict[Direction, float]] = {
    "BUY": {"BUY": 0.5, "SELL": 0.25, "HOLD": 0.25},
    "SELL": {"BUY": 0.125, "SELL": 0.75, "HOLD": 0.125},
    "HOLD": {"BUY": 0.25, "SELL": 0.25, "HOLD": 0.5},
}


def close(day: int) -> int:
    return story.at(day, 21)


def outcome(
    signal_id: str, version: str, said: Direction, realised: Direction, *prices: str, day: int
) -> SignalOutcome:
    """prices: entry and exit. day: the earlier signal's."""
    entry, exit_ = map(Decimal, prices)
    return SignalOutcome(
        signal_id=signal_id,
        model_name="m",
        model_version=version,
        direction=said,
        probabilities=SAID[said],
        realised=realised,
        entry_price=entry,
        exit_price=exit_,
        market_time_us=close(day),
    )


def signal(signal_id: str, version: str, said: Direction, *told: SignalOutcome, day: int) -> SignalGenerated:
    """On X, or on Y where its id says so."""
    return SignalGenerated(
        signal_id=signal_id,
        symbol="Y" if "y" in signal_id else "X",
        direction=said,
        probabilities=SAID[said],
        model_name="m",
        model_version=version,
        model_sha256=version * 64,
        features={"rsi_14": 55.5},
        price=Decimal("101"),
        first_tick=None,
        last_tick=None,
        market_time_us=close(day),
        recorded_at_us=story.RECORDED_US + day,
        outcomes=told,
    )


def on_x() -> list[SignalGenerated]:
    first = outcome("sig_x1", "7", "BUY", "BUY", "101.50", "107", day=1)
    second = outcome("sig_x2", "7", "BUY", "BUY", "104", "112.25", day=2)
    third = outcome("sig_x3", "7", "SELL", "HOLD", "108", "107.5", day=3)
    fourth = outcome("sig_x4", "8", "BUY", "SELL", "110", "99.125", day=4)
    fifth = outcome("sig_x5", "8", "HOLD", "HOLD", "100", "100.01", day=5)
    return [
        signal("sig_x1", "7", "BUY", day=1),
        signal("sig_x2", "7", "BUY", day=2),
        signal("sig_x3", "7", "SELL", first, day=3),
        signal("sig_x4", "8", "BUY", second, third, day=4),
        signal("sig_x5", "8", "HOLD", fourth, day=5),
        signal("sig_x6", "8", "HOLD", fifth, day=6),
    ]


def on_y() -> list[SignalGenerated]:
    told = outcome("sig_y1", "7", "BUY", "SELL", "50.5", "49", day=1)
    return [signal("sig_y1", "7", "BUY", day=1), signal("sig_y2", "7", "SELL", told, day=2)]


def signal_tapes(topic: str) -> list[Tape]:
    """X on partition 0, Y on partition 1."""
    tapes = [Tape(topic, 0), Tape(topic, 1)]
    for tape, signals in zip(tapes, (on_x(), on_y()), strict=True):
        for one in signals:
            tape.write(one)
    return tapes


# Key: partition, record_offset, leg. Signal, what it said, its probability of SELL, realised, prices, its day, and the
# day it was told.
OUTCOMES: dict[Any, list[Any]] = {
    (0, 2, 0): ["sig_x1", "X", "7", "BUY", 0.25, "BUY", "101.50", "107", close(1), close(3)],
    (0, 3, 0): ["sig_x2", "X", "7", "BUY", 0.25, "BUY", "104", "112.25", close(2), close(4)],
    (0, 3, 1): ["sig_x3", "X", "7", "SELL", 0.75, "HOLD", "108", "107.5", close(3), close(4)],
    (0, 4, 0): ["sig_x4", "X", "8", "BUY", 0.25, "SELL", "110", "99.125", close(4), close(5)],
    (0, 5, 0): ["sig_x5", "X", "8", "HOLD", 0.25, "HOLD", "100", "100.01", close(5), close(6)],
    (1, 1, 0): ["sig_y1", "Y", "7", "BUY", 0.25, "SELL", "50.5", "49", close(1), close(2)],
}
OUTCOMES_SELECT = """select partition, record_offset, leg, signal_id, symbol, model_version, direction, p_sell,
    realised, entry_price, exit_price, market_time, known_at from signal_outcomes"""
COUNTS: dict[Any, list[int]] = {
    ("m", "7", "X", "BUY", "BUY"): [2],
    ("m", "7", "X", "SELL", "HOLD"): [1],
    ("m", "8", "X", "BUY", "SELL"): [1],
    ("m", "8", "X", "HOLD", "HOLD"): [1],
    ("m", "7", "Y", "BUY", "SELL"): [1],
}
# outcomes, correct, accuracy, majority_share: of 7 on X two of three came as BUY; of 8 one as SELL and one as HOLD.
ACCURACY: dict[Any, list[Any]] = {
    ("m", "7", "X"): [3, 2, 2 / 3, 2 / 3],
    ("m", "8", "X"): [2, 1, 0.5, 0.5],
    ("m", "7", "Y"): [1, 0, 0.0, 1.0],
}
