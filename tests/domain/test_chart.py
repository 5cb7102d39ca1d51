"""The chart of accounts and the journal say the same: what may be posted to stands in the chart, and nothing else."""

from __future__ import annotations

import ast
from decimal import Decimal
from pathlib import Path

import pytest

from domain import chart, commands, journal, journal_corporate
from domain.account_terms import FeeSchedule, MarginTerms
from domain.errors import BooksError
from tests.domain.operators import OperatorDesk

DOMAIN = Path(journal.__file__).parent


def _posted_kinds() -> set[str]:
    """The kinds in the journal's legs: the first parts of tuples of three that begin with a text, and adjustments."""
    found = set(journal_corporate.ADJUSTMENTS.values())
    modules = [ast.parse(path.read_text()) for path in DOMAIN.glob("journal*.py")]
    for node in (node for module in modules for node in ast.walk(module)):
        if isinstance(node, ast.Tuple) and len(node.elts) == 3:
            name = node.elts[0]
            if isinstance(name, ast.JoinedStr):
                name = name.values[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                found.add(name.value.partition(":")[0])
    return found


def test_every_kind_that_the_journal_posts_is_in_the_chart_and_no_other() -> None:
    """A new kind of posting needs a row in the chart, and a row that nothing posts to would be a lie."""
    assert _posted_kinds() == set(chart.CHART)


def test_only_the_journal_makes_postings() -> None:
    """No other module of the domain names book accounts in postings of its own, past the chart."""
    makers = {
        path.name
        for path in DOMAIN.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Posting"
    }

    assert makers == {"journal.py"}


@pytest.mark.parametrize(
    ("name", "class_", "sign", "symbol"),
    [
        ("cash", "asset", 1, None),
        ("hold", "asset", 1, None),
        ("inventory:BRK.B", "asset", 1, "BRK.B"),
        ("external", "equity", -1, None),
        ("market:AAPL", "equity", -1, "AAPL"),
        ("realized_pnl", "income", -1, None),
        ("fees", "expense", 1, None),
    ],
)
def test_a_book_account_has_a_class_and_a_natural_side(name: str, class_: str, sign: int, symbol: str | None) -> None:
    """Assets and expenses are naturally debits (above zero), equity and income credits: any textbook's rule."""
    kind, found = chart.split(name)

    assert (kind.class_, kind.natural_sign, found) == (class_, sign, symbol)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("goodwill", "'goodwill' is of kind 'goodwill', which the chart of accounts does not have"),
        ("goodwill:AAPL", "of kind 'goodwill'"),
        ("", "of kind ''"),
        ("inventory", "is named inventory:SYMBOL, it was 'inventory'"),
        ("inventory:", "is named inventory:SYMBOL, it was 'inventory:'"),
        ("cash:USD", "is named cash, it was 'cash:USD'"),
        ("cash:", "is named cash, it was 'cash:'"),
    ],
)
def test_a_book_account_that_is_not_in_the_chart_is_an_error(name: str, words: str) -> None:
    """The error names the book account; nothing is guessed."""
    with pytest.raises(BooksError, match="book account") as caught:
        chart.split(name)

    assert words in str(caught.value)


def test_measures_and_natural_sides_are_those_of_real_books() -> None:
    """After trades at a profit and open orders, income and what costs, each balance is in its kind's commodity and on
    its natural side."""
    schedule = FeeSchedule(per_unit=Decimal("0.01"))
    desk = OperatorDesk(fee_bps="1", margin=MarginTerms(), currencies=("EUR",), fee_schedule=schedule)
    desk.mark("AAPL", "10.00")
    desk.mark("EUR/USD", "1.10")
    desk.trade("BUY", "10", "10.00", "0.10")
    desk.trade("SELL", "4", "12.50", "0.05")
    desk.submit("SELL", "2", "13.00")
    desk.submit("BUY", "1", "9.00")
    desk.dividend("0.50", withholding_bps=Decimal(1500))
    for kind_of, amount in (("INTEREST", "1"), ("FEE", "-1"), ("REBATE", "1"), ("CORRECTION", "1")):
        desk.adjust(kind_of, amount)
    desk.operate(commands.ReceiveTransfer, from_account_id="other", amount=Decimal(1))

    desk.locate("5")
    desk.trade("SELL_SHORT", "5", "11.00")
    desk.convert("10.00", "USD", "EUR", "0.90")

    seen = set()
    for (name, commodity), amount in desk.account.books.items():
        kind, symbol = chart.split(name)
        assert commodity == symbol if kind.measure == "units" else commodity in ("USD", "EUR")
        if kind.name != "conversion":  # of which one currency is a debit and the other a credit
            assert amount * kind.natural_sign > 0, name
        seen.add(kind.name)

    assert seen == set(chart.CHART)
