"""That the checks of groups and of other terms see what is wrong, on tapes by hand."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.faults import depth_checks
from tests.faults.load import Asked
from tests.faults.rawtape import Event


def event(kind: str, /, **data: Any) -> Event:
    return Event(cast(Any, None), kind, data, ("", 0, 0))


def leg(number: int) -> dict[str, str]:
    return {"client_order_id": f"g-{number}", "limit_price": str(20 + number)}


def asked(kind: str) -> dict[str, Asked]:
    group = Asked("acc", "", {"client_group_id": "g", "kind": kind, "orders": [leg(0), leg(1)]})
    group.status, group.answer = 202, {"order_ids": ["o0", "o1"], "command_id": "c"}
    return {"g": group}


def accepted(kind: str, **more: Any) -> Event:
    orders = [{**leg(number), "order_id": f"o{number}"} for number in range(2)]
    return event("OrderGroupAccepted", client_group_id="g", kind=kind, orders=orders, **more)


def filled(order_id: str, *links: tuple[str, str], status: str = "FILLED") -> Event:
    linked = [{"order_id": name, "effect": effect} for name, effect in links]
    return event("OrderFilled", order_id=order_id, status=status, linked=linked)


@pytest.mark.parametrize(
    ("kind", "tape", "problems"),
    [
        ("OCO", [accepted("OCO"), filled("o0", ("o1", "CANCEL_REQUESTED"))], 0),
        ("OCO", [accepted("OCO"), filled("o0", ("o1", "CANCEL_REQUESTED")), filled("o1")], 0),
        ("OCO", [accepted("OCO"), event("OrderCancelRequested", order_id="o1"), filled("o0")], 0),
        ("OCO", [accepted("OCO"), event("OrderCanceled", order_id="o1"), filled("o0")], 0),
        ("OCO", [accepted("OCO"), filled("o0")], 1),
        ("OTO", [accepted("OTO"), filled("o0", ("o1", "ACTIVATED")), filled("o1")], 0),
        ("OTO", [accepted("OTO"), filled("o1")], 1),
        ("OTO", [accepted("OTO"), accepted("OTO")], 1),
        ("OTO", [], 1),
        ("OTO", [accepted("OCO")], 1),
    ],
)
def test_groups(kind: str, tape: list[Event], problems: int) -> None:
    """What a fill means for the other leg, what must wait for its parent, and that a group is decided once."""
    assert len(list(depth_checks.groups(asked(kind), tape))) == problems


def test_a_leg_that_is_not_as_it_was_asked_for() -> None:
    """The second leg has another price on the tape."""
    other = accepted("OTO")
    other.data["orders"][1]["limit_price"] = "99"

    (problem,) = depth_checks.groups(asked("OTO"), [other])

    assert "limit_price is 99, asked for was 21" in problem


WISH = Asked("acc", "", {"account_id": "acc", "limit_price": "12"}, method="PATCH", about="o0")
WISH.status, WISH.answer = 202, {"command_id": "c", "order_id": "o0"}


def requested(price: str = "12") -> Event:
    return event("OrderReplaceRequested", command_id="c", order_id="o0", revision=1, order={"limit_price": price})


def replaced(price: str = "12") -> Event:
    return event("OrderReplaced", order_id="o0", revision=1, order={"limit_price": price}, status="NEW")


REFUSED = event("OrderReplaceRefused", order_id="o0", revision=1, status="NEW")
REJECTED = event("CommandRejected", command_id="c")


@pytest.mark.parametrize(
    ("tape", "problems"),
    [
        ([requested(), replaced()], 0),
        ([requested(), REFUSED], 0),
        ([requested(), event("OrderCanceled", order_id="o0")], 0),
        ([REJECTED, REJECTED], 0),
        ([requested(), REJECTED, replaced()], 0),
        ([], 1),
        ([requested()], 1),
        ([requested(), requested(), replaced()], 1),
        ([requested(), replaced(), REFUSED], 1),
        ([requested("13"), REFUSED], 1),
        ([requested(), replaced("11")], 1),
    ],
)
def test_replaces(tape: list[Event], problems: int) -> None:
    """Decided, taken at most once, answered once, with the terms that were asked for."""
    assert len(list(depth_checks.replaces([WISH], tape))) == problems


def taken(quantity: str, offset: int) -> dict[str, Any]:
    tick = {"partition": 0, "offset": offset}
    return {
        "quantity": quantity,
        "evidence": {"tick": tick, "tick_volume": "1009", "parameters": {"participation_max": "0.10"}},
    }


def test_shares_of_a_tick() -> None:
    """A tenth of 1,009 is 100 whole units: 60 and 40 of one tick are in order, 60 and 41 of another are not."""
    fills = [taken("60", 1), taken("60", 2), taken("40", 1), taken("41", 2)]

    (problem,) = depth_checks.shares(fills)

    assert problem == "the tick at (0, 2) gave 101 units, its share was 100"
