"""Places on Kafka as clients name them: `topic:partition:offset`, such as trading.commands:2:1041.

An input's place is what a command was answered with (202); a tape's place is what reads show as partition and
record_offset.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, NamedTuple

from pydantic import StringConstraints, WithJsonSchema

from runtime.settings import Settings

INPUTS: Mapping[str, str | None] = {
    "trading.commands": "ledger.events",
    "execution.reports": "ledger.events",
    "signals.requests": "trading.signals",
    "audit.intake": "audit.logs",
    "backtest.requests": None,
}
"""Topic of inputs -> the tape whose events answer them; None: tables have what became of them, and how far that is."""

TAPES: Mapping[str, str] = {"ledger.events": "ledger", "trading.signals": "signals", "audit.logs": "audit"}
"""Tape -> the group of projections that reads it."""

_NAMES = "|".join(re.escape(name) for name in (*INPUTS, *TAPES))
PATTERN = rf"^([A-Za-z0-9_-]{{1,64}}\.)?({_NAMES}):[0-9]{{1,3}}:[0-9]{{1,18}}$"

MinPosition = Annotated[
    str,
    StringConstraints(pattern=PATTERN),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "examples": ["trading.commands:2:1041"]}),
]


class Place(NamedTuple):
    """topic: as it is called on the broker."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"


def read(text: str) -> Place:
    """From a text that fits PATTERN."""
    topic, partition, offset = text.rsplit(":", 2)
    return Place(topic, int(partition), int(offset))


def declared(settings: Settings, place: Place) -> str | None:
    """The name of the place's topic without our prefix, None where it is no topic of this ledger.

    A topic may be named with the prefix that it has on the broker, as answers name it, or without.
    """
    name = place.topic.removeprefix(settings.topic_prefix)
    is_ours = name in INPUTS or name in TAPES
    return name if is_ours and place.partition < settings.partitions else None
