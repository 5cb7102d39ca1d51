"""Which limits hold for an order, and the tightest of them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from domain.account import Account
from domain.limits import Limits
from domain.world import DeskView

ScopeName = Literal["ACCOUNT", "STRATEGY", "DESK", "DESK_STRATEGY"]


class Scope(NamedTuple):
    """Limits that hold for an order. version: the account's limits version, or the desk's."""

    name: ScopeName
    version: int
    limits: Limits


class Effective(NamedTuple):
    """The tightest figure of its name, and whose it is."""

    value: Decimal
    scope: Scope

    @property
    def origin(self) -> dict[str, object]:
        """Whose limit it is, for a refusal's details."""
        return origin(self.scope)


def origin(scope: Scope) -> dict[str, object]:
    return {"scope": scope.name, "version": scope.version}


def scopes_of(account: Account, strategy_id: str | None, desk: DeskView) -> Sequence[Scope]:
    """The limits that hold for an order of this strategy (None: of none), the account's own first."""
    book, version = account.risk, desk.version
    if not book.limits_version and not version:
        return ()
    found: list[Scope] = []
    if book.limits is not None:
        found.append(Scope("ACCOUNT", book.limits_version, book.limits))
    if strategy_id is not None and (own := book.strategy_limits.get(strategy_id)) is not None:
        found.append(Scope("STRATEGY", book.limits_version, own))
    if version:
        found.append(Scope("DESK", version, desk.limits))
        if strategy_id is not None and (ours := desk.strategy_limits.get(strategy_id)) is not None:
            found.append(Scope("DESK_STRATEGY", version, ours))
    return found


def tightest(scopes: Sequence[Scope], figure: str) -> Effective | None:
    """The smallest limit of that name; of equal ones the first. None when no scope has one."""
    found: Effective | None = None
    for scope in scopes:
        value: Decimal | None = getattr(scope.limits, figure)
        if value is not None and (found is None or value < found.value):
            found = Effective(value, scope)
    return found
