"""What an account's positions may become: its units per symbol as if all working orders of one side were filled.

They are computed from positions and open orders when a check first asks, then follow the events, and are no part of the
state: whoever drops them loses nothing but time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from domain import events
from domain.numbers import ZERO
from domain.orders import Order

if TYPE_CHECKING:
    from domain.account import Account


class Exposures:
    """Per symbol, in units: longest = position + working purchases; shortest = working sales - position.

    A position is long units less short ones.

    largest: the larger of both, which is the size of the position in the worst case. A symbol that ever mattered stays.
    Legs of a group that exclude each other count once: the largest of them.
    """

    def __init__(self, account: Account) -> None:
        self.longest: dict[str, Decimal] = {}
        self.shortest: dict[str, Decimal] = {}
        self.largest: dict[str, Decimal] = {}
        self._working: dict[str, tuple[str, bool, Decimal]] = {}  # order or group id -> symbol, is sale, units
        self._sums: dict[tuple[str, bool], Decimal] = {}
        self._group_of: dict[str, str] = {}  # order id of an exclusive leg -> its group id
        for order_id in account.orders:
            self._count(account, order_id)
        for symbol in {*account.positions, *(symbol for symbol, _ in self._sums)}:
            self._settle(account, symbol)

    def follow(self, account: Account, order_ids: Iterable[str]) -> None:
        """Take in that these orders, and the positions in their symbols, may have changed."""
        for order_id in order_ids:
            for symbol in self._count(account, order_id):
                self._settle(account, symbol)

    def _count(self, account: Account, order_id: str) -> Iterable[str]:
        """Count an order, or the group that it is an exclusive leg of, anew; gives the symbols that it concerns."""
        order = account.orders.get(order_id)
        if order is not None and order.exclusive:
            self._group_of[order_id] = order.terms.group_id or ""
        group_id = self._group_of.get(order_id)
        legs: Sequence[Order]
        if group_id is None:
            legs = () if order is None else (order,)
        else:
            legs = _legs(account, group_id)
            if order is None:
                del self._group_of[order_id]
        before = self._working.pop(group_id or order_id, None)
        if before is not None:
            self._sums[before[:2]] -= before[2]
        if not legs:
            return () if before is None else (before[0],)
        terms = legs[0].terms
        key, units = (terms.symbol, terms.is_sale), max([units_of(leg) for leg in legs])
        self._working[group_id or order_id] = (*key, units)
        self._sums[key] = self._sums.get(key, ZERO) + units
        return (terms.symbol,)

    def _settle(self, account: Account, symbol: str) -> None:
        position = account.position(symbol).net_quantity
        longest = position + self._sums.get((symbol, False), ZERO)
        shortest = self._sums.get((symbol, True), ZERO) - position
        self.longest[symbol] = longest
        self.shortest[symbol] = shortest
        self.largest[symbol] = max(longest, shortest)


def _legs(account: Account, group_id: str) -> Sequence[Order]:
    """The open legs of a group that exclude each other; they are of one symbol and one side."""
    group = account.groups.get(group_id)
    found = [] if group is None else [account.orders.get(order_id) for order_id in group.order_ids]
    return [leg for leg in found if leg is not None and leg.exclusive]


def units_of(order: Order) -> Decimal:
    """By how many units an open order may still change its position.

    While a replacement is under way the venue may work the old terms or the new ones. An exit that waits for its entry
    closes what the entry opens, and does not count before; any other order that waits for its parent does.
    """
    if order.is_suspended and order.exclusive:
        return ZERO
    asked = order.terms.quantity
    if order.replacement is not None:
        asked = max(asked, order.replacement.quantity)
    return asked - order.cumulative_quantity


_NOTHING = frozenset(
    {
        events.CashDeposited,
        events.CashWithdrawn,
        events.CashConverted,
        events.FeeScheduleChanged,
        events.LocateGranted,
        events.OrderRejected,
        events.OrderGroupRejected,
        events.OrderAcknowledged,
        events.OrderTriggered,
        events.OrderRedispatched,
        events.LimitsSet,
        events.OverrideGranted,
        events.OverrideRevoked,
        events.StrategyEnabled,
        events.KillSwitchReleased,
    }
)
_ONE_AND_LINKED = frozenset(
    {
        events.OrderFilled,
        events.OrderCancelRequested,
        events.OrderCanceled,
        events.OrderExpired,
        events.OrderRefusedByVenue,
        events.OrderReplaceRequested,
        events.OrderReplaced,
        events.OrderReplaceRefused,
        events.KillSwitchEngaged,
    }
)


def touched(event: Any) -> Iterable[str] | None:
    """The orders that an event may have changed; None when it cannot be told, and the exposures are to be dropped."""
    kind = type(event)
    if kind in _NOTHING:
        return ()
    if kind is events.OrderAccepted:
        return (event.order.order_id,)
    if kind is events.OrderGroupAccepted:
        return [terms.order_id for terms in event.orders]
    if kind in _ONE_AND_LINKED:
        linked = [link.order_id for link in getattr(event, "linked", ())]
        return [event.order_id, *linked] if event.order_id else linked
    return None
