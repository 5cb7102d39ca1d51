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

    status: LivenessStatus


class ProjectionLag(Model, frozen=True, kw_only=True):
    """One group of projections on one partition of its topic."""

    projection: str
    topic: str
    """on the broker"""
    partition: int
    next_offset: int
    """the first record that is not yet projected"""
    end_offset: int | None
    """the record that comes next on the broker; null where it did not say"""
    lag: int | None
    """records that are not yet projected; null where end_offset is"""
    updated_at: datetime
    """when the last batch was written"""
    age_s: float
    """seconds since then; large as well where nothing happens"""


class Projections(Model, frozen=True, kw_only=True):
    """Of all groups. lag_max, lag_total: over all partitions; null where Kafka did not answer."""

    data: tuple[ProjectionLag, ...]
    lag_max: int | None
    lag_total: int | None
    note: str | None
    """why something is not known"""


class Readiness(Model, frozen=True, kw_only=True):
    """Readiness."""

    status: ReadinessStatus
    """degraded: Redis is missing, repeats are decided by the ledger"""
    dependencies: dict[str, Dependencies] | None
    """null for callers without a credential"""


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
