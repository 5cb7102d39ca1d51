"""The dialect of hledger: https://hledger.org/1.25/hledger.html#journal-format.

Exactness. hledger's numbers are exact, and it holds a transaction to balance at the precision of its commodities: the
`commodity` directives declare as many decimals as any posting has, so nothing is left to rounding. A balance assertion
compares all digits. `decimal-mark .` says that a point is never a mark between thousands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from audit.plaintext import names
from audit.plaintext.books import AccountBooks, Balances, Entry, Header, Leg
from domain import chart
from domain.numbers import plain
from streams.codec import rfc3339

_ROOTS: dict[chart.Class, str] = {
    "asset": "assets",
    "liability": "liabilities",
    "equity": "equity",
    "income": "income",
    "expense": "expenses",
}
_TYPES: dict[chart.Class, str] = {"asset": "A", "liability": "L", "equity": "E", "income": "R", "expense": "X"}
_LETTERS = re.compile(r"[A-Za-z]+")


class Hledger:
    """See audit.plaintext.books.Dialect."""

    def prologue(self, header: Header) -> Iterator[str]:
        whose = "all accounts" if header.account is None else f"account {names.hledger_name(header.account)}"
        yield f"; {names.hledger_name(header.topic)} after {header.after} up to {header.up_to}, {whose}"
        yield "; Made by `tape audit export-journal`: a transaction an event with postings, dated by its record (UTC)."
        yield ""
        yield "decimal-mark ."
        for commodity in header.commodities:
            yield f"commodity 0.{'0' * commodity.decimals} {_commodity(commodity.name)}"
        for class_ in chart.CLASSES:
            yield f"account {_ROOTS[class_]}  ; type:{_TYPES[class_]}"

    def account(self, books: AccountBooks) -> Iterator[str]:
        yield ""
        for book_account in dict.fromkeys(book_account for book_account, _ in books.keys):
            yield f"account {_account(books.account_id, book_account)}"

    def opening(self, account_id: str, balances: Balances) -> Iterator[str]:
        yield ""
        yield f"{balances.day} * Opening balances"
        yield from _postings(account_id, balances.legs)

    def entry(self, account_id: str, entry: Entry) -> Iterator[str]:
        yield ""
        yield f"{entry.day} * ({entry.partition}:{entry.offset}) {names.hledger_name(entry.event_type)}"
        yield f"    ; event_id:{names.hledger_name(entry.event_id)}"
        yield f"    ; position:{entry.partition}:{entry.offset}"
        yield f"    ; hash:{entry.hash}"
        yield f"    ; recorded_at:{rfc3339(entry.recorded_at_us)}"
        if entry.market_time_us is not None:
            yield f"    ; market_time:{rfc3339(entry.market_time_us)}"
        yield from _postings(account_id, entry.legs)

    def assertion(self, account_id: str, balances: Balances) -> Iterator[str]:
        yield ""
        yield f"{balances.day} * Balances"
        for leg in balances.legs:
            commodity = _commodity(leg.commodity)
            account = _account(account_id, leg.book_account)
            yield f"    {account}  0 {commodity} = {plain(leg.amount)} {commodity}"


def _postings(account_id: str, legs: tuple[Leg, ...]) -> Iterator[str]:
    for leg in legs:
        yield f"    {_account(account_id, leg.book_account)}  {plain(leg.amount)} {_commodity(leg.commodity)}"


def _account(account_id: str, book_account: str) -> str:
    """`inventory:BRK.B` of `ann` is `assets:ann:inventory:BRK.B`. Raises BooksError for an unknown kind."""
    kind, symbol = chart.split(book_account)
    parts = [_ROOTS[kind.class_], names.hledger_name(account_id), kind.name]
    return ":".join(parts if symbol is None else [*parts, names.hledger_name(symbol)])


def _commodity(text: str) -> str:
    """Letters stand alone, anything else between quotes."""
    return text if _LETTERS.fullmatch(text) else f'"{names.hledger_name(text)}"'
