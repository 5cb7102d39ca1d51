"""An account's books out of the database: postings from the journal, balances from what the read model shows.

The balances that the tool is to find are not added up from the postings that it reads. They are those of the table
`balances`, less the postings after the place in question. So a tool that finds no error has shown that the opening and
the exported postings come to what the read model shows.

All is read in one snapshot, in the order of account ids' bytes, an account and a few thousand postings at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any, Literal, NamedTuple

from audit.plaintext.books import AccountBooks, Balances, Commodity, Entry, Leg
from audit.positions import START, Positions
from audit.tapes import Connection
from domain.errors import BooksError

Every = Literal["end", "month", "day"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ROWS = 4_000

_ACCOUNTS = """
select account_id, partition from accounts where %(account)s::text is null or account_id = %(account)s
order by account_id collate "C"
"""

# decimals of any posting; the digits before the point of the largest turnover of one book account bound all sums of it.
_COMMODITIES = """
select commodity, max(decimals), max(decimals) + max(length(trunc(turnover)::text)), sum(postings)
from (
    select commodity, max(min_scale(amount)) as decimals, sum(abs(amount)) as turnover,
        count(*) filter (where record_offset > after) as postings
    from journal_postings
    join unnest(%(partitions)s::integer[], %(after)s::bigint[], %(upto)s::bigint[]) as place (home, after, upto)
        on home = partition and record_offset <= upto
    where %(account)s::text is null or account_id = %(account)s
    group by account_id, book_account, commodity
) as book_accounts
group by commodity order by commodity collate "C"
"""

# A row of `balances` without any posting is shown too: the tool is to find that it should not be there.
_KEYS = """
with moved as (
    select book_account, commodity,
        count(*) filter (where record_offset <= %(upto)s) as postings,
        coalesce(sum(amount) filter (where record_offset > %(upto)s), 0) as later,
        coalesce(sum(amount) filter (where record_offset <= %(after)s), 0) as opening,
        max(recorded_at) filter (where record_offset <= %(after)s) as opened,
        min(recorded_at) filter (where record_offset > %(after)s and record_offset <= %(upto)s) as first,
        max(recorded_at) filter (where record_offset <= %(upto)s) as last
    from journal_postings where account_id = %(account)s and partition = %(home)s
    group by book_account, commodity
)
select book_account, commodity, coalesce(amount, 0) - coalesce(later, 0), coalesce(opening, 0), opened, first, last
from moved
full join (select book_account, commodity, amount from balances where account_id = %(account)s) as shown
    using (book_account, commodity)
where postings > 0 or (postings is null and amount <> 0)
order by book_account collate "C", commodity collate "C"
"""

_POSTINGS = """
select journal.partition, journal.record_offset, event_id, event_type, tape.hash, journal.recorded_at, market_time,
    book_account, commodity, amount
from journal_postings journal
left join tape_records tape on tape.topic = %(topic)s and tape.partition = journal.partition
    and tape.record_offset = journal.record_offset and tape.live
where account_id = %(account)s and journal.partition = %(home)s
    and journal.record_offset > %(after)s and journal.record_offset <= %(upto)s
order by journal.record_offset, leg
"""

# The balances that a period moved, as they were at its end; the last period's are those of the end.
_PERIODS = """
with moved as (
    select date_trunc(%(every)s, recorded_at at time zone 'UTC')::date as period, book_account, commodity,
        sum(amount) as amount
    from journal_postings
    where account_id = %(account)s and partition = %(home)s and record_offset > %(after)s and record_offset <= %(upto)s
    group by 1, 2, 3
), later as (
    select book_account, commodity, sum(amount) as amount
    from journal_postings where account_id = %(account)s and partition = %(home)s and record_offset > %(upto)s
    group by 1, 2
)
select period, (period + ('1 ' || %(every)s)::interval - interval '1 day')::date, book_account, commodity,
    coalesce(shown.amount, 0) - coalesce(later.amount, 0) - coalesce(sum(moved.amount) over (
        partition by book_account, commodity order by period desc
        rows between unbounded preceding and 1 preceding), 0)
from moved
left join later using (book_account, commodity)
left join (select book_account, commodity, amount from balances where account_id = %(account)s) as shown
    using (book_account, commodity)
order by period, book_account collate "C", commodity collate "C"
"""


class Range(NamedTuple):
    """Events after the positions `after`, up to the positions `up_to`, these included. account: None for all."""

    topic: str
    account: str | None
    after: Positions
    up_to: Positions


class Counts:
    """What has been read so far."""

    def __init__(self) -> None:
        self.accounts = self.events = self.postings = 0


def commodities(connection: Connection, range_: Range) -> tuple[tuple[Commodity, ...], int]:
    """All that occur up to the end of the range, and how many postings the range has."""
    given = {
        "partitions": list(range_.up_to),
        "after": list(range_.after.values()),
        "upto": list(range_.up_to.values()),
        "account": range_.account,
    }
    rows = connection.execute(_COMMODITIES, given).fetchall()
    return tuple(Commodity(*row[:3]) for row in rows), sum(int(row[3]) for row in rows)


def accounts(connection: Connection, range_: Range, every: Every, counts: Counts) -> Iterator[AccountBooks]:
    """The books of each account that has any in the range or before it. Take one's items before the next one."""
    with connection.cursor("export_accounts") as cursor:
        cursor.itersize = _ROWS
        for account_id, home in cursor.execute(_ACCOUNTS, {"account": range_.account}):
            if home not in range_.up_to:
                continue
            books = _Account(connection, range_, account_id, home, every, counts).books()
            if books is not None:
                counts.accounts += 1
                yield books


class _Account:
    def __init__(
        self, connection: Connection, range_: Range, account_id: str, home: int, every: Every, counts: Counts
    ) -> None:
        self._connection = connection
        self._account_id = account_id
        self._counts = counts
        self._given: dict[str, Any] = {
            "topic": range_.topic,
            "account": account_id,
            "home": home,
            "after": range_.after.get(home, START),
            "upto": range_.up_to[home],
            "every": every,
        }

    def books(self) -> AccountBooks | None:
        rows = self._connection.execute(_KEYS, self._given).fetchall()
        if not rows:
            return None
        ends = tuple(Leg(book_account, commodity, amount) for book_account, commodity, amount, *_ in rows)
        opened, first, last = ([row[column].date() for row in rows if row[column]] for column in (4, 5, 6))
        opening = None
        if opened:
            legs = tuple(Leg(row[0], row[1], row[3]) for row in rows if row[3])
            opening = Balances(max(opened), legs) if legs else None
        begins = min([*opened, *first], default=_EPOCH.date())
        end = Balances(max(last, default=begins), ends)
        keys = tuple((leg.book_account, leg.commodity) for leg in ends)
        return AccountBooks(self._account_id, begins, keys, opening, self._items(end))

    def _items(self, end: Balances) -> Iterator[Entry | Balances]:
        """Events, and between them the balances of periods that are over. The last period ends with the end."""
        periods = self._periods() if self._given["every"] != "end" else iter(())
        period = next(periods, None)
        day = date.min
        for entry in self._entries():
            if entry.day < day:
                raise BooksError(f"account {self._account_id}: record time falls at {entry.partition}:{entry.offset}")
            day = entry.day
            while period is not None and period.day < day:
                yield period
                period = next(periods, None)
            yield entry
        yield end

    def _entries(self) -> Iterator[Entry]:
        with self._connection.cursor("export_postings") as cursor:
            cursor.itersize = _ROWS
            for _, rows in groupby(cursor.execute(_POSTINGS, self._given), key=lambda row: row[:2]):
                legs = list(rows)
                partition, offset, event_id, event_type, hash_, recorded_at, market_time, *_ = legs[0]
                if hash_ is None:
                    raise BooksError(f"the event at {partition}:{offset} has no live record in the archive; verify it")
                self._counts.events += 1
                self._counts.postings += len(legs)
                yield Entry(
                    partition,
                    offset,
                    event_id,
                    event_type,
                    bytes(hash_).hex(),
                    _us(recorded_at),
                    None if market_time is None else _us(market_time),
                    tuple(Leg(row[7], row[8], row[9]) for row in legs),
                )

    def _periods(self) -> Iterator[Balances]:
        with self._connection.cursor("export_periods") as cursor:
            cursor.itersize = _ROWS
            for day, rows in groupby(cursor.execute(_PERIODS, self._given), key=lambda row: row[1]):
                yield Balances(day, tuple(Leg(row[2], row[3], row[4]) for row in rows))


def _us(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND
