"""What a risk officer wants of all accounts of a partition, and the prices that risk and margin look at.

`account_id` is the partition's desk key (streams.desks): whoever wants it of the whole ledger sends one command to each
partition, all with the same command id.
"""

from __future__ import annotations

from domain.commands.base import Command
from domain.limits import Limits
from domain.terms import DeskLimitScope, HaltScope
from domain.world import MarkedPrice


class DeskCommand(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every command to a desk is."""


class SetDeskLimits(DeskCommand, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lay down limits, in place of those that stood there: of each account (DESK), or of a strategy in each account.

    strategy_id: for STRATEGY alone. limits: without any figure, those that stood there are over.
    """

    scope: DeskLimitScope
    strategy_id: str | None = None
    limits: Limits
    set_by: str
    reason: str


class HaltTrading(DeskCommand, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The kill switch: no new order in scope is taken, and all that work are cancelled. strategy_id: for STRATEGY."""

    scope: HaltScope
    strategy_id: str | None = None
    by: str
    reason: str


class ResumeTrading(DeskCommand, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """New orders in scope are taken again. What the halt has cancelled stays cancelled."""

    scope: HaltScope
    strategy_id: str | None = None
    by: str
    reason: str


DESK_CONTROLS: tuple[type[DeskCommand], ...] = (SetDeskLimits, HaltTrading, ResumeTrading)
"""Those that a person sends, known by their ids."""


class MarkPrices(DeskCommand, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tell the ledger prices, at most one of a symbol. One that is not newer than the price it has changes nothing."""

    marks: tuple[MarkedPrice, ...]
