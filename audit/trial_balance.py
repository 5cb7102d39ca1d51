"""The trial balance of one account or of all, at any position, record time or market time.

For each book account and commodity: debits, credits and balance, and whether the balances of each commodity sum to
zero, in each account and in all. The sums are those of the SQL function account_trial_balance (infra/timescale), which
the API answers from too.
Boundaries: it adds up table `journal_postings` as it stands; that the table is what the tape says is `tape audit
replay`'s to show, and that `balances` is its sum is `tape audit verify`'s.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from audit import positions as places
from audit.positions import Positions
from audit.tapes import Connection
from domain import chart
from domain.errors import InvalidValue
from domain.numbers import ZERO, exact

_LINES = """
select a.account_id, t.book_account, t.commodity, t.debits, t.credits, t.balance, t.postings
from accounts a
join unnest(%(partitions)s::integer[], %(offsets)s::bigint[]) as place (home, upto) on place.home = a.partition
cross join lateral account_trial_balance(a.account_id, place.home, place.upto, %(as_of)s, %(effective)s) t
where %(account)s::text is null or a.account_id = %(account)s
"""
_HOME = "select partition from accounts where account_id = %s"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One book account in one commodity. balance = debits - credits; a credit balance is below zero."""

    book_account: str
    book_class: chart.Class
    commodity: str
    debits: Decimal
    credits: Decimal
    balance: Decimal
    postings: int


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """One commodity over all book accounts. balance must be zero."""

    commodity: str
    debits: Decimal
    credits: Decimal
    balance: Decimal


class Unbalanced(msgspec.Struct, frozen=True, kw_only=True):
    """An account whose balances of a commodity do not sum to zero."""

    account_id: str
    commodity: str
    balance: Decimal


class TrialBalance(msgspec.Struct, frozen=True, kw_only=True):
    """ok: each commodity sums to zero, in each account. positions: where it stands, PARTITION:OFFSET.

    account: None for all accounts together. as_of, market_time: the latest record and market time that count; None for
    whenever.
    """

    ok: bool
    account: str | None
    accounts: int
    positions: str
    as_of: datetime | None
    market_time: datetime | None
    lines: list[Line]
    totals: list[Total]
    unbalanced: list[Unbalanced]

    def text(self) -> str:
        """The verdict in one line."""
        whose = "1 account" if self.account is not None or self.accounts == 1 else f"{self.accounts:,} accounts"
        bad = "".join(f", {one.commodity} of {one.account_id} sums to {one.balance}" for one in self.unbalanced)
        postings = sum(line.postings for line in self.lines)
        return f"{postings:,} postings of {whose} in {len(self.totals)} commodities, at {self.positions}{bad}"


def home_of(connection: Connection, account: str) -> int:
    """The partition of an account. Raises InvalidValue for an account that is not there."""
    row = connection.execute(_HOME, (account,)).fetchone()
    if row is None:
        raise InvalidValue("ACCOUNT_UNKNOWN", f"there is no account {account!r} here", account_id=account)
    return int(row[0])


def trial_balance(
    connection: Connection,
    positions: Positions,
    *,
    account: str | None = None,
    as_of: datetime | None = None,
    market_time: datetime | None = None,
) -> TrialBalance:
    """Adds up the postings that count. connection: one snapshot. positions: of every partition that is to count.

    Raises BooksError for a book account whose kind the chart does not have, InvalidValue for an unknown account.
    """
    if account is not None:
        home = home_of(connection, account)
        positions = {home: positions[home]}
    given = {
        "partitions": list(positions),
        "offsets": list(positions.values()),
        "as_of": as_of,
        "effective": market_time,
        "account": account,
    }
    adder = _Adder()
    with connection.cursor("trial_balance") as cursor, exact():
        cursor.itersize = 5_000
        for row in cursor.execute(_LINES, given):
            adder.take(*row)
        lines, totals, unbalanced = adder.lines(), adder.totals(), adder.unbalanced()
    return TrialBalance(
        ok=not unbalanced and not any(total.balance for total in totals),
        account=account,
        accounts=len(adder.accounts),
        positions=places.show(positions),
        as_of=as_of,
        market_time=market_time,
        lines=lines,
        totals=totals,
        unbalanced=unbalanced,
    )


class _Adder:
    """Sums over accounts. Memory grows with book accounts and commodities, and with the number of accounts."""

    def __init__(self) -> None:
        self.accounts: set[str] = set()
        self._sums: dict[tuple[str, str], tuple[Decimal, Decimal, Decimal, int]] = {}
        self._own: dict[tuple[str, str], Decimal] = {}  # account, commodity -> sum; no zeros once an account is over

    def take(
        self,
        account: str,
        book_account: str,
        commodity: str,
        debits: Decimal,
        credits_: Decimal,
        balance: Decimal,
        postings: int,
    ) -> None:
        self.accounts.add(account)
        before = self._sums.get((book_account, commodity), (ZERO, ZERO, ZERO, 0))
        self._sums[book_account, commodity] = (
            before[0] + debits,
            before[1] + credits_,
            before[2] + balance,
            before[3] + postings,
        )
        own = self._own.pop((account, commodity), ZERO) + balance
        if own:
            self._own[account, commodity] = own

    def lines(self) -> list[Line]:
        """In the order of the chart, then by symbol and commodity."""
        order = {kind: number for number, kind in enumerate(chart.CHART)}
        found = []
        for (book_account, commodity), (debits, credits_, balance, postings) in self._sums.items():
            kind, symbol = chart.split(book_account)
            line = Line(
                book_account=book_account,
                book_class=kind.class_,
                commodity=commodity,
                debits=debits,
                credits=credits_,
                balance=balance,
                postings=postings,
            )
            found.append(((order[kind.name], symbol or "", commodity), line))
        return [line for _, line in sorted(found, key=lambda pair: pair[0])]

    def totals(self) -> list[Total]:
        sums: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
        for (_, commodity), (debits, credits_, balance, _) in self._sums.items():
            before = sums.get(commodity, (ZERO, ZERO, ZERO))
            sums[commodity] = (before[0] + debits, before[1] + credits_, before[2] + balance)
        return [
            Total(commodity=commodity, debits=debits, credits=credits_, balance=balance)
            for commodity, (debits, credits_, balance) in sorted(sums.items())
        ]

    def unbalanced(self) -> list[Unbalanced]:
        return [
            Unbalanced(account_id=account, commodity=commodity, balance=balance)
            for (account, commodity), balance in sorted(self._own.items())
        ]
