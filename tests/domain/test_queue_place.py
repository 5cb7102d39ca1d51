"""Where an order goes on, and its place in the venue's queue, when it is dispatched again."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.market import TickRef
from tests.domain.desk import Desk, tick


def redispatched(desk: Desk, order_id: str) -> tuple[TickRef | None, TickRef | None]:
    """resume_after and queued_after of the dispatch that follows a redispatch."""
    (dispatch,) = desk.ledger.dispatches_of(desk.redispatch(order_id))
    return dispatch.resume_after, dispatch.queued_after


@pytest.mark.parametrize(("keeps_priority", "queued"), [(True, None), (False, tick(7))])
def test_a_replacement_begins_after_the_last_tick_of_the_old_terms(
    keeps_priority: bool, queued: TickRef | None
) -> None:
    """Tick 7 has met the old terms: evaluation goes on behind it, and who has lost its place stands behind it too."""
    desk = Desk()
    order_id = desk.submit("BUY", "10", "100").order.order_id
    desk.acknowledge(order_id, active_after=tick(1))
    desk.replace(order_id, quantity="9")

    event = desk.replaced(order_id, keeps_priority=keeps_priority, active_after=tick(7))

    assert event.active_after == tick(7)
    assert redispatched(desk, order_id) == (tick(7), queued)


def test_a_venue_without_ticks_leaves_the_place_as_it_is() -> None:
    """It does not say where: the order goes on from where it was."""
    desk = Desk()
    order_id = desk.submit("BUY", "10", "100").order.order_id
    desk.acknowledge(order_id, active_after=tick(1))
    desk.replace(order_id, quantity="9")

    desk.replaced(order_id, keeps_priority=False)

    assert redispatched(desk, order_id) == (None, None)


def test_a_stop_comes_to_the_queue_when_it_is_met() -> None:
    """Tick 5 has met it: it stands behind the orders that came before that tick, and may fill on it."""
    desk = Desk()
    stop = {"order_type": "STOP", "stop_price": Decimal(9), "protection_price": Decimal(11)}
    order_id = desk.submit("BUY", "10", **stop).order.order_id
    desk.acknowledge(order_id, active_after=tick(1))

    desk.triggered(order_id, tick=tick(5))
    resume, queued = redispatched(desk, order_id)

    assert queued == tick(5)
    assert resume is not None
    assert resume.offset == tick(5).offset - 1
