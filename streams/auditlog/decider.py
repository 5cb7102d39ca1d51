"""The audit agent's side of the port streams.decider: one partition's actions, deciding."""

from __future__ import annotations

from collections.abc import Mapping

from domain.action_book import ActionBook
from streams.decider import Draft, Folded, Input


class AuditDecider:
    """ids_kept_us: how long ids of actions are remembered, microseconds."""

    def __init__(self, ids_kept_us: int) -> None:
        self.book = ActionBook(ids_kept_us)

    def fold(self, event: Folded) -> None:
        self.book.fold(event.message)

    def rewind(self, causes: Mapping[str, int]) -> Mapping[str, int]:
        """The tape holds everything: nothing is read again."""
        return {}

    def observe(self, source: Input) -> None:
        raise AssertionError("the audit agent rewinds no inputs")

    def decide(self, source: Input, now_us: int) -> Draft | None:
        event = self.book.decide(source.message, now_us)
        if event is None:
            return None
        return Draft(event.subject, f"{source.topic}:{source.partition}:{source.offset}", event.subject, event)
