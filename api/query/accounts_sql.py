"""Accounts, their balances, journal and refused commands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from api.query.database import Row, Rows, Snapshot
from api.query.filters import JournalFilters, RejectionFilters, where

_Offset = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Small = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class AfterPosting(msgspec.Struct, array_like=True, frozen=True):
    recorded_at: datetime
    partition: _Small
    offset: _Offset
    leg: _Small


class AfterRejection(msgspec.Struct, array_like=True, frozen=True):
    recorded_at: datetime
    partition: _Small
    offset: _Offset


async def one(snapshot: Snapshot, account_id: str) -> Row | None:
    return await snapshot.one(
        """select account_id, owner, currency, currencies, lot_method, fee_bps, margin, fee_schedule, opened_at,
                  updated_at, version, partition, record_offset
           from accounts where account_id = %(account_id)s""",
        {"account_id": account_id},
    )


async def balances(snapshot: Snapshot, account_id: str) -> Rows:
    return await snapshot.all(
        """select book_account, commodity, amount from balances where account_id = %(account_id)s
           order by book_account, commodity""",
        {"account_id": account_id},
    )


async def projected(snapshot: Snapshot, partition: int) -> int:
    """The offset of the last record of this partition of the ledger's tape that is projected; -1 before the first."""
    row = await snapshot.one(
        "select max(next_offset) - 1 as position from projection_progress where projection = 'ledger' and "
        "partition = %(partition)s",
        {"partition": partition},
    )
    return -1 if row is None or row["position"] is None else int(row["position"])


async def now(snapshot: Snapshot) -> datetime:
    """The database's clock."""
    row = await snapshot.one("select now() as now", {})
    assert row is not None
    found: datetime = row["now"]
    return found


async def trial_balance(
    snapshot: Snapshot, account_id: str, partition: int, position: int, as_of: Any, market_time: Any
) -> Rows:
    """Debits, credits and balances of what stands on the tape up to `position`. Index: journal_postings_account."""
    return await snapshot.all(
        """select book_account, commodity, debits, credits, balance, postings
           from account_trial_balance(%(account_id)s, %(partition)s, %(position)s, %(as_of)s, %(market_time)s)
           order by book_account, commodity""",
        {
            "account_id": account_id,
            "partition": partition,
            "position": position,
            "as_of": as_of,
            "market_time": market_time,
        },
    )


def posting_key(row: Row) -> tuple[Any, ...]:
    return row["recorded_at"], row["partition"], row["record_offset"], row["leg"]


async def journal(snapshot: Snapshot, account_id: str, filters: JournalFilters, after: AfterPosting | None) -> Rows:
    """limit + 1 postings beyond `after`: newest event first, the legs of an event in their order from the last.

    An account's postings are on one partition, and its record time never goes back there. Index: journal_postings_time.
    """
    clause, parameters = where(
        account_id=("account_id = %(account_id)s", account_id),
        book_account=("book_account = %(book_account)s", filters.book_account),
        commodity=("commodity = %(commodity)s", filters.commodity),
        start=("recorded_at >= %(start)s", filters.start),
        end=("recorded_at < %(end)s", filters.end),
        after_at=(
            "(recorded_at, partition, record_offset, leg) < "
            "(%(after_at)s, %(after_partition)s, %(after_offset)s, %(after_leg)s)",
            after and after.recorded_at,
        ),
    )
    return await snapshot.all(
        f"""select event_type, event_id, leg, book_account, commodity, amount, recorded_at, market_time, partition,
                   record_offset
            from journal_postings {clause}
            order by recorded_at desc, partition desc, record_offset desc, leg desc limit %(rows)s""",
        {
            **parameters,
            "after_partition": after and after.partition,
            "after_offset": after and after.offset,
            "after_leg": after and after.leg,
            "rows": filters.limit + 1,
        },
    )


def rejection_key(row: Row) -> tuple[Any, ...]:
    return row["recorded_at"], row["partition"], row["record_offset"]


async def rejections(
    snapshot: Snapshot, account_id: str, filters: RejectionFilters, after: AfterRejection | None
) -> Rows:
    """limit + 1 refused commands beyond `after`, newest first. Index: command_rejections_account, _command."""
    clause, parameters = where(
        account_id=("account_id = %(account_id)s", account_id),
        command_id=("command_id = %(command_id)s", filters.command_id),
        code=("code = %(code)s", filters.code),
        start=("recorded_at >= %(start)s", filters.start),
        end=("recorded_at < %(end)s", filters.end),
        after_at=(
            "(recorded_at, partition, record_offset) < (%(after_at)s, %(after_partition)s, %(after_offset)s)",
            after and after.recorded_at,
        ),
    )
    return await snapshot.all(
        f"""select command_id, command_type, code, text, details, recorded_at, partition, record_offset
            from command_rejections {clause}
            order by recorded_at desc, partition desc, record_offset desc limit %(rows)s""",
        {
            **parameters,
            "after_partition": after and after.partition,
            "after_offset": after and after.offset,
            "rows": filters.limit + 1,
        },
    )
