"""How breaks change the account: they are remembered while they are open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import events
from domain.breaks import OpenBreak

if TYPE_CHECKING:
    from domain.account import Account


def found(account: Account, event: events.BreakFound) -> None:
    account.breaks[event.break_id] = OpenBreak(
        kind=event.kind, order_id=event.order_id, execution_id=event.execution_id, found_at_us=event.timestamp
    )


def resolved(account: Account, event: events.BreakResolved) -> None:
    del account.breaks[event.break_id]
