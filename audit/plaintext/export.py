"""`tape audit export-journal`: the books as a plain-text journal.

The bytes are a function of the events in the range and of the options, nothing else: no clock, no version, no order
that the database chooses. Boundaries: events without postings (rejections, acknowledgements) move nothing and are left
out.
Verification: tests/audit/test_plaintext_books.py has beancount read what is exported and agree.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TextIO

import msgspec

from audit import positions as places
from audit import tapes
from audit.findings import Progress, Silent, counted
from audit.plaintext import source
from audit.plaintext.beancount import Beancount
from audit.plaintext.books import Dialect, Header, lines
from audit.plaintext.hledger import Hledger
from audit.plaintext.source import Counts, Every, Range
from audit.positions import START
from audit.tapes import Connection
from audit.trial_balance import home_of
from domain.errors import InvalidValue, UnavailableError
from runtime.settings import Settings

Format = Literal["beancount", "hledger"]
DIALECTS: dict[Format, Callable[[], Dialect]] = {"beancount": Beancount, "hledger": Hledger}
STANDARD_OUTPUT = Path("-")


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What was written. after, up_to: the range's positions, PARTITION:OFFSET; give them again for the same bytes."""

    format: Format
    path: str
    account: str | None
    after: str
    up_to: str
    accounts: int
    events: int
    postings: int

    def text(self) -> str:
        """In one line."""
        return (
            f"{counted(self.accounts, 'account')}, {counted(self.events, 'transaction')}, "
            f"{counted(self.postings, 'posting')} after {self.after} up to {self.up_to} in {self.path}"
        )


def export_journal(
    settings: Settings,
    format_: Format,
    path: Path,
    *,
    account: str | None = None,
    after: str | None = None,
    up_to: str | None = None,
    every: Every = "end",
    progress: Progress | None = None,
) -> Exported:
    """Write the journal to `path` (`-`: standard output), whole or not at all.

    after, up_to: positions, see audit.positions; the events between them are written, that at `up_to` included, and
    what was there before is one opening transaction an account. every: when balances are asserted, beside the end.
    Raises InvalidValue for a position or an account that is not there, BooksError for books that cannot be written
    exactly or completely, UnavailableError for a server or a file.
    """
    topic = settings.topic("ledger.events")
    with tapes.snapshot(settings) as connection:
        range_ = _range(connection, topic, account, after, up_to)
        tell = progress or Silent()
        tell.stage("add up", 1)
        commodities, total = source.commodities(connection, range_)
        header = Header(topic, account, places.show(range_.after), places.show(range_.up_to), commodities)
        counts = Counts()
        books = source.accounts(connection, range_, every, counts)
        tell.stage("write postings", total)
        with _file(path) as file:
            told = 0
            for line in lines(header, books, DIALECTS[format_]()):
                file.write(line + "\n")
                if counts.postings > told:
                    tell.advance(counts.postings - told)
                    told = counts.postings
    return Exported(
        format=format_,
        path="standard output" if path == STANDARD_OUTPUT else str(path),
        account=account,
        after=header.after,
        up_to=header.up_to,
        accounts=counts.accounts,
        events=counts.events,
        postings=counts.postings,
    )


def _range(connection: Connection, topic: str, account: str | None, after: str | None, up_to: str | None) -> Range:
    ends = places.projected(connection, topic)
    home = None
    if account is not None:
        home = home_of(connection, account)
        ends = {home: ends[home]}
    begins = places.resolve(after, ends, otherwise=dict.fromkeys(ends, START), home=home)
    stops = places.resolve(up_to, ends, otherwise=ends, home=home)
    for partition, offset in begins.items():
        if offset > stops[partition]:
            raise InvalidValue(
                "POSITION_INVALID",
                f"expected to begin before the end, but partition {partition} begins after {offset} and ends "
                f"at {stops[partition]}",
                partition=str(partition),
            )
    return Range(topic, account, begins, stops)


@contextmanager
def _file(path: Path) -> Iterator[TextIO]:
    """A text file that takes its name when all is written; what stood there before stays until then."""
    if path == STANDARD_OUTPUT:
        try:
            yield sys.stdout
            sys.stdout.flush()
        except OSError as error:
            raise UnavailableError(f"cannot write standard output: {error.strerror}") from error
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise UnavailableError(f"cannot write {path}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
