"""Accounts as the ledger knew them: folded from the archive of its tape up to a record, by the ledger's own rules.

A moment is a place on the account's partition, a record time, or both: then the records count that fulfil both. The
first record of the account that is later than the time ends what counts, whatever follows.

A fold begins at the newest milestone before the moment: what an earlier question has folded, kept as bytes every
MILESTONE_RECORDS records, MILESTONES of them in all. Folds run in a thread, FOLDS at once.

Boundaries: what was not projected yet is not there; no hashes are verified (`tape audit verify` does). Prices are the
marks that the ledger had been told, looked for among the newest MARK_RECORDS_MAX records of prices, or else of the
account's own last fill; the market itself is not looked at.
Verification: tests/api/test_past.py.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from decimal import Decimal
from typing import NamedTuple

from api.query import records_sql
from api.query.database import Rows, Snapshot
from api.query.replica import PAGE_RECORDS, records
from domain import account_state, schema
from domain.account import Account
from domain.catalog import Catalog
from domain.events import LedgerEvent, OrderFilled, PricesMarked
from domain.ledger import Ledger
from domain.world import Mark, Marks
from runtime.settings import Settings

MILESTONE_RECORDS = PAGE_RECORDS
MILESTONES = 64
FOLDS = 2
MARK_RECORDS_MAX = 10_000


class Moment(NamedTuple):
    """Records up to the offset `position` count, and of these what was recorded up to `time_us` (None: whenever)."""

    position: int
    time_us: int | None = None


class Price(NamedTuple):
    """Per unit. time_us: market time."""

    price: Decimal
    time_us: int


class Known(NamedTuple):
    """An account at a moment. offset: of the last record that changed it. marks: what the ledger was told by then.

    booked: every book account and commodity that ever had a posting. fills: the price of its last fill, by symbol.
    """

    account: Account
    offset: int
    marks: Marks
    booked: frozenset[tuple[str, str]]
    fills: dict[str, Price]


class _Fold:
    """An account's fold on its way."""

    def __init__(self, catalog: Catalog, account_id: str) -> None:
        self.ledger = Ledger(catalog)
        self.account_id = account_id
        self.next_offset = self.changed_at = self.latest_us = 0
        self.booked: set[tuple[str, str]] = set()
        self.fills: dict[str, Price] = {}

    def take(self, rows: Rows, time_us: int | None) -> bool:
        """Fold rows of the archive; False when one is later than the time, which ends it."""
        for row in rows:
            event: LedgerEvent = schema.decode(row["type"], row["value"])
            if time_us is not None and event.timestamp > time_us:
                return False
            self.ledger.fold(event)
            self.next_offset = row["record_offset"] + 1
            self.latest_us = max(self.latest_us, event.timestamp)
            if event.originator_version:
                self.changed_at = row["record_offset"]
            self.booked.update((leg.account, leg.commodity) for leg in event.postings)
            if isinstance(event, OrderFilled):
                self.fills[event.symbol] = Price(event.price, event.market_time_us)
        return True


class _Milestone(NamedTuple):
    """A fold that can be gone on with. latest_us: the latest record time of its events."""

    next_offset: int
    changed_at: int
    latest_us: int
    state: bytes
    booked: frozenset[tuple[str, str]]
    fills: dict[str, Price]


class Past:
    """One for a process."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self._topic = settings.topic("ledger.events")
        self._catalog = catalog
        self._milestones: OrderedDict[tuple[int, str, int], _Milestone] = OrderedDict()
        self._folds = asyncio.Semaphore(FOLDS)

    async def find(self, snapshot: Snapshot, account_id: str, partition: int, moment: Moment) -> Known | None:
        """The account at the moment; None where it was not open yet."""
        async with self._folds:
            fold = self._begin(account_id, partition, moment)
            await self._follow(snapshot, fold, partition, moment)
            account = fold.ledger.accounts.get(account_id)
            if account is None:
                return None
            symbols = {symbol for symbol, position in account.positions.items() if position.net_quantity}
            marks = await self._marks(snapshot, partition, moment, symbols)
        return Known(account, fold.changed_at, marks, frozenset(fold.booked), fold.fills)

    async def _follow(self, snapshot: Snapshot, fold: _Fold, partition: int, moment: Moment) -> None:
        while True:
            rows = await records(snapshot, self._topic, partition, fold.account_id, fold.next_offset, moment.position)
            goes_on = await asyncio.to_thread(fold.take, rows, moment.time_us)
            if not goes_on or len(rows) < PAGE_RECORDS:
                return
            await self._keep(partition, fold)

    async def _marks(self, snapshot: Snapshot, partition: int, moment: Moment, symbols: set[str]) -> Marks:
        """The newest mark of each symbol, looked for backwards from the moment through MARK_RECORDS_MAX records."""
        found: dict[str, Mark] = {}
        key = await records_sql.desk_key(snapshot, self._topic, partition) if symbols else None
        if key is None:
            return found
        before, left = moment.position + 1, MARK_RECORDS_MAX
        while left > 0 and not symbols <= found.keys():
            rows = await records_sql.marked(snapshot, self._topic, partition, key, before)
            for row in rows:
                event: PricesMarked = schema.decode(row["type"], row["value"])
                if moment.time_us is None or event.timestamp <= moment.time_us:
                    for one in event.marks:
                        if one.symbol in symbols:
                            found.setdefault(one.symbol, one.mark)
            if len(rows) < records_sql.MARK_RECORDS:
                break
            before, left = rows[-1]["record_offset"], left - len(rows)
        return found

    def _begin(self, account_id: str, partition: int, moment: Moment) -> _Fold:
        """From the newest milestone that is not beyond the moment, or from the beginning."""
        fold = _Fold(self._catalog, account_id)
        found = [
            (key, milestone)
            for key, milestone in self._milestones.items()
            if key[:2] == (partition, account_id)
            and milestone.next_offset <= moment.position + 1
            and (moment.time_us is None or milestone.latest_us <= moment.time_us)
        ]
        if found:
            key, milestone = max(found, key=lambda pair: pair[0])
            self._milestones.move_to_end(key)
            fold.ledger.accounts[account_id] = account_state.restore(milestone.state)
            fold.next_offset, fold.changed_at = milestone.next_offset, milestone.changed_at
            fold.latest_us = milestone.latest_us
            fold.booked, fold.fills = set(milestone.booked), dict(milestone.fills)
        return fold

    async def _keep(self, partition: int, fold: _Fold) -> None:
        account = fold.ledger.accounts.get(fold.account_id)
        if account is None:
            return
        state = await asyncio.to_thread(account_state.dump, account)
        milestone = _Milestone(
            fold.next_offset, fold.changed_at, fold.latest_us, state, frozenset(fold.booked), dict(fold.fills)
        )
        self._milestones[partition, fold.account_id, fold.next_offset] = milestone
        while len(self._milestones) > MILESTONES:
            self._milestones.popitem(last=False)
