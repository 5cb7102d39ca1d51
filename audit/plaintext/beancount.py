"""The dialect of beancount 3: https://beancount.github.io/docs/beancount_language_syntax.html.

Exactness. `tolerance_multiplier` 0 and `inferred_tolerance_default` *:0 leave no tolerance in a transaction, and each
balance assertion has `~ 0`. beancount adds in Python's default decimal context of 28 digits, so a journal whose sums
may need more is refused rather than rounded. A balance directive speaks of the beginning of its day: that of the end of
a day stands on the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from audit.plaintext import names
from audit.plaintext.books import AccountBooks, Balances, Commodity, Entry, Header, Leg
from domain import chart
from domain.errors import BooksError
from domain.numbers import plain
from streams.codec import rfc3339

DIGITS_MAX = 28  # decimal.DefaultContext.prec
_ROOTS: dict[chart.Class, str] = {
    "asset": "Assets",
    "liability": "Liabilities",
    "equity": "Equity",
    "income": "Income",
    "expense": "Expenses",
}
_DAY = timedelta(days=1)


class Beancount:
    """See audit.plaintext.books.Dialect."""

    def prologue(self, header: Header) -> Iterator[str]:
        for commodity in header.commodities:
            _check_digits(commodity)
        whose = "all accounts" if header.account is None else f"account {header.account}"
        yield f";; {_text(header.topic)} after {header.after} up to {header.up_to}, {_text(whose)}"
        yield ";; Made by `tape audit export-journal`: a transaction an event with postings, dated by its record (UTC)."
        yield 'option "title" ' + _string(f"{header.topic} up to {header.up_to}")
        yield 'option "inferred_tolerance_default" "*:0"'
        yield 'option "tolerance_multiplier" "0"'
        yield ""
        for commodity in header.commodities:
            yield f"1970-01-01 commodity {names.beancount_commodity(commodity.name)}"

    def account(self, books: AccountBooks) -> Iterator[str]:
        yield ""
        yield f";; Account {_text(books.account_id)}"
        commodities: dict[str, list[str]] = {}
        for book_account, commodity in books.keys:
            commodities.setdefault(book_account, []).append(names.beancount_commodity(commodity))
        for book_account, allowed in commodities.items():
            # Spaces around the comma: beancount's lexer takes a one-letter commodity for one only before a space.
            yield f"{books.begins} open {_account(books.account_id, book_account)} {' , '.join(allowed)}"

    def opening(self, account_id: str, balances: Balances) -> Iterator[str]:
        yield ""
        yield f'{balances.day} * "Opening balances"'
        yield from _postings(account_id, balances.legs)

    def entry(self, account_id: str, entry: Entry) -> Iterator[str]:
        yield ""
        yield f"{entry.day} * {_string(entry.event_type)}"
        yield f"  event_id: {_string(entry.event_id)}"
        yield f'  position: "{entry.partition}:{entry.offset}"'
        yield f'  hash: "{entry.hash}"'
        yield f'  recorded_at: "{rfc3339(entry.recorded_at_us)}"'
        if entry.market_time_us is not None:
            yield f'  market_time: "{rfc3339(entry.market_time_us)}"'
        yield from _postings(account_id, entry.legs)

    def assertion(self, account_id: str, balances: Balances) -> Iterator[str]:
        yield ""
        for leg in balances.legs:
            account, commodity = _account(account_id, leg.book_account), names.beancount_commodity(leg.commodity)
            yield f"{balances.day + _DAY} balance {account}  {plain(leg.amount)} ~ 0 {commodity}"


def _postings(account_id: str, legs: tuple[Leg, ...]) -> Iterator[str]:
    for leg in legs:
        commodity = names.beancount_commodity(leg.commodity)
        yield f"  {_account(account_id, leg.book_account)}  {plain(leg.amount)} {commodity}"


def _account(account_id: str, book_account: str) -> str:
    """`inventory:BRK.B` of `ann` is `Assets:Ann:Inventory:BRK-2EB`. Raises BooksError for an unknown kind."""
    kind, symbol = chart.split(book_account)
    parts = [_ROOTS[kind.class_], names.beancount_account_id(account_id), kind.name.replace("_", "-").capitalize()]
    return ":".join(parts if symbol is None else [*parts, names.beancount_symbol(symbol)])


def _check_digits(commodity: Commodity) -> None:
    if commodity.digits > DIGITS_MAX:
        raise BooksError(
            f"beancount adds with {DIGITS_MAX} digits, and sums of {commodity.name} may need {commodity.digits}: "
            "it would round them. Expected fewer accounts' or events' worth of turnover; hledger adds exactly"
        )


def _string(text: str) -> str:
    """A string literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _text(text: str) -> str:
    """Text that stays on its line."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
