"""Accounts as the ledger knows them, folded from the archive of its tape: for reads that need more than tables hold.

The archive (`tape_records`) is read through the index on topic and key. What was folded is kept, and the next read goes
on from there; the accounts longest not asked for are forgotten. A fold runs in a thread, one at a time for each
partition, so that a long history delays nobody but those who ask for it.

Boundaries: it is as new as the projection is; it verifies no hashes (`tape audit verify` does).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from typing import NamedTuple

from api.query.database import Row, Rows, Snapshot
from domain import schema
from domain.account import Account
from domain.catalog import Catalog
from domain.desk import FIRST_KEY
from domain.errors import BooksError
from domain.ledger import Ledger
from domain.world import World
from runtime.settings import Settings

ACCOUNTS_MAX = 1_000
PAGE_RECORDS = 5_000
DESKS = "desk:%"


class Known(NamedTuple):
    """An account and what decisions on it look at. Not to be changed. position: the last record that counts."""

    account: Account
    world: World
    position: int


class Replica:
    """One ledger for each partition, with the accounts that were asked for."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self._topic = settings.topic("ledger.events")
        self._catalog = catalog
        self._ledgers: dict[int, Ledger] = {}
        self._next: dict[tuple[int, str], int] = defaultdict(int)
        self._used: OrderedDict[tuple[int, str], None] = OrderedDict()
        self._locks: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def find(self, snapshot: Snapshot, account_id: str, partition: int) -> Known:
        """The account as of the snapshot. partition: where the projection has found it."""
        async with self._locks[partition]:
            ledger = await self._ledger(snapshot, partition)
            desk = await self._catch_up(snapshot, ledger, partition, DESKS)
            own = await self._catch_up(snapshot, ledger, partition, account_id)
            self._used[partition, account_id] = None
            self._used.move_to_end((partition, account_id))
            self._forget()
            return Known(ledger.accounts[account_id], ledger.world, max(own, desk) - 1)

    async def _ledger(self, snapshot: Snapshot, partition: int) -> Ledger:
        """The partition's ledger. Which key its desk has is seen from the desk's first record."""
        ledger = self._ledgers.get(partition)
        if ledger is not None and ledger.desk.version:
            return ledger
        row = await first_desk(snapshot, self._topic, partition)
        if ledger is None or row is not None:
            self._drop(partition)
            key = FIRST_KEY if row is None else bytes(row["key"]).decode()
            ledger = self._ledgers[partition] = Ledger(self._catalog, desk_key=key)
        return ledger

    def _drop(self, partition: int) -> None:
        self._ledgers.pop(partition, None)
        for name in [name for name in self._next if name[0] == partition]:
            del self._next[name]

    async def _catch_up(self, snapshot: Snapshot, ledger: Ledger, partition: int, key: str) -> int:
        """Fold what is new under a key; gives the offset after the last record seen."""
        while True:
            start = self._next[partition, key]
            rows = await records(snapshot, self._topic, partition, key, start)
            if rows:
                await self._fold(ledger, partition, rows)
                self._next[partition, key] = rows[-1]["record_offset"] + 1
            if len(rows) < PAGE_RECORDS:
                return self._next[partition, key]

    async def _fold(self, ledger: Ledger, partition: int, rows: Rows) -> None:
        try:
            await asyncio.to_thread(_fold, ledger, rows)
        except BooksError:  # another history stands in the archive now: begin anew with the next question
            self._drop(partition)
            raise

    def _forget(self) -> None:
        while len(self._used) > ACCOUNTS_MAX:
            (partition, account_id), _ = self._used.popitem(last=False)
            self._ledgers[partition].accounts.pop(account_id, None)
            self._next.pop((partition, account_id), None)


def _fold(ledger: Ledger, rows: Rows) -> None:
    for row in rows:
        ledger.fold(schema.decode(row["type"], row["value"]))


async def first_desk(snapshot: Snapshot, topic: str, partition: int) -> Row | None:
    return await snapshot.one(
        """select key from tape_records where topic = %(topic)s and partition = %(partition)s and key like %(key)s
           order by record_offset limit 1""",
        {"topic": topic, "partition": partition, "key": DESKS.encode()},
    )


async def records(snapshot: Snapshot, topic: str, partition: int, key: str, start: int, last: int = 2**63 - 1) -> Rows:
    """The live records of a key from an offset on up to another, oldest first, PAGE_RECORDS at most.

    key: DESKS for the partition's desk. Index: tape_records_key.
    """
    compare = "like" if key is DESKS else "="
    return await snapshot.all(
        f"""select record_offset, type, value from tape_records
            where topic = %(topic)s and partition = %(partition)s and key {compare} %(key)s and live
              and record_offset >= %(start)s and record_offset <= %(last)s
            order by record_offset limit {PAGE_RECORDS}""",
        {"topic": topic, "partition": partition, "key": key.encode(), "start": start, "last": last},
    )
