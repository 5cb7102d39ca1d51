"""signal_outcomes and model_outcomes: what came of earlier signals, and how often each model was right.

An outcome rides in the event of the bar that completes the earlier signal's label (domain.signals). model_outcomes
counts; the view model_accuracy and the API make shares of the counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from domain.signals import SignalGenerated, SignalOutcome
from projections.rows import Cursor, Event, Row, clean, execute, insert

OUTCOMES = {
    "signal_id": "text",
    "symbol": "text",
    "model_name": "text",
    "model_version": "text",
    "direction": "text",
    "p_buy": "double precision",
    "p_sell": "double precision",
    "p_hold": "double precision",
    "realised": "text",
    "entry_price": "numeric",
    "exit_price": "numeric",
    "market_time": "timestamptz",
    "known_at": "timestamptz",
    "partition": "integer",
    "record_offset": "bigint",
    "leg": "integer",
}
COUNTS = {
    "model_name": "text",
    "model_version": "text",
    "symbol": "text",
    "direction": "text",
    "realised": "text",
    "outcomes": "bigint",
}
_INSERT_OUTCOMES = insert("signal_outcomes", OUTCOMES)
_ADD_COUNTS = f"""
{insert("model_outcomes", COUNTS)}
on conflict (model_name, model_version, symbol, direction, realised) do update set
    outcomes = model_outcomes.outcomes + excluded.outcomes
"""


def outcomes(events: Sequence[Event]) -> list[Row]:
    """Rows of OUTCOMES."""
    return [
        (
            outcome.signal_id,
            symbol,
            outcome.model_name,
            outcome.model_version,
            outcome.direction,
            outcome.probabilities.get("BUY"),
            outcome.probabilities.get("SELL"),
            outcome.probabilities.get("HOLD"),
            outcome.realised,
            outcome.entry_price,
            outcome.exit_price,
            outcome.market_time_us,
            event.message.market_time_us,
            event.partition,
            event.offset,
            leg,
        )
        for event, symbol, leg, outcome in _told(events)
    ]


def counts(events: Sequence[Event]) -> list[Row]:
    """Rows of COUNTS: what the batch adds to each. One row a cell, since an upsert takes no row twice; by key, so that
    projectors lock rows in one order.
    """
    cells = Counter(
        (clean(outcome.model_name), clean(outcome.model_version), clean(symbol), outcome.direction, outcome.realised)
        for _, symbol, _, outcome in _told(events)
    )
    return [(*cell, number) for cell, number in sorted(cells.items())]


def apply(cursor: Cursor, events: Sequence[Event]) -> None:
    execute(cursor, _INSERT_OUTCOMES, outcomes(events))
    execute(cursor, _ADD_COUNTS, counts(events))


def _told(events: Sequence[Event]) -> Iterator[tuple[Event, str, int, SignalOutcome]]:
    """Event, symbol, place among the event's outcomes, outcome."""
    for event in events:
        if type(event.message) is SignalGenerated:
            for leg, outcome in enumerate(event.message.outcomes):
                yield event, event.message.symbol, leg, outcome
