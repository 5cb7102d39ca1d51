"""Orders and groups as a fold: events in, rows of orders and their history out, no database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from projections import order_history
from projections.groups import live_events
from projections.order_fold import Fold
from projections.order_state import OrderState
from projections.rows import Event
from tests.projections import depth_story, story
from tests.projections.tapes import Tape, story_tapes


def events_of(partition: int, messages: list[Any]) -> list[Event]:
    tape = Tape("ledger.events", partition)
    for message in messages:
        tape.write(message)
    return live_events(tape.records)


ANN = live_events(story_tapes("ledger.events")[0].records)
DAN, EVE = events_of(0, depth_story.dan()), events_of(1, depth_story.eve())


def folded(events: list[Event], *orders: OrderState) -> Fold:
    fold = Fold(orders)
    for event in events:
        fold.take(event)
    return fold


def steps(fold: Fold) -> list[dict[str, Any]]:
    rows = [dict(zip(order_history.COLUMNS, row, strict=True)) for row in fold.steps]
    return [{**row, "changes": msgspec.json.decode(row["changes"])} for row in rows]


def test_a_batch_folds_to_one_row_an_order() -> None:
    """Acceptance, acknowledgement and two fills are one row: last status and quantities, summed value and fee."""
    fold = folded(ANN[2:6])
    (order,) = fold.changed.values()

    assert (order.status, order.worker_id, order.hold_cash) == ("FILLED", "worker-1", 0)
    assert (order.filled_quantity, order.leaves_quantity) == (10, 0)
    assert (order.filled_value, order.fees) == (Decimal("998.00"), Decimal("1.00"))


def test_an_order_goes_on_from_its_row() -> None:
    """What a batch needs to know of an order comes from its row, so two batches give what one gives."""
    (first,) = folded(ANN[2:4]).changed.values()
    (second,) = folded(ANN[4:6], first).changed.values()
    (whole,) = folded(ANN[2:6]).changed.values()

    assert second == whole


def test_an_acceptance_makes_what_was_before_void() -> None:
    """When an id is accepted again within a batch, what befell the earlier order of that id is not seen in its row."""
    (order,) = folded([*ANN[2:6], ANN[2]]).changed.values()

    assert (order.status, order.filled_quantity, order.fees) == ("PENDING_NEW", 0, 0)


def test_a_redispatch_takes_the_worker_away() -> None:
    """After a redispatch the order has a new epoch and no worker, and is as NEW as it was."""
    (order,) = folded(ANN[13:16]).changed.values()

    assert (order.status, order.dispatch_epoch, order.worker_id) == ("NEW", 2, None)


def test_every_step_of_every_order() -> None:
    """Both tapes give the steps that were worked out by hand, those that other orders' events cause among them."""
    found: dict[str, list[Any]] = {}
    for row in steps(folded(DAN)) + steps(folded(EVE)):
        found.setdefault(row["order_id"], []).append(
            (row["record_offset"], row["event_type"], row["status_before"], row["status_after"])
        )

    assert found == depth_story.STEPS


def test_a_refused_report_is_a_step_that_changes_nothing() -> None:
    """It shows with its code in the history of the order, whose row it does not touch."""
    fold = folded(ANN[13:17])
    row = steps(fold)[-1]

    assert (row["event_type"], row["code"], row["reason"]) == ("ReportRejected", "REPORT_STALE_EPOCH", "stale")
    assert (row["status_before"], row["status_after"], row["changes"]) == ("NEW", "NEW", {})
    assert fold.changed["o4"].record_offset == 15


def test_a_report_on_an_unknown_order_is_a_step_of_nothing() -> None:
    """A refused report names an order that nobody knows: the step has no status, and no order comes to be."""
    fold = folded(ANN[16:])
    (row,) = steps(fold)

    assert (row["order_id"], row["status_before"], row["status_after"]) == ("o4", None, None)
    assert fold.changed == {}


def test_a_report_on_another_accounts_order_does_not_show_it() -> None:
    """It names an order of Ann's under Bob's account: whether hers is projected by then must not matter."""
    stranger = msgspec.structs.replace(ANN[16].message, originator_id="acc_pool")
    fold = folded([*ANN[13:15], ANN[16]._replace(partition=1, message=stranger)])

    assert steps(fold)[-1]["status_before"] is None
    assert fold.spans == []
    assert fold.entries["o4"].partition == 0


def test_what_a_step_tells() -> None:
    """Terms that a replacement changed, units and price of a fill, what a group's event does to another order."""
    rows = {(row["order_id"], row["record_offset"]): row for row in steps(folded(DAN))}
    replaced, filled, reduced = rows["d1", 5], rows["g1b", 15], rows["g1c", 15]

    assert replaced["changes"] == {
        "quantity": ["10", "8"],
        "limit_price": ["50", "51"],
        "leaves_quantity": ["10", "8"],
        "revision": ["0", "1"],
        "replace_revision": ["1", None],
    }
    assert (filled["last_quantity"], filled["last_price"], filled["market_time"]) == (4, 60, story.T1)
    assert (filled["caused_by"], filled["effect"]) == (None, None)
    assert (reduced["caused_by"], reduced["effect"]) == ("g1b", "REDUCED")
    assert (reduced["last_quantity"], reduced["changes"]) == (None, {"replace_revision": [None, "1"]})
    assert (rows["d1", 7]["code"], rows["d1", 9]["reason"]) == ("VENUE_TOO_LATE", "day_over")
    assert (rows["d1", 9]["last_quantity"], rows["g1c", 17]["last_price"]) == (5, Decimal("44.90"))


def test_the_new_terms_stand_beside_the_old_ones() -> None:
    """While the venue has not answered, the row has its old terms, and those that are wanted instead."""
    (order,) = folded(DAN[2:5]).changed.values()

    assert (order.status, order.quantity, order.limit_price, order.revision) == ("PENDING_REPLACE", 10, 50, 0)
    assert order.replace_revision == 1
    assert msgspec.json.decode(order.replace_terms or "") == {"quantity": "8", "limit_price": "51"}


def test_a_reduction_leaves_what_else_was_asked_for() -> None:
    """A leg whose price is to be replaced is reduced by its group before the venue answers: both are wanted then."""
    fold = folded([*DAN[10:15], *_price_of_the_stop_replaced(), DAN[15]])

    assert msgspec.json.decode(fold.changed["g1c"].replace_terms or "") == {"limit_price": "43", "quantity": "6"}


def _price_of_the_stop_replaced() -> list[Event]:
    (asked,) = (
        message for message in depth_story.dan() if getattr(message, "revision", 0) == 2 and hasattr(message, "order")
    )
    order = depth_story.limit("g1c", "SELL", "10", "43", stop="45", group_id="g1", parent_order_id="g1a")
    message = msgspec.structs.replace(asked, order_id="g1c", order=order, revision=1)
    return [DAN[14]._replace(message=message)]


def test_legs_that_exclude_each_other_are_held_for_by_their_group() -> None:
    """Both legs of an OCO want the same 10 units: their group holds them once, and each leg holds none."""
    legs = [depth_story.limit(name, "SELL", "10", price, group_id="g") for name, price in (("a", "60"), ("b", "70"))]
    author = story.Author("acc_dan")
    author.write(
        depth_story.e.OrderGroupAccepted,
        "position:Z -10 Z, position_hold:Z 10 Z",
        **depth_story.group("OCO", "g", *legs, hold_cash=Decimal(0), hold_quantity=Decimal(10), dispatch_epoch=1),
    )
    author.write(depth_story.e.OrderFilled, **depth_story.fill("a", "SELL", "4", "60", leaves="6", status="NEW"))
    fold = folded(events_of(0, author.events))

    assert [order.hold_quantity for order in fold.changed.values()] == [0, 0]
    assert [order.status for order in fold.changed.values()] == ["NEW", "PENDING_NEW"]
    assert fold.changed_groups["g"].hold_quantity == 6


def test_the_exits_of_a_bracket_share_what_is_held_when_they_go_out() -> None:
    """The entry holds its cash itself; the exits' 10 units are held by the group, and what one of them sells goes."""
    entered, sold = folded(DAN[10:12]), folded(DAN[10:16])

    assert (entered.changed["g1a"].hold_cash, entered.changed_groups["g1"].hold_quantity) == (500, 0)
    assert (sold.changed["g1a"].hold_cash, sold.changed_groups["g1"].hold_quantity) == (0, 6)
    assert [sold.changed[name].hold_quantity for name in ("g1b", "g1c")] == [0, 0]


def test_a_waiting_order_that_is_cancelled_is_void_at_once() -> None:
    """Its cancel says in `linked` that it is void; it is no step of its own besides."""
    author = story.Author("acc_eve")
    author.write(
        depth_story.e.OrderCancelRequested,
        command_id="c",
        order_id="e3",
        dispatch_epoch=0,
        linked=(depth_story.link("e3", "CANCELED", "1"),),
    )
    fold = folded([*EVE[4:5], *events_of(1, author.events)])

    assert fold.changed["e3"].status == "CANCELED"
    assert [
        (row["status_after"], row["caused_by"], row["effect"]) for row in steps(fold) if row["order_id"] == "e3"
    ] == [
        ("SUSPENDED", None, None),
        ("CANCELED", None, "CANCELED"),
    ]
