"""What a check found, each finding with its place, and where the check got to."""

from __future__ import annotations

from typing import Protocol

import msgspec

FINDINGS_KEPT_MAX = 1_000


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it must be.

    kind: stable snake_case name. subject: the field, row or key in question. topic, partition, offset: the record it is
    about, or the last record that touched the key; None where no record did.
    """

    kind: str
    topic: str
    partition: int | None
    offset: int | None
    subject: str
    expected: str
    found: str

    def __str__(self) -> str:
        place = f"{self.topic}/{'?' if self.partition is None else self.partition}"
        at = "" if self.offset is None else f" offset {self.offset}"
        return f"{self.kind}: {place}{at}: {self.subject}: expected {self.expected}, found {self.found}"


class Findings:
    """Collects findings in bounded memory: the first `FINDINGS_KEPT_MAX` are kept, all are counted."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.total = 0

    def add(self, finding: Finding) -> None:
        self.total += 1
        if len(self.kept) < FINDINGS_KEPT_MAX:
            self.kept.append(finding)


def counted(number: int, noun: str) -> str:
    """`1 finding`, `2 findings`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class Progress(Protocol):
    """How a check tells its caller how far it is. `total` may be an estimate."""

    def stage(self, name: str, total: int) -> None:
        """A new stage of `total` steps begins; the one before it is over."""

    def advance(self, steps: int = 1) -> None:
        """`steps` more of the current stage are done."""


class Silent:
    """A Progress that tells nobody."""

    def stage(self, name: str, total: int) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        pass
