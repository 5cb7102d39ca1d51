"""What signal_outcomes and model_outcomes must hold, from the events that tell what came of earlier signals."""

from __future__ import annotations

from typing import Any

from audit.compare import Place, Row, StateTable, stored, time_of
from domain.signals import SignalGenerated

OUTCOMES = (
    *("signal_id", "symbol", "model_name", "model_version", "direction", "p_buy", "p_sell", "p_hold"),
    *("realised", "entry_price", "exit_price", "market_time", "known_at"),
)
COUNTS = StateTable("model_outcomes", ("model_name", "model_version", "symbol", "direction", "realised"), ("outcomes",))


def outcomes(live: Any) -> list[Row]:
    """Rows of OUTCOMES: one for each outcome that an event tells."""
    event = live.message
    if not isinstance(event, SignalGenerated):
        return []
    return [
        (
            *(stored(text) for text in (one.signal_id, event.symbol, one.model_name, one.model_version, one.direction)),
            *(one.probabilities.get(direction) for direction in ("BUY", "SELL", "HOLD")),
            *(one.realised, one.entry_price, one.exit_price),
            *(time_of(one.market_time_us), time_of(event.market_time_us)),
        )
        for one in event.outcomes
    ]


class ExpectedOutcomes:
    """Give it every signal. touched: (table, key) -> the last event that told an outcome of the cell."""

    def __init__(self) -> None:
        self.touched: dict[tuple[str, Row], Place] = {}
        self._counts: dict[Row, int] = {}

    def take(self, signal: SignalGenerated, place: Place) -> None:
        for one in signal.outcomes:
            texts = (one.model_name, one.model_version, signal.symbol, one.direction, one.realised)
            key = tuple(stored(text) for text in texts)
            self._counts[key] = self._counts.get(key, 0) + 1
            self.touched[COUNTS.name, key] = place

    def rows(self) -> dict[Row, Row]:
        """Rows of COUNTS."""
        return {key: (count,) for key, count in self._counts.items()}
