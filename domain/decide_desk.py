"""Decisions of the desk: limits, halts, marks. Each gives one event, or None for a repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain import checks, decide_cash, desk_checks
from domain.catalog import Catalog
from domain.commands import DeskCommand, HaltTrading, MarkPrices, ResumeTrading, SetDeskLimits
from domain.desk import Desk
from domain.events import DeskLimitsSet, LedgerEvent, PricesMarked, TradingHalted, TradingResumed
from domain.world import Mark, MarkedPrice


def decide(desk: Desk, command: DeskCommand, now_us: int, kept_us: int, catalog: Catalog) -> LedgerEvent | None:
    """The event of any command to a desk; its envelope has been checked. kept_us: how long ids are remembered."""
    now_us = desk.clock(now_us)
    refusal = desk_checks.key(desk, command) or desk_checks.form(command, catalog)
    if refusal is None:
        known: checks.Refusal | bool = False
        if not isinstance(command, MarkPrices):
            known = decide_cash.repeat(desk.commands, command, now_us - kept_us - checks.CLOCK_AHEAD_US_MAX)
        if known is True:
            return None
        refusal = known or checks.age(command, now_us, kept_us)
    if refusal is not None:
        return decide_cash.rejected(command, refusal, now_us)
    return _DECISIONS[type(command)](desk, command, now_us)


def _set_limits(desk: Desk, command: SetDeskLimits, now_us: int) -> LedgerEvent:
    return desk.record(
        DeskLimitsSet,
        now_us,
        command_id=command.command_id,
        scope=command.scope,
        strategy_id=command.strategy_id,
        limits=command.limits,
        set_by=command.set_by,
        reason=command.reason,
    )


def _halt(desk: Desk, command: HaltTrading, now_us: int) -> LedgerEvent:
    """Also when a halt stands: nobody who pulls the switch is ever told that it cannot be pulled."""
    return desk.record(
        TradingHalted,
        now_us,
        command_id=command.command_id,
        scope=command.scope,
        strategy_id=command.strategy_id,
        by=command.by,
        reason=command.reason,
    )


def _resume(desk: Desk, command: ResumeTrading, now_us: int) -> LedgerEvent:
    name = command.strategy_id
    stands = desk.halted is not None if name is None else name in desk.halted_strategies
    if not stands:
        what = "all trading" if name is None else f"the strategy {name!r}"
        text = f"expected a halt of {what}, there is none"
        refusal = checks.refuse("TRADING_NOT_HALTED", text, scope=command.scope, strategy_id=name)
        return decide_cash.rejected(command, refusal, now_us)
    return desk.record(
        TradingResumed,
        now_us,
        command_id=command.command_id,
        scope=command.scope,
        strategy_id=name,
        by=command.by,
        reason=command.reason,
    )


def _mark(desk: Desk, command: MarkPrices, now_us: int) -> LedgerEvent | None:
    newer = tuple(one for one in command.marks if is_newer(one, desk.marks.get(one.symbol)))
    return desk.record(PricesMarked, now_us, command_id=command.command_id, marks=newer) if newer else None


def is_newer(one: MarkedPrice, known: Mark | None) -> bool:
    """By market time; of one market time, the later tick of a partition."""
    if known is None or one.market_time_us != known.market_time_us:
        return known is None or one.market_time_us > known.market_time_us
    if one.tick is None or known.tick is None or one.tick.partition != known.tick.partition:
        return False
    return one.tick.offset > known.tick.offset


_DECISIONS: dict[type[DeskCommand], Callable[[Desk, Any, int], LedgerEvent | None]] = {
    SetDeskLimits: _set_limits,
    HaltTrading: _halt,
    ResumeTrading: _resume,
    MarkPrices: _mark,
}
