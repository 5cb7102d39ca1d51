"""A fingerprint of what must not depend on time or crashes: two runs on the same data and seed have the same one.

Left out: wall-clock times, offsets, epochs, worker names. Numbers are written in one way (no trailing zeros, no
exponent), rows are sorted by their own content, so that neither the order of rows nor the scale of a column matters.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from audit.report.model import Fill, Order, Pnl, Position, Signal
from domain.numbers import plain

_SIGNAL = (
    "symbol",
    "market_time",
    "direction",
    "p_buy",
    "p_sell",
    "p_hold",
    "model_name",
    "model_version",
    "abstained",
)
_ORDER = (
    *("order_id", "client_order_id", "symbol", "side", "order_type", "quantity", "limit_price", "protection_price"),
    *("signal_id", "strategy_id", "status", "filled_quantity", "reject_code", "cancel_reason"),
)
_FILL = ("execution_id", "order_id", "symbol", "side", "price", "quantity", "fee", "realized_pnl", "market_time")
_POSITION = ("symbol", "quantity", "cost", "realized_pnl", "fees")
_PNL = ("capital", "cash", "hold", "positions_value", "equity", "pnl", "realized_pnl", "fees")


def canonical(value: Any) -> Any:
    """The one JSON form of a value: decimals as plain strings, floats as their shortest text, times as RFC 3339 UTC."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value


def digest(
    signals: Iterable[Signal],
    orders: Iterable[Order],
    fills: Iterable[Fill],
    positions: Iterable[Position],
    pnl: Pnl,
) -> tuple[str, dict[str, str]]:
    """SHA-256 (hex) over everything, and over each part by its name."""
    parts = {
        "signals": _hash(_rows(signals, _SIGNAL)),
        "orders": _hash(_rows(orders, _ORDER)),
        "fills": _hash(_rows(fills, _FILL)),
        "positions": _hash(_rows(positions, _POSITION)),
        "pnl": _hash(_rows([pnl], _PNL)),
    }
    return _hash(parts), parts


def _rows(rows: Iterable[Any], fields: Sequence[str]) -> list[list[Any]]:
    return sorted(([canonical(getattr(row, field)) for field in fields] for row in rows), key=json.dumps)


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def differences(first: Path, second: Path) -> list[str]:
    """The names of the parts in which two report.json files differ; empty when their digests are the same."""
    one, two = (json.loads(path.read_text()) for path in (first, second))
    names = sorted({*one["digest_parts"], *two["digest_parts"]})
    return [name for name in names if one["digest_parts"].get(name) != two["digest_parts"].get(name)]
