"""Positions on the ledger's tape: on each partition, the last record that counts.

Written `PARTITION:OFFSET[,PARTITION:OFFSET…]`. A position is the place after the record at OFFSET; -1 is before the
first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from audit.tapes import Connection, reached
from domain.errors import InvalidValue

Positions = dict[int, int]
START = -1
_ONE = re.compile(r"(?:(?P<partition>[0-9]{1,9}):)?(?P<offset>-1|[0-9]{1,18})")


def parse(text: str, home: int | None = None) -> Positions:
    """The positions that `text` names. home: the partition of an offset that names none (one account's own).

    Raises InvalidValue, saying what was expected and what it was.
    """
    found: Positions = {}
    for part in text.split(","):
        match = _ONE.fullmatch(part.strip())
        if match is None:
            raise _invalid(text, "expected PARTITION:OFFSET, several of them with commas in between")
        partition = home if match["partition"] is None else int(match["partition"])
        if partition is None:
            raise _invalid(text, "an offset alone is a position of one account; expected PARTITION:OFFSET")
        if partition in found:
            raise _invalid(text, f"partition {partition} is named twice")
        found[partition] = int(match["offset"])
    return found


def show(positions: Mapping[int, int]) -> str:
    """What `parse` reads: partitions in their order."""
    return ",".join(f"{partition}:{offset}" for partition, offset in sorted(positions.items()))


def projected(connection: Connection, topic: str) -> Positions:
    """How far the ledger's projection has come, by partition."""
    return {partition: at.next_offset - 1 for partition, at in reached(connection, "ledger", topic).items()}


def resolve(text: str | None, ends: Positions, *, otherwise: Positions, home: int | None = None) -> Positions:
    """A position on each partition of `ends`: what `text` names, and `otherwise` on all others.

    ends: how far each partition is projected. Raises InvalidValue for a partition that is not there, and for a place
    that is not projected yet.
    """
    named = {} if text is None else parse(text, home)
    for partition, offset in named.items():
        if partition not in ends:
            raise _invalid(str(text), f"expected one of the partitions {', '.join(map(str, sorted(ends)))}")
        if offset > ends[partition]:
            raise _invalid(str(text), f"partition {partition} is projected up to offset {ends[partition]}")
    return {partition: named.get(partition, otherwise[partition]) for partition in ends}


def _invalid(text: str, problem: str) -> InvalidValue:
    return InvalidValue("POSITION_INVALID", f"{problem}; the position was {text!r}", position=text)
