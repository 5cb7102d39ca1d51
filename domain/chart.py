"""The chart of accounts: what each kind of book account is, in one table.

A book account's name is its kind (`cash`), or kind and symbol (`inventory:AAPL`). domain.journal posts to these names;
the trial balance, the plain-text books and docs/reference/chart-of-accounts.md read the table. Classes are the five of
every general ledger; debits are above zero, so an asset or an expense is naturally above zero, the other classes below
it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from domain.errors import BooksError

Class = Literal["asset", "liability", "equity", "income", "expense"]
Measure = Literal["money", "units"]

CLASSES: tuple[Class, ...] = ("asset", "liability", "equity", "income", "expense")
_DEBIT: frozenset[str] = frozenset({"asset", "expense"})


class Kind(NamedTuple):
    """One kind of book account. per_symbol: its names are `kind:SYMBOL`; else `kind` is the only name.

    measure: whether its commodity is a currency or the units of a symbol.
    """

    name: str
    class_: Class
    measure: Measure
    per_symbol: bool
    meaning: str

    @property
    def natural_sign(self) -> int:
        """1 where a balance is naturally a debit, -1 where it is a credit."""
        return 1 if self.class_ in _DEBIT else -1


CHART: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("cash", "asset", "money", False, "free cash; below zero is what a margin account owes"),
        Kind("hold", "asset", "money", False, "cash set aside for open orders"),
        Kind("inventory", "asset", "money", True, "what the long units cost, fees excluded"),
        Kind("short_proceeds", "liability", "money", True, "what the short units were sold for, fees excluded"),
        Kind("position", "asset", "units", True, "free long units"),
        Kind("position_hold", "asset", "units", True, "units set aside for open sales"),
        Kind("position_short", "liability", "units", True, "short units, as a credit: what is owed"),
        Kind("external", "equity", "money", False, "counterpart of deposits and withdrawals: what the owner put in"),
        Kind("conversion", "equity", "money", False, "trading account: the other side of each conversion"),
        Kind("market", "equity", "units", True, "counterpart of units bought and sold"),
        Kind("realized_pnl", "income", "money", False, "realised profit, as a credit: a profit is below zero"),
        Kind("fees", "expense", "money", False, "the venues' fees paid"),
        Kind("commission", "expense", "money", False, "commissions paid, by the account's fee schedule"),
        Kind("dividends", "income", "money", True, "dividends before tax; what was owed is above zero"),
        Kind("withholding_tax", "expense", "money", False, "tax that was kept back from dividends"),
        Kind("interest", "income", "money", False, "interest; what was charged is above zero"),
        Kind("account_fees", "expense", "money", False, "fees of the account, not of its trades"),
        Kind("rebates", "income", "money", False, "rebates, as a credit"),
        Kind("corrections", "income", "money", False, "counterpart of corrections of cash"),
        Kind(
            *("transfers", "equity", "money", False),
            "counterpart of transfers; its sum over all accounts is what is on its way, as a debit",
        ),
    )
}


def split(book_account: str) -> tuple[Kind, str | None]:
    """The kind of a book account and its symbol (None where the kind has none).

    Raises BooksError, naming the book account, for a kind that the chart does not have, and for a name that is not of
    its kind's form.
    """
    name, colon, symbol = book_account.partition(":")
    kind = CHART.get(name)
    if kind is None:
        raise BooksError(
            f"book account {book_account!r} is of kind {name!r}, which the chart of accounts does not have; "
            f"expected one of {', '.join(CHART)}"
        )
    if kind.per_symbol != bool(symbol) or bool(colon) != bool(symbol):
        form = f"{name}:SYMBOL" if kind.per_symbol else name
        raise BooksError(f"a book account of kind {name} is named {form}, it was {book_account!r}")
    return kind, symbol or None
