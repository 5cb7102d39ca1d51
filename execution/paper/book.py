"""The book of one symbol: its orders share each tick's volume, best price first, then time. Pure.

On a tick every order first meets it on its own: times, triggers, arrivals (execution.paper.resting). Those that may
trade then take their turns:

1. orders without a limit, in order of time;
2. orders with one, the more aggressive first (the further its limit is beyond the tick's price, which within a side is
   the better price), and of equal ones the earlier (`Resting.place`).

Each gets what the tick has left: floor(participation_max x volume) less what was given before, at costs that grow with
all that was given. Where the rest would cost more than its limit it takes the largest part that does not, and nobody
of its side with a worse place trades on this tick: no order is overtaken. An order that is to be filled whole or not
at all (FOK) and cannot be stands in nobody's way. A fill of one leg of a group ends or shrinks the others before the
next turn.

Price-time priority is that of Nasdaq (rule 4757, "Book Processing") and of CME Globex's FIFO algorithm. Orders trade
with the tape only, never with each other, so self-trade does not arise.

Equal orders and ticks give equal outcomes, in whatever order the calls for other symbols come. An owner that goes on
where another has stopped gives the same outcomes as well, if it knows what was given on the ticks that it meets again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from domain import ids
from domain.market import TickAt
from domain.paper_costs import CONTEXT, PaperParameters, available
from execution.paper.fills import Setting, fill_in_book
from execution.paper.resting import Resting, last_word, meet
from execution.venue import Cancellation, Execution, Expiry, Liquidity, Outcome, Refusal

TICKS_REMEMBERED = 10_000
OTHER_LEG_FILLED = "other_leg_filled"
_ZERO = Decimal(0)
_ENDS = (Cancellation, Expiry, Refusal)


class Said(NamedTuple):
    """What happened to an order."""

    order: Resting
    outcome: Outcome


class _Turn(NamedTuple):
    """liquidity: None for an order that has met this tick before, and only stands in the way of others."""

    order: Resting
    liquidity: Liquidity | None


class _Share(NamedTuple):
    """What an order got of a tick, and what others had got before it."""

    given: Decimal
    quantity: Decimal


class Book:
    """What each of the newest ticks of a symbol has given to orders. The orders themselves are the caller's."""

    def __init__(self, parameters: PaperParameters, given: Mapping[int, Decimal] | None = None) -> None:
        """given: units by tick offset that earlier owners of the symbol have given."""
        self._parameters = parameters
        self._given: dict[int, Decimal] = dict(given or {})
        self._shares: dict[int, dict[str, _Share]] = {}

    def given(self, offset: int) -> Decimal:
        """Units of the tick at this offset that orders have got."""
        return self._given.get(offset, _ZERO)

    def meet(self, at: TickAt, orders: Sequence[Resting], others: Sequence[Resting] = ()) -> list[Said]:
        """Let orders meet a tick of the symbol; their leaves shrink by what they get.

        orders: each active, with something left, which has not met this tick. others: those that are in the book and do
        not meet it, most of them because they have met it before.
        """
        said: list[Said] = []
        turns = [_Turn(order, None) for order in others if _may_trade(order, at.ref.market_time_us)]
        for order in sorted(orders, key=_place):
            meeting = meet(order, at)
            said += [Said(order, outcome) for outcome in meeting.said]
            if meeting.trades_as is not None:
                turns.append(_Turn(order, meeting.trades_as))
        present = [*others, *(order for order in orders if not _has_ended(order, said))]
        self._trade(at, sorted(turns, key=lambda turn: _rank(turn.order, at)), _groups(present), said)
        return said

    def _trade(self, at: TickAt, turns: list[_Turn], groups: dict[str, list[Resting]], said: list[Said]) -> None:
        total = available(at.tick.volume, self._parameters)
        closed: set[bool] = set()  # sides on which an order waits that nobody may overtake
        gone: set[str] = set()
        for order, liquidity in turns:
            has_limit = order.terms.limit_price is not None
            if order.order_id in gone:
                continue
            if liquidity is not None and not (has_limit and order.terms.is_sale in closed):
                execution = self._fill(order, at, liquidity)
                if execution is not None:
                    said.append(Said(order, execution))
                    said += _after_fill(order, execution.quantity, groups.get(order.terms.group_id or "", []), gone)
            if order.leaves <= 0:
                continue
            if has_limit and order.terms.time_in_force != "FOK" and self.given(at.ref.offset) < total:
                closed.add(order.terms.is_sale)
            expiry = None if liquidity is None else last_word(order, at)
            if expiry is not None:
                said.append(Said(order, expiry))
                gone.add(order.order_id)

    def _fill(self, order: Resting, at: TickAt, liquidity: Liquidity) -> Execution | None:
        """What an order gets in its turn; the same again when it had its turn before, under an earlier dispatch."""
        assert order.life is not None, "an order that trades is active"
        offset = at.ref.offset
        had = self._shares.get(offset, {}).get(order.order_id)
        given = self.given(offset) if had is None else had.given
        setting = Setting.of(order.life, liquidity, triggered=order.triggered, given=given, shared=True)
        got = fill_in_book(order.terms, order.leaves, at, self._parameters, setting)
        if got is not None and had is not None and got.quantity > had.quantity:
            # It was made larger since. What comes after its share has been given to others.
            got = fill_in_book(order.terms, had.quantity, at, self._parameters, setting)
        if got is None:
            return None
        order.leaves = CONTEXT.subtract(order.leaves, got.quantity)
        if had is None:
            self._remember(offset, order.order_id, _Share(given, got.quantity))
        execution_id = ids.execution_id(order.order_id, at.ref.partition, offset)
        time_us = at.ref.market_time_us
        return Execution(execution_id, got.quantity, got.price, got.fee, time_us, got.evidence, got.liquidity)

    def _remember(self, offset: int, order_id: str, share: _Share) -> None:
        self._given[offset] = CONTEXT.add(share.given, share.quantity)
        self._shares.setdefault(offset, {})[order_id] = share
        if len(self._given) > TICKS_REMEMBERED:
            oldest = min(self._given)
            del self._given[oldest]
            self._shares.pop(oldest, None)


def _place(order: Resting) -> tuple[int, int, str]:
    return order.place


def _rank(order: Resting, at: TickAt) -> tuple[bool, Decimal, tuple[int, int, str]]:
    """Smaller comes first."""
    limit = order.terms.limit_price
    if limit is None:
        return False, _ZERO, order.place
    return True, (limit - at.tick.price if order.terms.is_sale else at.tick.price - limit), order.place


def _may_trade(order: Resting, time_us: int) -> bool:
    """Whether an order that has met a tick of this time could trade on it."""
    is_due = order.active_us is not None and order.active_us < time_us
    return is_due and order.life is not None and order.life.first_us <= time_us and not order.waits_for_trigger


def _has_ended(order: Resting, said: list[Said]) -> bool:
    return any(done.order is order and isinstance(done.outcome, _ENDS) for done in said)


def _groups(orders: list[Resting]) -> dict[str, list[Resting]]:
    """The orders of each group that are in the book, each once."""
    groups: dict[str, list[Resting]] = {}
    for order in orders:
        legs = groups.setdefault(order.terms.group_id or "", [])
        if order.terms.group_id is not None and order not in legs:
            legs.append(order)
    return groups


def _after_fill(filled: Resting, quantity: Decimal, legs: list[Resting], gone: set[str]) -> list[Said]:
    """What the fill of one leg does to the others: they end, or shrink by as much."""
    said: list[Said] = []
    for leg in legs:
        if filled.link == "ALONE" or leg is filled or leg.link == "ALONE" or leg.order_id in gone:
            continue
        if filled.link == "REDUCE" and quantity < leg.leaves:
            leg.leaves = CONTEXT.subtract(leg.leaves, quantity)
            leg.terms = msgspec.structs.replace(leg.terms, quantity=CONTEXT.subtract(leg.terms.quantity, quantity))
        else:
            gone.add(leg.order_id)
            said.append(Said(leg, Cancellation(OTHER_LEG_FILLED)))
    return said
