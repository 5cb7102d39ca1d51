"""Bodies of system.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from tapeledger_client.model import Model, Open

Dependencies: TypeAlias = Open[Literal["up", "down"]]


LivenessStatus: TypeAlias = Open[Literal["alive"]]


ReadinessStatus: TypeAlias = Open[Literal["ready", "degraded"]]


class Liveness(Model, frozen=True, kw_only=True):
    """Liveness."""

    status: LivenessStatus = "alive"


class Readiness(Model, frozen=True, kw_only=True):
    """Readiness."""

    status: ReadinessStatus
    """degraded: Redis is missing, repeats are decided by the ledger"""
    dependencies: dict[str, Dependencies]


class TapeProgress(Model, frozen=True, kw_only=True):
    """Tape progress."""

    projection: str
    topic: str
    partition: int
    next_offset: int
    """the first record that is not yet projected"""
    head_seq: int
    """the chain's head there; 0 where the topic is no tape"""
    head_hash: str
    """hex, 64 digits"""
    updated_at: datetime


class Tapes(Model, frozen=True, kw_only=True):
    """Tapes."""

    data: tuple[TapeProgress, ...]
