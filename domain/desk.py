"""The `Desk` aggregate: what risk officers have laid down for all accounts of a partition, and the marks.

A desk-wide command goes to every partition, under the desk key of each; each ledger answers with one event of its own
desk (docs/adr/0025). Accounts are not touched by it: their checks look at the desk (domain.world.DeskView).

Killing: an order remembers the desk's version at which it was accepted, and is killed when a halt in its scope was
engaged at a higher version. A kill is never taken back, whatever is resumed; the engine relies on that
(execution.epochs).
Boundaries: a strategy that was ever halted is remembered for ever, as one number.
Verification: tests/domain/test_desk.py.
"""

from __future__ import annotations

from collections import OrderedDict

from domain import remembered
from domain.aggregate import LedgerAggregate
from domain.checks import DESK_PREFIX
from domain.events import DeskEvent
from domain.folds.desk import DESK_FOLDS
from domain.limits import Limits
from domain.orders import Order
from domain.world import Mark

FIRST_KEY = f"{DESK_PREFIX}0"
"""The desk key where there is but one partition."""


class Desk(LedgerAggregate):
    """A domain.world.DeskView. marks: newest price by symbol; killed_at, strategies_killed_at: see `kills`.

    commands: the commands that are remembered, oldest first; those that mark prices are known by what they say.
    """

    @classmethod
    def unopened(cls, key: str, ids_kept_us: int) -> Desk:
        """A desk that has laid down nothing (version 0)."""
        desk = cls.__new__(cls)
        desk.__base_init__(key, 0, 0)  # type: ignore[arg-type]  # our times are integers
        desk._start(ids_kept_us)
        return desk

    def _start(self, ids_kept_us: int) -> None:
        self.ids_kept_us = ids_kept_us
        self.limits = Limits()
        self.strategy_limits: dict[str, Limits] = {}
        self.halted: str | None = None
        self.halted_strategies: dict[str, str] = {}
        self.killed_at = 0
        self.strategies_killed_at: dict[str, int] = {}
        self.marks: dict[str, Mark] = {}
        self.commands: remembered.Commands = OrderedDict()

    def take(self, event: DeskEvent) -> None:
        """Fold one event."""
        DESK_FOLDS[type(event)](self, event)
        remembered.forget(self.commands, event.timestamp - self.ids_kept_us)

    def kills(self, order: Order) -> bool:
        """Whether a halt in its scope was engaged after the order was accepted."""
        if order.desk_version < self.killed_at:
            return True
        strategy_id = order.terms.strategy_id
        return strategy_id is not None and order.desk_version < self.strategies_killed_at.get(strategy_id, 0)
