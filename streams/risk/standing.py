"""What stands: the last word on each control of each partition, and its marks, as the projections have them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from domain.errors import UnavailableError
from runtime.settings import Settings

_CONTROLS = """
select control, strategy_id, in_force, limits, officer, reason, command_id, changed_at,
    partition, record_offset, version
from desk_controls order by control, strategy_id, partition
"""
_MARKS = """
select symbol, price, market_time, tick_partition, tick_offset, partition, record_offset, version
from desk_marks order by symbol, partition
"""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One partition's last word on a control, and where it stands."""

    partition: int
    offset: int
    version: int


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """A last word, and the partitions whose last word it is. strategy_id: empty for all trading, or each account.

    control: HALT or LIMITS. missing: partitions whose last word is another one, or that have none.
    """

    control: str
    strategy_id: str
    in_force: bool
    limits: dict[str, Any] | None
    officer: str
    reason: str
    command_id: str
    changed_at: datetime
    partitions: list[Said]
    missing: list[int]


class MarkRow(msgspec.Struct, frozen=True, kw_only=True):
    """One partition's mark of a symbol."""

    symbol: str
    price: str
    market_time: datetime
    tick: str | None
    partition: int
    offset: int
    version: int


def controls(settings: Settings) -> list[Control]:
    """Every control that was ever used; a word that not all partitions have is one that was broken off."""
    found: dict[tuple[str, str, str], Control] = {}
    for row in _rows(settings, _CONTROLS):
        said = Said(partition=row["partition"], offset=row["record_offset"], version=row["version"])
        key = (row["control"], row["strategy_id"], row["command_id"])
        if key in found:
            found[key].partitions.append(said)
            continue
        names = ("control", "strategy_id", "in_force", "limits", "officer", "reason", "command_id", "changed_at")
        found[key] = Control(**{name: row[name] for name in names}, partitions=[said], missing=[])
    for control in found.values():
        have = {said.partition for said in control.partitions}
        control.missing.extend(sorted(set(range(settings.partitions)) - have))
    return list(found.values())


def marks(settings: Settings) -> list[MarkRow]:
    """The marks of all partitions."""
    return [
        MarkRow(
            symbol=row["symbol"],
            price=str(row["price"]),
            market_time=row["market_time"],
            tick=None if row["tick_offset"] is None else f"{row['tick_partition']}:{row['tick_offset']}",
            partition=row["partition"],
            offset=row["record_offset"],
            version=row["version"],
        )
        for row in _rows(settings, _MARKS)
    ]


def _rows(settings: Settings, query: str) -> Sequence[dict[str, Any]]:
    url = settings.database_reader_url or settings.database_url
    if not url:
        raise UnavailableError("DATABASE_URL is not given, and no embedded server runs; `tape up` starts one")
    try:
        with psycopg.connect(url, connect_timeout=5, row_factory=dict_row) as connection:
            return connection.execute(query.encode()).fetchall()
    except psycopg.Error as error:
        raise UnavailableError(f"the tables cannot be read: {error}") from error
