"""Reports of the execution engine: acknowledgement, the fence of dispatch epochs, repeats."""

from __future__ import annotations

import msgspec
import pytest

from domain import events
from tests.domain.desk import Desk, tick


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def order_id(desk: Desk) -> str:
    """An accepted purchase of 5 at 10.00."""
    accepted: events.OrderAccepted = desk.submit("BUY", "5", "10.00")
    return accepted.order.order_id


def test_an_acknowledged_order_is_new(desk: Desk, order_id: str) -> None:
    """The venue has it: status NEW, with the worker and the tick after which it fills."""
    event = desk.acknowledge(order_id, active_after=tick(4))

    assert isinstance(event, events.OrderAcknowledged)
    assert (event.worker_id, event.venue, event.active_after) == ("w1", "paper", tick(4))
    order = desk.account.orders[order_id]
    assert (order.status, order.worker_id, order.acknowledged_after) == ("NEW", "w1", tick(4))


def test_an_acknowledgement_that_is_sent_again_is_a_repeat(desk: Desk, order_id: str) -> None:
    """Same worker, same epoch: nothing, before and after the order is done."""
    desk.acknowledge(order_id)

    assert desk.acknowledge(order_id) is None
    desk.fill(order_id, "5", "10.00")
    assert desk.acknowledge(order_id) is None


def test_another_worker_cannot_take_an_order_that_is_held(desk: Desk, order_id: str) -> None:
    """Under one epoch one worker holds the order; a second one's acknowledgement is refused."""
    desk.acknowledge(order_id)

    event = desk.acknowledge(order_id, worker_id="w2")

    assert isinstance(event, events.ReportRejected)
    assert (event.code, event.report_type, event.details["worker_id"]) == ("EPOCH_STALE", "ReportAcknowledged", "w1")
    assert desk.account.orders[order_id].worker_id == "w1"


def test_fills_of_a_worker_that_does_not_hold_the_order_are_refused(desk: Desk, order_id: str) -> None:
    """Two workers got the order under one epoch: only the one whose acknowledgement came first may fill it."""
    desk.acknowledge(order_id)

    event = desk.fill(order_id, "1", "10.00", worker_id="w2")

    assert isinstance(event, events.ReportRejected)
    assert (event.code, event.report_type) == ("EPOCH_STALE", "ReportFilled")
    assert desk.account.orders[order_id].cumulative_quantity == 0


def test_a_redispatch_raises_the_epoch_and_fences_the_old_worker(desk: Desk, order_id: str) -> None:
    """After it, the old worker's fills are refused and the new worker may take the order."""
    desk.acknowledge(order_id)

    redispatched = desk.redispatch(order_id)
    stale = desk.fill(order_id, "1", "10.00")
    taken = desk.acknowledge(order_id, worker_id="w2", dispatch_epoch=2)
    fresh = desk.fill(order_id, "1", "10.00", worker_id="w2", dispatch_epoch=2)

    assert isinstance(redispatched, events.OrderRedispatched)
    assert (redispatched.dispatch_epoch, redispatched.reason) == (2, "worker_lost")
    assert (stale.code, stale.details["dispatch_epoch"], stale.details["current_epoch"]) == ("EPOCH_STALE", "1", "2")
    assert isinstance(taken, events.OrderAcknowledged)
    assert isinstance(fresh, events.OrderFilled)


def test_of_two_requests_for_a_redispatch_one_counts(desk: Desk, order_id: str) -> None:
    """Two workers claim the same entry of epoch 1: the epoch rises once."""
    desk.redispatch(order_id)

    assert desk.redispatch(order_id) is None
    assert desk.account.orders[order_id].dispatch_epoch == 2


def test_an_order_keeps_its_status_through_a_redispatch(desk: Desk, order_id: str) -> None:
    """Partly filled stays partly filled, also when the next worker acknowledges; and it is unacknowledged meanwhile."""
    desk.acknowledge(order_id)
    desk.fill(order_id, "1", "10.00")
    desk.redispatch(order_id)
    order = desk.account.orders[order_id]

    assert (order.status, order.worker_id) == ("PARTIALLY_FILLED", None)
    desk.acknowledge(order_id, worker_id="w2", dispatch_epoch=2)
    assert (order.status, order.worker_id) == ("PARTIALLY_FILLED", "w2")


def test_a_fill_that_is_sent_again_counts_once(desk: Desk, order_id: str) -> None:
    """The same execution id: nothing, also under a stale epoch, from the next worker, and after the order is done.

    Two workers compute the same fill of the same tick, so the second one's report has a new epoch and the same id.
    """
    fill = desk.filling(order_id, "2", "10.00")
    desk.send(fill)
    assert desk.send(fill) is None

    desk.redispatch(order_id)
    assert desk.send(fill) is None
    assert desk.send(msgspec.structs.replace(fill, dispatch_epoch=2, worker_id="w2")) is None

    desk.fill(order_id, "3", "10.00", dispatch_epoch=2)
    assert desk.send(fill) is None
    assert desk.account.position("AAPL").quantity == 5


def test_a_cancellation_that_is_sent_again_is_a_repeat(desk: Desk, order_id: str) -> None:
    """The order is canceled already, so nothing happens, whatever the epoch."""
    desk.canceled(order_id)

    assert desk.canceled(order_id) is None
    assert desk.canceled(order_id, dispatch_epoch=7) is None


def test_the_last_unit_may_be_filled_and_no_more(desk: Desk, order_id: str) -> None:
    """With 2 of 5 filled, 4 are too many and 3 are right."""
    desk.fill(order_id, "2", "10.00")

    refused = desk.fill(order_id, "4", "10.00")

    assert (refused.code, refused.details) == ("FILL_EXCEEDS_LEAVES", {"quantity": "4", "leaves": "3"})
    assert desk.fill(order_id, "3", "10.00").status == "FILLED"


def test_a_report_of_an_order_that_the_ledger_rejected_is_refused(desk: Desk) -> None:
    """It was never dispatched, so no venue can have refused it."""
    rejected = desk.submit("BUY", "100000", "10.00")

    event = desk.refused(rejected.order.order_id)

    assert (event.code, event.details["status"]) == ("ORDER_NOT_OPEN", "REJECTED")


def test_a_refused_report_changes_nothing(desk: Desk, order_id: str) -> None:
    """Version 0, no postings, and the same state."""
    before = desk.ledger.digest()

    event = desk.fill(order_id, "6", "10.00")

    assert (event.originator_version, event.postings) == (0, ())
    assert desk.ledger.digest() == before == desk.refolded().digest()
