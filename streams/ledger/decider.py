"""The ledger's side of the port streams.decider: one partition's accounts and its desk, deciding."""

from __future__ import annotations

from collections.abc import Mapping

from domain.catalog import Catalog
from domain.desk import FIRST_KEY
from domain.ledger import Ledger
from streams.decider import Draft, Folded, Input


class LedgerDecider:
    """The accounts of one partition, and its desk. client_ids_kept_us: how long ids are remembered, microseconds."""

    def __init__(self, catalog: Catalog, client_ids_kept_us: int, desk_key: str = FIRST_KEY) -> None:
        self.ledger = Ledger(catalog, client_ids_kept_us, desk_key)
        self._kept_us = client_ids_kept_us

    def fold(self, event: Folded) -> None:
        self.ledger.fold(event.message)

    def rewind(self, causes: Mapping[str, int]) -> Mapping[str, int]:
        """The tape holds everything: nothing is read again."""
        return {}

    def observe(self, source: Input) -> None:
        raise AssertionError("the ledger rewinds no inputs")

    def decide(self, source: Input, now_us: int) -> Draft | None:
        event = self.ledger.decide(source.message, now_us, self._kept_us)
        if event is None:
            return None
        account_id = event.originator_id
        return Draft(account_id, f"{source.topic}:{source.partition}:{source.offset}", account_id, event)
