"""A slow, plain model of the book, against which the real one is held. It shares no code with it.

It hands a tick's volume out unit by unit, and finds who is next by asking of each pair of orders who comes first.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Any

from domain.market import TickAt
from domain.terms import OrderTerms
from execution.paper import PaperParameters


@dataclass
class Ticket:
    """An order in the model. time: when it came to the queue, as (market time, offset)."""

    terms: OrderTerms
    left: int
    time: tuple[int, int]
    active_us: int
    triggered: bool = False
    best: Decimal | None = None
    done: bool = False

    @property
    def is_buy(self) -> bool:
        return self.terms.side == "BUY"


Fill = tuple[str, int, int, Decimal]
"""Order id, offset of the tick, quantity, price."""


def run(tickets: list[Ticket], tape: list[TickAt], parameters: PaperParameters) -> list[Fill]:
    """All fills, in the order in which they are made."""
    fills: list[Fill] = []
    for tick in tape:
        if tick.tick.halted or tick.tick.volume == 0:
            for ticket in tickets:
                if not ticket.done and _meets(ticket, tick) and ticket.terms.time_in_force in ("IOC", "FOK"):
                    ticket.done = ticket.triggered or (ticket.terms.stop_price is None and not _trails(ticket))
            continue
        waiting = [ticket for ticket in tickets if not ticket.done and _meets(ticket, tick) and _is_awake(ticket, tick)]
        fills += _share(waiting, tickets, tick, parameters)
    return fills


def _meets(ticket: Ticket, tick: TickAt) -> bool:
    return ticket.active_us < tick.ref.market_time_us


def _trails(ticket: Ticket) -> bool:
    return ticket.terms.trail_amount is not None


def _is_awake(ticket: Ticket, tick: TickAt) -> bool:
    """Whether it has no stop, or its stop was met, now or before."""
    terms, price = ticket.terms, tick.tick.price
    if terms.stop_price is None and terms.trail_amount is None:
        return True
    if ticket.triggered:
        return True
    stop = terms.stop_price
    if terms.trail_amount is not None:
        known = [price] if ticket.best is None else [price, ticket.best]
        ticket.best = min(known) if ticket.is_buy else max(known)
        stop = ticket.best + terms.trail_amount if ticket.is_buy else ticket.best - terms.trail_amount
    assert stop is not None
    if (price >= stop) if ticket.is_buy else (price <= stop):
        ticket.triggered, ticket.time = True, (tick.ref.market_time_us, tick.ref.offset)
    return ticket.triggered


def _share(waiting: list[Ticket], everybody: list[Ticket], tick: TickAt, parameters: PaperParameters) -> list[Fill]:
    room = int(parameters.participation_max * tick.tick.volume)
    given, shut, fills = 0, set[bool](), list[Fill]()
    while waiting:
        ticket = waiting[0]
        for other in waiting[1:]:
            if _goes_before(other, ticket, tick):
                ticket = other
        waiting.remove(ticket)
        if ticket.done:
            continue
        limit = ticket.terms.limit_price
        got = 0
        if limit is None or ticket.is_buy not in shut:
            while got < ticket.left and given + got < room:
                if not _is_good(ticket, _price(ticket, given + got + 1, tick, parameters)):
                    break
                got += 1
        if ticket.terms.time_in_force == "FOK" and got < ticket.left:
            got = 0
        if got:
            fills.append((ticket.terms.order_id, tick.ref.offset, got, _price(ticket, given + got, tick, parameters)))
            ticket.left -= got
            given += got
            for other in everybody:
                if ticket.terms.group_id and other is not ticket and other.terms.group_id == ticket.terms.group_id:
                    other.done = True
        if limit is not None and ticket.left and given < room and ticket.terms.time_in_force != "FOK":
            shut.add(ticket.is_buy)
        ticket.done = ticket.done or not ticket.left or ticket.terms.time_in_force in ("IOC", "FOK")
    return fills


def _goes_before(one: Ticket, other: Ticket, tick: TickAt) -> bool:
    a, b = one.terms.limit_price, other.terms.limit_price
    if (a is None) != (b is None):
        return a is None
    if a is not None and b is not None:
        mine = a - tick.tick.price if one.is_buy else tick.tick.price - a
        theirs = b - tick.tick.price if other.is_buy else tick.tick.price - b
        if mine != theirs:
            return mine > theirs
    return (*one.time, one.terms.order_id) < (*other.time, other.terms.order_id)


def _is_good(ticket: Ticket, price: Decimal) -> bool:
    terms = ticket.terms
    worst = terms.protection_price if terms.limit_price is None else terms.limit_price
    if price <= 0:
        return False
    return worst is None or (price <= worst if ticket.is_buy else price >= worst)


def _price(ticket: Ticket, units: int, tick: TickAt, parameters: PaperParameters) -> Decimal:
    name = f"{ticket.terms.order_id}:{tick.ref.partition}:{tick.ref.offset}"
    with localcontext() as context:
        context.prec = 60
        u = Decimal(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")) / 2**64
        spread = parameters.half_spread_bps * (1 + parameters.spread_jitter * (2 * u - 1))
        bps = spread + parameters.impact_bps * (Decimal(units) / tick.tick.volume).sqrt()
        sign: Any = 1 if ticket.is_buy else -1
        exact = tick.tick.price * (1 + sign * bps / 10_000)
        return exact.quantize(Decimal("0.0001"), ROUND_CEILING if ticket.is_buy else ROUND_FLOOR)
