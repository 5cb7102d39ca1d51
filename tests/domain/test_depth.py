"""Random trading with every type of order, groups and replacements; and it finds defects that are planted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from domain import decide_fills, decide_replace, decide_reports, groups, holds, orders, surplus
from domain.errors import BooksError
from domain.events import LinkedOrder
from domain.holds import NO_HOLD, Hold
from domain.orders import Order
from tests.domain.depth_machine import DepthTrader
from tests.hunting import DEFECT_HUNT, RANDOM_TRADING


def test_holds_groups_and_replacements_stay_whole() -> None:
    """Whatever is sent, in whatever order the venue answers."""
    run_state_machine_as_test(DepthTrader, settings=settings(RANDOM_TRADING, max_examples=120))


_needed = holds.needed


def _all_goes(account: Any, order: Order, leaves: Decimal, *_: Any, **__: Any) -> Hold:
    del leaves
    holder = account.holder(order)
    return Hold(holder.hold_cash, holder.hold_quantity, order.currency)


def _replacements_hold_nothing(account: Any, order: Order, leaves: Decimal, catalog: Any, **fields: Any) -> Hold:
    asked, order.replacement = order.replacement, None
    try:
        return _after(account, order, leaves, catalog, **fields)
    finally:
        order.replacement = asked


_after = surplus.after


def _other_exits_stay(*args: Any) -> Iterator[LinkedOrder]:
    return (linked for linked in _others_after(*args) if linked.effect != "REDUCED")


_others_after = groups._others_after


def _each_exit_holds_all(account: Any, child: Order, quantity: Decimal, _: Any, coming: Any, world: Any) -> Any:
    return _needed(account, child.terms, quantity, world, coming)


DEFECTS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "an end releases what the other legs need": (surplus, "_others", lambda *_: iter(())),
    "a fill releases the whole hold": (surplus, "after", _all_goes),
    "a fill forgets what a replacement needs": (surplus, "after", _replacements_hold_nothing),
    "a replacement is not held for": (decide_replace, "_assess", lambda *_: NO_HOLD._replace(currency="USD")),
    "an answer releases nothing": (surplus, "under", lambda *_: NO_HOLD),
    "an answer to an older wish is taken": (decide_replace, "answers", lambda *_: None),
    "a fill tells the other legs nothing": (groups, "_others_after", lambda *_: iter(())),
    "a fill leaves the other exit as large as it was": (groups, "_others_after", _other_exits_stay),
    "exits go out without a hold": (groups, "_more", lambda *_: NO_HOLD._replace(currency="USD")),
    "exits hold twice": (groups, "_more", _each_exit_holds_all),
    "exits wait for ever": (decide_fills.groups, "after_fill", lambda *_: groups.NONE),
    "an entry that ends forgets its exits": (decide_reports.groups, "after_end", lambda *_: groups.NONE),
    "an entry that is made small forgets its exits": (decide_replace, "_follow", lambda *_: groups.NONE),
    "each leg of a group holds for itself": (orders.Order, "exclusive", property(lambda _: False)),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_found(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With this defect planted, the same random trading fails."""
    owner, name, broken = DEFECTS[defect]
    monkeypatch.setattr(owner, name, broken)

    with pytest.raises((AssertionError, BooksError, KeyError, IndexError)):
        run_state_machine_as_test(DepthTrader, settings=DEFECT_HUNT)
