"""Bodies of risk.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from tapeledger_client.model import Model, Open

Control: TypeAlias = Open[Literal["HALT", "LIMITS"]]


class DeskControl(Model, frozen=True, kw_only=True):
    """One partition's last word on a halt or on limits; the same command gives one a partition."""

    partition: int
    """of ledger.events"""
    control: Control
    strategy_id: str | None
    """null: all trading, or each account"""
    in_force: bool
    """false: resumed, or limits without any figure"""
    limits: dict[str, str | int | tuple[str, ...]] | None
    """of LIMITS; money as decimal strings"""
    officer: str
    """who"""
    reason: str
    """and why"""
    command_id: str
    desk_key: str
    version: int
    """of the partition's desk, after it"""
    changed_at: datetime
    record_offset: int


class DeskMark(Model, frozen=True, kw_only=True):
    """The price of a symbol that a partition's ledger looks at."""

    partition: int
    """of ledger.events"""
    symbol: str
    price: Decimal
    market_time: datetime
    version: int
    """of the partition's desk, after it"""
    record_offset: int


class DeskView(Model, frozen=True, kw_only=True):
    """As of one moment of the projections."""

    controls: tuple[DeskControl, ...]
    marks: tuple[DeskMark, ...]
