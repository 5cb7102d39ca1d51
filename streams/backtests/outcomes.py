"""A result as it is kept: what the process of a backtest hands to its worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from domain.errors import InvalidValue

TRADES_MAX = 1_000_000
POINTS_MAX = 1_000_000
PAGE_CHARACTERS_MAX = 8_000_000
encoder = msgspec.json.Encoder(decimal_format="string", order="deterministic")


class Trade(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One simulated trade, from flat to flat. exited_at None: open at the end, valued at the last close.

    Times are market times. quantity: units bought. pnl: net of fees, in USD; return_fraction: pnl / cost of the entry.
    """

    symbol: str
    status: Literal["CLOSED", "OPEN"]
    quantity: Decimal
    entered_at: datetime
    entry_price: Decimal
    exited_at: datetime | None
    exit_price: Decimal
    pnl: Decimal
    return_fraction: Decimal
    fees: Decimal
    fills: int
    entry_reason: str
    exit_reason: str


class Point(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the account was worth at a close, in USD. baseline: what buying and holding had come to."""

    market_time: datetime
    equity: Decimal
    cash: Decimal
    positions: Decimal
    baseline: Decimal


class Outcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """summary: all that is said besides trades, fills, prices and equity, as JSON. result: the whole of it, as JSON.

    report: a page for people, HTML. digest: the result's own, hex.
    """

    summary: dict[str, Any]
    trades: tuple[Trade, ...]
    equity: tuple[Point, ...]
    result: bytes
    digest: str
    report: str | None = None


def check(outcome: Outcome) -> Outcome:
    """The outcome, if it can be kept. Raises InvalidValue BACKTEST_RESULT_INVALID."""
    for name, count, most in (("trades", len(outcome.trades), TRADES_MAX), ("points", len(outcome.equity), POINTS_MAX)):
        if count > most:
            raise invalid(f"expected at most {most} {name}, they were {count}")
    for what, value in _numbers(outcome):
        if not value.is_finite():
            raise invalid(f"expected a finite {what}, it was {value}")
    times = [point.market_time for point in outcome.equity]
    if len(set(times)) != len(times):
        raise invalid("expected one point of equity at each time, some times come again")
    text = encoder.encode((outcome.summary, outcome.trades, outcome.digest)).decode()
    if "\\u0000" in text or "\x00" in (outcome.report or ""):
        raise invalid("expected texts without U+0000, which PostgreSQL cannot hold")
    return outcome


def invalid(text: str) -> InvalidValue:
    return InvalidValue("BACKTEST_RESULT_INVALID", text)


def _numbers(outcome: Outcome) -> Iterator[tuple[str, Decimal]]:
    for number, trade in enumerate(outcome.trades, 1):
        for name in ("quantity", "entry_price", "exit_price", "pnl", "return_fraction", "fees"):
            yield f"{name} of trade {number}", getattr(trade, name)
    for point in outcome.equity:
        for name in ("equity", "cash", "positions", "baseline"):
            yield f"{name} at {point.market_time}", getattr(point, name)
