"""What holds for all accounts of a partition (key: its desk key). Wire name account_version: the desk's version."""

from __future__ import annotations

from domain.events.base import LedgerEvent
from domain.limits import Limits
from domain.terms import DeskLimitScope, HaltScope
from domain.world import MarkedPrice


class DeskEvent(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every event of a desk is; it moves nothing, so it has no postings."""

    command_id: str


class DeskLimitsSet(DeskEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """These limits stand from here on, in place of the earlier ones of the scope; without any figure there are none."""

    scope: DeskLimitScope
    strategy_id: str | None = None
    limits: Limits
    set_by: str
    reason: str


class TradingHalted(DeskEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No order in scope is taken from here on, and every one that is open is killed: it is to be cancelled, for good.

    An order is killed when it was accepted at a desk version below this event's.
    """

    scope: HaltScope
    strategy_id: str | None = None
    by: str
    reason: str


class TradingResumed(DeskEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """New orders in scope are taken from here on; those that were killed stay so."""

    scope: HaltScope
    strategy_id: str | None = None
    by: str
    reason: str


class PricesMarked(DeskEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The prices that are newer than those that the ledger had; they hold until a newer one comes."""

    marks: tuple[MarkedPrice, ...]
