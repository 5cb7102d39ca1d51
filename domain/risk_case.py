"""What a pre-trade check looks at, and what several of them compute from it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from domain import checks
from domain.account import Account
from domain.checks import Refusal
from domain.exposures import Exposures, units_of
from domain.numbers import ONE, ZERO
from domain.orders import Order
from domain.scopes import Effective, Scope, tightest
from domain.terms import OrderTerms
from domain.world import World


class Case(NamedTuple):
    """An order, or an order's new terms, against an account and its limits. The form has been checked.

    scopes: the limits that hold for it. now_us: record time. replacing: the open order whose terms these would become.
    beside: the legs of the same group that have passed.
    """

    account: Account
    terms: OrderTerms
    world: World
    now_us: int
    scopes: Sequence[Scope]
    replacing: Order | None = None
    beside: Sequence[OrderTerms] = ()

    def limit(self, figure: str) -> Effective | None:
        return tightest(self.scopes, figure)

    def exposures(self) -> Exposures:
        """The account's, made when they are first asked for."""
        found = self.account.exposures
        if found is None:
            found = self.account.exposures = Exposures(self.account)
        return found

    def units(self) -> Decimal:
        """By how many units the order adds to what works on its side of its symbol, with the legs beside it.

        Until the venue has answered a replacement the old terms may still be filled: what it adds is never below zero.
        """
        terms = self.terms
        added = terms.quantity
        if self.replacing is not None:
            leaves = terms.quantity - self.replacing.cumulative_quantity
            added = max(ZERO, leaves - units_of(self.replacing))
        for leg in self.together():
            if leg.symbol == terms.symbol and leg.is_sale == terms.is_sale:
                added += leg.quantity
        return added

    def together(self) -> Sequence[OrderTerms]:
        """The legs beside the order that it does not exclude."""
        if self.terms.is_exclusive:
            return [leg for leg in self.beside if not leg.is_exclusive]
        return self.beside

    def legs_of(self, scope: Scope) -> int:
        """How many of the legs beside the order count for a scope: for a strategy's limits its own."""
        if scope.name in ("ACCOUNT", "DESK"):
            return len(self.beside)
        return sum(1 for leg in self.beside if leg.strategy_id == self.terms.strategy_id)

    def reached(self) -> Decimal:
        """The position in its symbol, in units towards its side, as if all that works on that side were filled."""
        exposures = self.exposures()
        side = exposures.shortest if self.terms.is_sale else exposures.longest
        return side.get(self.terms.symbol, ZERO) + self.units()

    def price_of(self, symbol: str) -> Decimal | None:
        """The mark in the account's currency; None when it, or the rate of its currency, is not known."""
        mark = self.world.marks.get(symbol)
        if mark is None:
            return None
        rate = self.rate(symbol)
        return None if rate is None else mark.price * rate

    def rate(self, symbol: str) -> Decimal | None:
        """What one unit of the instrument's currency is worth in the account's, by the mark of that pair."""
        instrument = self.world.catalog.get(symbol)
        if instrument is None or instrument.currency == self.account.currency:
            return ONE
        pair = self.world.marks.get(f"{instrument.currency}/{self.account.currency}")
        return None if pair is None else pair.price


def exceeded(code: str, what: str, actual: object, limit: Effective, **details: object) -> Refusal:
    """A figure above its limit."""
    scope = limit.scope
    return checks.refuse(
        code,
        f"expected {what} of at most {limit.value} ({scope.name.lower()} limits, version {scope.version}), "
        f"it was {checks.clean(actual)}",
        limit=limit.value,
        actual=actual,
        **limit.origin,
        **details,
    )


def no_mark(code: str, symbol: str, limit: Effective) -> Refusal:
    """A check that needs a price and has none refuses, as it must not guess. check: the code it would have given."""
    return checks.refuse(
        "MARK_MISSING",
        f"expected a mark of {symbol}, and of its currency, for the check {code}; there is none",
        symbol=symbol,
        check=code,
        limit=limit.value,
        **limit.origin,
    )
