"""What a worker remembers of each order's dispatch epochs, so that nothing is executed twice or under an old epoch."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(slots=True)
class _Known:
    """highest: of all entries seen. taken: under which this worker executed. cancel: lowest of all CANCEL entries."""

    highest: int = 0
    taken: int = 0
    cancel: int = 0


class Epochs:
    """Bounded: the orders longest unheard of are forgotten first. The ledger refuses what slips through."""

    def __init__(self, orders_max: int = 100_000) -> None:
        assert orders_max > 0, f"there must be room for an order, orders_max was {orders_max}"
        self._orders_max = orders_max
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def see(self, order_id: str, epoch: int) -> bool:
        """Take note of an entry's epoch. False: a higher one was seen, the entry is void."""
        known = self._known.get(order_id)
        if known is None:
            known = self._known[order_id] = _Known()
            if len(self._known) > self._orders_max:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(order_id)
        known.highest = max(known.highest, epoch)
        return epoch == known.highest

    def take(self, order_id: str, epoch: int) -> None:
        """This worker works, or has worked, the order under that epoch."""
        self._known[order_id].taken = epoch

    def was_taken(self, order_id: str, epoch: int) -> bool:
        known = self._known.get(order_id)
        return known is not None and known.taken == epoch

    def see_cancel(self, order_id: str, epoch: int) -> None:
        """The ledger wanted the order cancelled when `epoch` was its epoch."""
        known = self._known[order_id]
        known.cancel = min(known.cancel or epoch, epoch)

    def is_orphan(self, order_id: str, epoch: int) -> bool:
        """Whether nobody can work the order under that epoch.

        A wish to cancel is never taken back, so no EXECUTE was sent under an epoch above that of a CANCEL.
        """
        known = self._known.get(order_id)
        return known is not None and 0 < known.cancel < epoch
