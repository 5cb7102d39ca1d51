"""From what a runner gives to what is kept: its own words, and rows of what is asked for alone: trades, equity."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from streams.backtests.outcomes import Outcome, Point, Trade
from streams.backtests.port import Result

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS = ("equity", "prices")
_ROWS_OF_STRATEGY = ("trades", "fills")


def outcome_of(result: Result, page: str | None) -> Outcome:
    """page: the result's, HTML. The summary keeps how many rows were left out of it."""
    raw = result.json()
    summary: dict[str, Any] = msgspec.json.decode(raw)
    for strategy in ("outcome", "baseline"):
        own = summary.get(strategy)
        if isinstance(own, dict):
            own |= {f"{name}_total": len(own.pop(name, ())) for name in _ROWS_OF_STRATEGY}
    for name in _ROWS:
        summary.pop(name, None)
    return Outcome(
        summary=summary,
        trades=tuple(_trade(one) for one in result.outcome.trades),
        equity=tuple(_point(one) for one in result.equity),
        result=raw,
        digest=result.digest,
        report=page,
    )


def _trade(trade: Any) -> Trade:
    return Trade(
        symbol=trade.symbol,
        status=trade.status,
        quantity=trade.quantity,
        entered_at=_time(trade.entry_time_us),
        entry_price=trade.entry_price,
        exited_at=None if trade.exit_time_us is None else _time(trade.exit_time_us),
        exit_price=trade.exit_price,
        pnl=trade.pnl,
        return_fraction=trade.return_fraction,
        fees=trade.fees,
        fills=trade.fills,
        entry_reason=trade.entry_reason,
        exit_reason=trade.exit_reason,
    )


def _point(point: Any) -> Point:
    amounts = {name: Decimal(repr(float(getattr(point, name)))) for name in ("equity", "cash", "positions", "baseline")}
    return Point(market_time=_time(point.time_us), **amounts)


def _time(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)
