"""What the desk's tables must hold, from the domain's own fold of each partition's desk."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from audit.compare import Place, Row, StateTable, stored, time_of
from audit.logtables import Live, LogTable
from domain import events
from domain.desk import Desk
from domain.errors import BooksError
from domain.ledger import mutate
from domain.limits import Limits

CONTROLS = StateTable(
    "desk_controls",
    ("partition", "control", "strategy_id"),
    (
        *("in_force", "limits", "officer", "reason", "command_id"),
        *("desk_key", "version", "changed_at", "record_offset"),
    ),
)
MARKS = StateTable(
    "desk_marks",
    ("partition", "symbol"),
    ("price", "market_time", "tick_partition", "tick_offset", "version", "record_offset"),
)
_Control = events.DeskLimitsSet | events.TradingHalted | events.TradingResumed


class ExpectedDesks:
    """The desks of all partitions, and the last event on each control and symbol."""

    def __init__(self, ids_kept_us: int) -> None:
        self.desks: dict[int, Desk] = {}
        self.touched: dict[tuple[str, Row], Place] = {}
        self._ids_kept_us = ids_kept_us
        self._words: dict[Row, tuple[_Control, Place]] = {}
        self._marked: dict[Row, tuple[int, Place]] = {}

    def take(self, event: events.DeskEvent, place: Place) -> None:
        """Fold one event. Raises BooksError when it does not follow from what was before."""
        desk = self.desks.get(place.partition)
        if desk is None:
            desk = self.desks[place.partition] = Desk.unopened(event.originator_id, self._ids_kept_us)
        if desk.id != event.originator_id:
            raise BooksError(f"expected an event of the partition's desk {desk.id!r}, it was {event.originator_id!r}")
        mutate(event, desk)
        if isinstance(event, events.PricesMarked):
            for one in event.marks:
                self._marked[place.partition, one.symbol] = (event.originator_version, place)
                self.touched["desk_marks", (place.partition, stored(one.symbol))] = place
        elif isinstance(event, _Control):
            control = "LIMITS" if isinstance(event, events.DeskLimitsSet) else "HALT"
            self._words[place.partition, control, event.strategy_id] = (event, place)
            self.touched["desk_controls", (place.partition, control, stored(event.strategy_id or ""))] = place

    def controls(self) -> dict[Row, Row]:
        """Rows of CONTROLS."""
        return {
            (partition, control, stored(strategy_id or "")): self._control(control, strategy_id, *word)
            for (partition, control, strategy_id), word in self._words.items()
        }

    def marks(self) -> dict[Row, Row]:
        """Rows of MARKS."""
        found: dict[Row, Row] = {}
        for (partition, symbol), (version, place) in self._marked.items():
            mark = self.desks[partition].marks[symbol]
            at = (None, None) if mark.tick is None else (mark.tick.partition, mark.tick.offset)
            own = (mark.price, time_of(mark.market_time_us), *at, version, place.offset)
            found[partition, stored(symbol)] = own
        return found

    def _control(self, control: str, strategy_id: str | None, event: _Control, place: Place) -> Row:
        desk = self.desks[place.partition]
        limits = None
        if control == "LIMITS":
            standing = desk.limits if strategy_id is None else desk.strategy_limits.get(strategy_id, Limits())
            in_force, limits = standing != Limits(), _json(standing)
        elif strategy_id is None:
            in_force = desk.halted is not None
        else:
            in_force = strategy_id in desk.halted_strategies
        return (
            in_force,
            limits,
            stored(_officer(event)),
            stored(event.reason),
            stored(event.command_id),
            desk.id,
            event.originator_version,
            time_of(event.timestamp),
            place.offset,
        )


def _desk_events(live: Live) -> list[Row]:
    event = live.message
    if not isinstance(event, _Control):
        return []
    return [
        (
            event.originator_id,
            event.originator_version,
            type(event).__name__,
            event.scope,
            stored(event.strategy_id),
            _json(event.limits) if isinstance(event, events.DeskLimitsSet) else None,
            *(stored(text) for text in (_officer(event), event.reason, event.command_id)),
            time_of(event.timestamp),
        )
    ]


DESK_EVENTS = LogTable(
    "desk_events",
    "0",
    (
        *("desk_key", "version", "event_type", "scope", "strategy_id"),
        *("limits", "officer", "reason", "command_id", "recorded_at"),
    ),
    _desk_events,
)


def _officer(event: _Control) -> str:
    return event.set_by if isinstance(event, events.DeskLimitsSet) else event.by


def _json(limits: Limits) -> Any:
    """As PostgreSQL gives its jsonb back."""
    return stored(json.loads(msgspec.json.encode(limits)))
