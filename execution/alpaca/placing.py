"""Asking Alpaca for an order or a replacement so that a lost answer never makes two of them.

Both go out under a client order id that is derived from our order id, and the venue takes one id once. After every
attempt whose outcome is not known that id is looked up before anything is sent again; an id that the venue has is the
order, and one that it refuses as used is looked up too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from domain.errors import UnavailableError
from execution.alpaca.answers import Answer, refusal_of
from execution.alpaca.broker import Broker
from execution.alpaca.rest import NoAnswer
from execution.alpaca.wire import Unreadable, VenueStatus, status_of
from execution.venue import Refusal


class _Attempt(NamedTuple):
    """What one attempt came to. problem: why it is to be made again. in_doubt: it may be carried out yet."""

    status: VenueStatus | None = None
    refused: Answer | None = None
    problem: str = ""
    retry_after_s: float | None = None
    was_sent: bool = True
    in_doubt: bool = False


async def place_once(
    broker: Broker, client_order_id: str, send: Callable[[], Awaitable[Answer]], attempts_max: int
) -> VenueStatus | Refusal:
    """Send until it is known what became of it: the venue's order, or a refusal.

    Raises UnavailableError when attempts are used up and the venue may have taken it after all: then nobody may say
    that it was refused. Whoever comes next looks the id up.
    """
    may_be_carried_out = False
    last = _Attempt()
    for attempt in range(1, attempts_max + 1):
        last = await _attempt(send)
        if last.status is not None:
            return last.status
        may_be_carried_out |= last.in_doubt
        if last.was_sent or may_be_carried_out:
            found = await broker.order_named(client_order_id)
            if found is not None:
                return found
        if last.refused is not None and not last.refused.is_to_be_tried_again and not may_be_carried_out:
            return refusal_of(last.refused)
        if attempt < attempts_max:
            await broker.rest.pause(f"placing {client_order_id}", attempt, last.problem, last.retry_after_s)
    if may_be_carried_out:
        raise UnavailableError(f"it is not known whether Alpaca has {client_order_id}: {last.problem}")
    return refusal_of(last.refused) if last.refused is not None else Refusal("VENUE_UNAVAILABLE", last.problem[:300])


async def _attempt(send: Callable[[], Awaitable[Answer]]) -> _Attempt:
    try:
        answer = await send()
    except NoAnswer as error:
        return _Attempt(problem=str(error), was_sent=error.maybe_taken, in_doubt=error.maybe_taken)
    if answer.is_success:
        try:
            return _Attempt(status=status_of(answer.body))
        except Unreadable as error:
            return _Attempt(problem=f"the answer cannot be read: {error}", in_doubt=True)
    return _Attempt(
        refused=answer,
        problem=answer.message,
        retry_after_s=answer.retry_after_s,
        # 429 and 403 come before an order is made; 422 may mean that the id is used, by an earlier attempt of ours.
        was_sent=answer.status not in (403, 429),
        in_doubt=answer.leaves_doubt or answer.says_id_is_used,
    )
