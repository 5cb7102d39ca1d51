"""A risk officer: short ways to send commands to the desk of a tests.domain.desk.Desk. Each gives the event."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

from domain import commands
from domain.limits import Limits
from domain.market import TickRef
from domain.world import MarkedPrice
from tests.domain.desk import Desk

OFFICER: dict[str, Any] = {"by": "Grace Hopper", "reason": "runaway orders"}
_numbers = itertools.count()


def to_desk(desk: Desk, kind: Any, fields: dict[str, Any]) -> Any:
    """Send a command to the desk of the partition; gives its event."""
    own = {"command_id": f"desk_{next(_numbers)}", "account_id": "desk:0", "issued_at_us": desk.now_us}
    return desk.send(kind(**(own | fields)))


def halt(desk: Desk, strategy_id: str | None = None, **fields: Any) -> Any:
    scope = "ALL" if strategy_id is None else "STRATEGY"
    return to_desk(desk, commands.HaltTrading, OFFICER | {"scope": scope, "strategy_id": strategy_id} | fields)


def resume(desk: Desk, strategy_id: str | None = None, **fields: Any) -> Any:
    scope = "ALL" if strategy_id is None else "STRATEGY"
    return to_desk(desk, commands.ResumeTrading, OFFICER | {"scope": scope, "strategy_id": strategy_id} | fields)


def limit(desk: Desk, limits: Limits, strategy_id: str | None = None, **fields: Any) -> Any:
    scope = "DESK" if strategy_id is None else "STRATEGY"
    own = {"set_by": "Grace Hopper", "reason": "new quarter", "scope": scope, "strategy_id": strategy_id}
    return to_desk(desk, commands.SetDeskLimits, own | {"limits": limits} | fields)


def priced(symbol: str, price: str, at_us: int, offset: int | None = None) -> MarkedPrice:
    ref = None if offset is None else TickRef(partition=0, offset=offset, market_time_us=at_us)
    return MarkedPrice(symbol=symbol, price=Decimal(price), market_time_us=at_us, tick=ref)


def mark(desk: Desk, *marks: MarkedPrice, **fields: Any) -> Any:
    return to_desk(desk, commands.MarkPrices, {"marks": marks} | fields)
