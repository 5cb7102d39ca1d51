"""What is exported: an account's events with their postings, and the balances that the tool is to find."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Leg(NamedTuple):
    """An amount of a commodity on a book account; a posting, or a balance."""

    book_account: str
    commodity: str
    amount: Decimal


class Entry(NamedTuple):
    """One event of the tape. hash: its tape-hash, hex. Times: microseconds UTC; its day is that of record."""

    partition: int
    offset: int
    event_id: str
    event_type: str
    hash: str
    recorded_at_us: int
    market_time_us: int | None
    legs: tuple[Leg, ...]

    @property
    def day(self) -> date:
        """The day of record, UTC."""
        return (_EPOCH + timedelta(microseconds=self.recorded_at_us)).date()


class Balances(NamedTuple):
    """What book accounts hold at the end of a day (UTC): after all that stands before it in the journal."""

    day: date
    legs: tuple[Leg, ...]


class AccountBooks(NamedTuple):
    """One account's books. opening: what was there before the range; None at the beginning of the tape.

    keys: book accounts and their commodities that occur, sorted. begins: the day of the opening or of the first event.
    """

    account_id: str
    begins: date
    keys: tuple[tuple[str, str], ...]
    opening: Balances | None
    items: Iterator[Entry | Balances]


class Commodity(NamedTuple):
    """decimals: the most that a posting has after the point. digits: an upper bound of what any sum of them needs."""

    name: str
    decimals: int
    digits: int


class Header(NamedTuple):
    """What the journal is of. after, up_to: positions (audit.positions), the first one not counted."""

    topic: str
    account: str | None
    after: str
    up_to: str
    commodities: tuple[Commodity, ...]


class Dialect(Protocol):
    """How a tool writes it. Each method gives lines without their ends, an empty one to set things apart."""

    def prologue(self, header: Header) -> Iterator[str]:
        """Options and commodities. Raises BooksError when the tool cannot add these commodities up exactly."""

    def account(self, books: AccountBooks) -> Iterator[str]:
        """The account's book accounts are declared."""

    def opening(self, account_id: str, balances: Balances) -> Iterator[str]:
        """One transaction that brings all book accounts to their balances; it sums to zero as they do."""

    def entry(self, account_id: str, entry: Entry) -> Iterator[str]:
        """One transaction."""

    def assertion(self, account_id: str, balances: Balances) -> Iterator[str]:
        """The tool must find these balances here, to the last digit, or report an error."""


def lines(header: Header, accounts: Iterator[AccountBooks], dialect: Dialect) -> Iterator[str]:
    """The whole journal, account after account. Holds one event at a time."""
    yield from dialect.prologue(header)
    for books in accounts:
        yield from dialect.account(books)
        if books.opening is not None:
            yield from dialect.opening(books.account_id, books.opening)
        for item in books.items:
            if isinstance(item, Entry):
                yield from dialect.entry(books.account_id, item)
            else:
                yield from dialect.assertion(books.account_id, item)
