"""Readers of exported journals that share nothing with their writer: beancount itself, and a small one for hledger.

The reader for hledger follows the grammar of its manual (https://hledger.org/1.25/hledger.html, "Journal format"):
directives, transactions with indented postings, two spaces or more before an amount, `=` before an asserted balance. It
checks what hledger checks: that transactions balance, that accounts and commodities are declared, that assertions hold.
"""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from beancount import loader
from beancount.core.data import Transaction

Sums = dict[tuple[str, str], Decimal]

_TRANSACTION = re.compile(r"(?P<date>\d{4}-\d\d-\d\d) \* (?:\((?P<code>[^)]*)\) )?(?P<text>.*)")
_AMOUNT = r"(-?\d+(?:\.\d*)?) (\"[^\"]+\"|[A-Za-z]+)"
_POSTING = re.compile(rf"    (?P<account>\S(?:.*?\S)?)  +{_AMOUNT}(?: = {_AMOUNT})?")
_TAG = re.compile(r"    ; (?P<name>\w+):(?P<value>[^,]*)")


class Told(NamedTuple):
    """What a reader made of it. sums: account, commodity -> balance, zeros left out. tags: of each transaction."""

    errors: list[str]
    sums: Sums
    transactions: int
    tags: list[dict[str, Any]]


def read_beancount(text: str) -> Told:
    """What beancount's own loader says, with all its validation, and the sums of the postings that it read."""
    entries, errors, _ = loader.load_string(text, dedent=False)
    sums: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    read = [entry for entry in entries if isinstance(entry, Transaction)]
    for entry in read:
        for posting in entry.postings:
            assert posting.units is not None
            assert posting.units.number is not None
            sums[posting.account, posting.units.currency] += Fraction(posting.units.number)
    return Told([error.message for error in errors], _decimals(sums), len(read), [dict(entry.meta) for entry in read])


def read_hledger(text: str) -> Told:
    """See the module. Errors name the line; a line that the grammar does not have is one."""
    return _Hledger().read(text)


class _Hledger:
    def __init__(self) -> None:
        self.errors: list[str] = []
        self.sums: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        self.accounts: set[str] = set()
        self.commodities: set[str] = set()
        self.tags: list[dict[str, Any]] = []
        self.open: dict[str, Fraction] | None = None
        self.date = ""

    def read(self, text: str) -> Told:
        for number, line in enumerate(text.splitlines(), 1):
            if problem := self.line(line):
                self.errors.append(f"line {number}: {problem}: {line}")
        self.close()
        return Told(self.errors, _decimals(self.sums), len(self.tags), self.tags)

    def line(self, line: str) -> str:
        if not line:
            return self.close()
        if line.startswith(";"):
            return ""
        if line.startswith("    "):
            return self.posting(line)
        if match := _TRANSACTION.fullmatch(line):
            problem = self.close()
            self.open = defaultdict(Fraction)
            self.tags.append({"code": match["code"], "text": match["text"], "date": match["date"]})
            return problem
        return self.close() or self.directive(line)

    def directive(self, line: str) -> str:
        word, _, rest = line.partition(" ")
        if word == "account":
            self.accounts.add(rest.partition("  ;")[0])
        elif word == "commodity" and (match := re.fullmatch(_AMOUNT, rest)):
            self.commodities.add(match[2])
        elif line != "decimal-mark .":
            return "not in the grammar"
        return ""

    def posting(self, line: str) -> str:
        if self.open is None:
            return "a posting outside a transaction"
        if match := _TAG.fullmatch(line):
            self.tags[-1][match["name"]] = match["value"]
            return ""
        match = _POSTING.fullmatch(line)
        if match is None:
            return "not in the grammar"
        account, number, commodity, asserted, of = match.groups()
        if account not in self.accounts or commodity not in self.commodities or of not in (None, commodity):
            return "account or commodity not declared"
        self.open[commodity] += Fraction(number)
        self.sums[account, commodity] += Fraction(number)
        total = self.sums[account, commodity]
        failed = asserted is not None and total != Fraction(asserted)
        return f"balance assertion: it is {_decimal(total)}" if failed else ""

    def close(self) -> str:
        """The transaction is over; says whether it does not balance."""
        open_, self.open = self.open or {}, None
        return "".join(f"unbalanced by {_decimal(total)} {what}" for what, total in open_.items() if total)


def _decimals(sums: dict[tuple[str, str], Fraction]) -> Sums:
    return {key: _decimal(total) for key, total in sums.items() if total}


def _decimal(number: Fraction) -> Decimal:
    """Exact: a sum of decimal fractions has a denominator of twos and fives."""
    digits = 0
    while (number * 10**digits).denominator != 1:
        digits += 1
    return Decimal(int(number * 10**digits)).scaleb(-digits)
