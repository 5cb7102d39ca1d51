"""Goal: whatever is traded, beancount and hledger's grammar agree with the ledger to the last digit.

Method: Hypothesis trades through the real domain (tests.domain.machine), the events are written as journals, and the
tools add them up. The balances that the journals assert are those of the domain's accounts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings

from audit.plaintext import names
from audit.plaintext.beancount import Beancount
from audit.plaintext.books import AccountBooks, Balances, Commodity, Dialect, Entry, Header, Leg, lines
from audit.plaintext.hledger import Hledger
from domain import chart, schema
from domain.errors import BooksError
from tests.audit.plain import Told, read_beancount, read_hledger
from tests.domain.machine import Trader
from tests.domain.model import CURRENCIES

ROOTS = {
    "asset": "Assets",
    "liability": "Liabilities",
    "equity": "Equity",
    "income": "Income",
    "expense": "Expenses",
}
COMMODITIES = tuple(Commodity(name, 8, 24) for name in ("USD", "EUR", *CURRENCIES))
HEADER = Header("ledger.events", None, "0:-1", "0:99", COMMODITIES)


class Books:
    """A trader's events as books. `change` may alter an entry on its way."""

    def __init__(self, trader: Trader) -> None:
        self.trader = trader
        self.entries: dict[str, list[Entry]] = {account: [] for account in trader.ledger.accounts}
        for offset, record in enumerate(trader.records):
            event = schema.decode(*record)
            if event.postings:
                legs = tuple(Leg(leg.account, leg.commodity, leg.amount) for leg in event.postings)
                entry = Entry(0, offset, f"evt-{offset}", type(event).__name__, "ab" * 32, event.timestamp, None, legs)
                self.entries[event.originator_id].append(entry)

    def accounts(self) -> Iterator[AccountBooks]:
        for account, entries in self.entries.items():
            keys = tuple(sorted({leg[:2] for entry in entries for leg in entry.legs}))
            held = self.trader.ledger.accounts[account].books
            shown = Balances(entries[-1].day, tuple(Leg(*key, held.get(key, Decimal(0))) for key in keys))
            yield AccountBooks(account, entries[0].day, keys, None, iter([*entries, shown]))

    def text(self, dialect: Dialect) -> str:
        return "\n".join(lines(HEADER, self.accounts(), dialect)) + "\n"

    def expected(self, beancount: bool) -> dict[tuple[str, str], Decimal]:
        """The domain's own balances under the tool's names."""
        found = {}
        for account_id, account in self.trader.ledger.accounts.items():
            for (book_account, commodity), amount in account.books.items():
                kind, _, symbol = book_account.partition(":")
                root = ROOTS[chart.CHART[kind].class_]
                if beancount:
                    parts = [root, account_id.capitalize(), kind.replace("_", "-").capitalize()]
                    parts += [names.beancount_symbol(symbol)] if symbol else []
                    found[":".join(parts), names.beancount_commodity(commodity)] = amount
                else:
                    parts = [root.lower(), account_id, kind, *([symbol] if symbol else [])]
                    found[":".join(parts), commodity] = amount
        return found


class BooksTrader(Trader):
    """Trades, and in the end has both journals read."""

    def teardown(self) -> None:
        if not self.records:
            return
        books = Books(self)
        told = read_beancount(books.text(Beancount()))
        assert told.errors == []
        assert told.sums == books.expected(beancount=True)
        told = read_hledger(books.text(Hledger()))
        assert told.errors == []
        assert told.sums == books.expected(beancount=False)


BooksTrader.TestCase.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
TestRandomTrading = BooksTrader.TestCase


def traded() -> Books:
    """A little trading by hand: enough for a purchase, a sale and a fee."""
    trader = Trader()
    trader.open(marked=False)
    trader.trade("fifo", "AAPL", "BUY", 3, Decimal("1.25"), ("MAKER", "TAKER"))
    trader.trade("fifo", "AAPL", "SELL", 1, Decimal("1.75"), ("MAKER", "TAKER"))
    return Books(trader)


def change(books: Books, step: Decimal, *, balanced: bool) -> None:
    """Add `step` to the first leg of the last event, and take it from the second if the event is to balance."""
    entry = books.entries["fifo"][-1]
    legs = list(entry.legs)
    pair = [number for number, leg in enumerate(legs) if leg.commodity == "USD"][:2]
    for number, sign in zip(pair, (1, -1) if balanced else (1,), strict=False):
        legs[number] = legs[number]._replace(amount=legs[number].amount + sign * step)
    books.entries["fifo"][-1] = entry._replace(legs=tuple(legs))


READERS: dict[str, tuple[Any, Any]] = {"beancount": (Beancount, read_beancount), "hledger": (Hledger, read_hledger)}


@pytest.mark.parametrize("format_", sorted(READERS))
@pytest.mark.parametrize("step", ["0.01", "0.000000000000000001"])
@pytest.mark.parametrize("balanced", [True, False])
def test_a_planted_amount_is_found(format_: str, step: str, balanced: bool) -> None:
    """A leg that is wrong by a cent, or by the 18th decimal: the transaction or the balance at the end fails.

    Two wrong legs that cancel leave the transaction balanced; then only the asserted balance can find them.
    """
    dialect, read = READERS[format_]
    sound, wrong = traded(), traded()
    change(wrong, Decimal(step), balanced=balanced)

    told: Told = read(wrong.text(dialect()))

    assert read(sound.text(dialect())).errors == []
    words = "balance failed|balance assertion" if balanced else "does not balance|unbalanced"
    assert any(word in error.lower() for error in told.errors for word in words.split("|")), told.errors


def test_assertions_stay_exact_where_the_options_do_not_count() -> None:
    """beancount takes options from the outermost file alone: in an included one, assertions hold by themselves."""
    wrong = traded()
    change(wrong, Decimal("0.000000000000000001"), balanced=True)
    text = wrong.text(Beancount())
    options = [line for line in text.splitlines() if line.startswith("option")]

    for option in options:
        text = text.replace(option + "\n", "")

    assert len(options) == 3
    assert any(error.startswith("Balance failed") for error in read_beancount(text).errors)


def test_what_beancount_would_round_is_refused() -> None:
    """Sums that may need more than beancount's 28 digits are an error that names the commodity; hledger takes them."""
    header = HEADER._replace(commodities=(Commodity("USD", 18, 29),))

    with pytest.raises(BooksError, match="sums of USD may need 29"):
        list(lines(header, iter(()), Beancount()))
    assert list(lines(header._replace(commodities=(Commodity("USD", 18, 28),)), iter(()), Beancount()))
    assert list(lines(header, iter(()), Hledger()))


@pytest.mark.parametrize("format_", sorted(READERS))
def test_strange_names_are_read(format_: str) -> None:
    """Ids with spaces, unicode, quotes and capitals, symbols that are words of beancount: no errors, all apart."""
    dialect, read = READERS[format_]
    symbols = ("BRK.B", "0700.HK", "TRUE", "NULL", "F", "usd", "Ä Ö", "A'B", "-", "VERYLONG" * 6)
    ids = ("ann", "Ann", "a b", "a:b", 'q"\\', "ä", "_", "-", "0", "X-x", "line\nbreak; =")
    header = HEADER._replace(account="a\nb", commodities=tuple(Commodity(name, 0, 1) for name in symbols))

    def books() -> Iterator[AccountBooks]:
        for number, id_ in enumerate(ids):
            legs = tuple(
                leg
                for symbol in symbols
                for leg in (
                    Leg("cash", symbol, Decimal(number + 3)),
                    Leg("external", symbol, Decimal(-number - 3)),
                    Leg(f"position:{symbol}", symbol, Decimal(number + 1)),
                    Leg(f"market:{symbol}", symbol, Decimal(-number - 1)),
                )
            )
            entry = Entry(0, number, f'evt "{id_}"\\', "OrderFilled", "00", 1_767_225_600_000_000, 5, legs)
            keys = tuple(sorted((leg[:2] for leg in legs), key=lambda key: (key[0], len(key[1]))))
            day = datetime(2026, 1, 1, tzinfo=UTC).date()
            yield AccountBooks(id_, day, keys, None, iter([entry, Balances(day, legs)]))

    told: Told = read("\n".join(lines(header, books(), dialect())) + "\n")

    assert told.errors == []
    assert len(told.sums) == 4 * len(ids) * len(symbols)


@pytest.mark.parametrize("format_", sorted(READERS))
def test_a_journal_without_end_is_written_as_it_comes(format_: str) -> None:
    """The writer holds one event at a time: of an account that trades for ever the first 10,000 lines come at once."""
    dialect, _ = READERS[format_]
    day = datetime(2026, 1, 1, tzinfo=UTC).date()
    legs = (Leg("cash", "USD", Decimal(1)), Leg("external", "USD", Decimal(-1)))
    for_ever = (
        Entry(0, number, f"evt-{number}", "CashDeposited", "00", 1_767_225_600_000_000 + number, None, legs)
        for number in itertools.count()
    )
    books = AccountBooks("ann", day, (("cash", "USD"), ("external", "USD")), None, for_ever)

    written = list(itertools.islice(lines(HEADER, iter([books]), dialect()), 10_000))

    assert len(written) == 10_000


@pytest.mark.parametrize("format_", sorted(READERS))
def test_a_book_account_that_the_chart_lacks_is_not_exported(format_: str) -> None:
    """An unknown kind ends the export with an error that names it."""
    dialect, _ = READERS[format_]
    day = datetime(2026, 1, 1, tzinfo=UTC).date()
    books = AccountBooks("ann", day, (("goodwill", "USD"),), None, iter(()))

    with pytest.raises(BooksError, match="'goodwill'"):
        list(lines(HEADER, iter([books]), dialect()))
