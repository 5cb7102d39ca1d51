"""How each event changes the desk. Called by Desk.take, once an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from domain import events, remembered
from domain.fingerprints import risk_content
from domain.limits import NO_LIMITS

if TYPE_CHECKING:
    from domain.desk import Desk


def limits_set(desk: Desk, event: events.DeskLimitsSet) -> None:
    if event.strategy_id is None:
        desk.limits = event.limits
    elif event.limits == NO_LIMITS:
        desk.strategy_limits.pop(event.strategy_id, None)
    else:
        desk.strategy_limits[event.strategy_id] = event.limits
    _remember(desk, "SetDeskLimits", event)


def halted(desk: Desk, event: events.TradingHalted) -> None:
    if event.strategy_id is None:
        desk.halted = event.reason
        desk.killed_at = event.originator_version
    else:
        desk.halted_strategies[event.strategy_id] = event.reason
        desk.strategies_killed_at[event.strategy_id] = event.originator_version
    _remember(desk, "HaltTrading", event)


def resumed(desk: Desk, event: events.TradingResumed) -> None:
    if event.strategy_id is None:
        desk.halted = None
    else:
        desk.halted_strategies.pop(event.strategy_id, None)
    _remember(desk, "ResumeTrading", event)


def marked(desk: Desk, event: events.PricesMarked) -> None:
    for one in event.marks:
        desk.marks[one.symbol] = one.mark


def _remember(desk: Desk, command_type: str, event: events.DeskEvent) -> None:
    remembered.remember(desk.commands, event.command_id, risk_content(command_type, event), event.timestamp)


DESK_FOLDS: dict[type[events.DeskEvent], Callable[[Desk, Any], None]] = {
    events.DeskLimitsSet: limits_set,
    events.TradingHalted: halted,
    events.TradingResumed: resumed,
    events.PricesMarked: marked,
}
