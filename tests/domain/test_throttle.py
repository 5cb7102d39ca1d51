"""The throttle (RTS 6 article 15(3)): a fill too many stops its strategy until a named person enables it."""

from __future__ import annotations

from typing import Any

import pytest

from domain import events
from domain.throttle import _newest
from tests.domain.risk_desk import SECOND_US, RiskDesk, limits_of


def _desk(**figures: Any) -> RiskDesk:
    """Three fills of one strategy within a second are one too many; one order of ten works for each strategy."""
    desk = RiskDesk()
    desk.limit(**({"executions_max": 3, "executions_window_us": SECOND_US} | figures))
    for strategy in ("momentum", "reversal"):
        desk.submit("BUY", "10", "10.00", client_order_id=strategy, strategy_id=strategy)
    return desk


def _order_of(desk: RiskDesk, strategy: str) -> str:
    return next(name for name, order in desk.account.orders.items() if order.terms.client_order_id == strategy)


def _fills(desk: RiskDesk, *times_us: int, strategy: str = "momentum") -> list[Any]:
    order_id = _order_of(desk, strategy)
    return [desk.fill(order_id, "1", "10.00", market_time_us=time_us) for time_us in times_us]


def test_the_fill_that_reaches_it_disables_the_strategy_in_that_very_event() -> None:
    """Its own order and every other of the strategy are to be cancelled; another strategy's go on."""
    desk = _desk()
    other = desk.submit("BUY", "1", "9.00", strategy_id="momentum").order.order_id
    own, reversal = _order_of(desk, "momentum"), _order_of(desk, "reversal")

    first, second, third = _fills(desk, 0, 1, SECOND_US - 1)

    assert [event.disabled_strategy for event in (first, second, third)] == [None, None, "momentum"]
    assert (first.linked, second.linked) == ((), ())
    assert {(link.order_id, link.effect) for link in third.linked} == {
        (own, "CANCEL_REQUESTED"),
        (other, "CANCEL_REQUESTED"),
    }
    assert third.status == "PARTIALLY_FILLED"  # what the fill says; what is linked comes on top
    assert {(one.kind, one.order.order_id) for one in desk.ledger.dispatches_of(third)} == {
        ("CANCEL", own),
        ("CANCEL", other),
    }
    statuses = {name: order.status for name, order in desk.account.orders.items()}
    assert statuses == {own: "PENDING_CANCEL", other: "PENDING_CANCEL", reversal: "PENDING_NEW"}
    assert desk.refolded().digest() == desk.ledger.digest()


def test_a_fill_exactly_one_window_ago_does_not_count() -> None:
    """Three fills over exactly one window are within the throttle."""
    assert [event.disabled_strategy for event in _fills(_desk(), 0, 1, SECOND_US)] == [None, None, None]


def test_fills_count_by_market_time() -> None:
    """However fast or slow they are recorded, and though they come out of order."""
    desk = _desk()
    assert _fills(desk, 2 * SECOND_US, 0)[-1].disabled_strategy is None
    desk.now_us += 3600 * SECOND_US
    assert _fills(desk, 2 * SECOND_US - 1)[-1].disabled_strategy is None
    assert _fills(desk, 2 * SECOND_US - 2)[-1].disabled_strategy == "momentum"


def test_the_last_fill_of_an_order_leaves_nothing_of_it_to_cancel() -> None:
    """An order that this fill completes is FILLED, and not among what is cancelled."""
    desk = _desk(executions_max=1)
    other = desk.submit("BUY", "1", "9.00", strategy_id="momentum").order.order_id

    filled = desk.fill(_order_of(desk, "momentum"), "10", "10.00")

    assert (filled.status, filled.disabled_strategy) == ("FILLED", "momentum")
    assert [link.order_id for link in filled.linked] == [other]


def test_the_exits_of_a_bracket_are_void_when_its_entry_stops_the_strategy() -> None:
    """They would have gone to the venue with this very fill."""
    desk = RiskDesk()
    desk.limit(executions_max=1)
    entry = desk.terms("entry", "BUY", "2", limit_price="10", strategy_id="momentum")
    profit = desk.terms("profit", "SELL", "2", limit_price="12", strategy_id="momentum")
    loss = desk.terms("loss", "SELL", "2", "STOP", stop_price="8")
    desk.group("BRACKET", entry, profit, loss)

    filled = desk.fill(entry.order_id, "2", "10.00")

    assert filled.disabled_strategy == "momentum"
    assert [(link.order_id, link.effect) for link in filled.linked] == [
        (profit.order_id, "CANCELED"),
        (loss.order_id, "CANCELED"),
    ]
    assert desk.account.groups == {}
    assert desk.account.position("AAPL").free == 2
    assert desk.refolded().digest() == desk.ledger.digest()


def test_later_orders_are_refused_until_a_named_person_enables_it() -> None:
    """Then its fills are counted anew: it takes as many again to stop it."""
    desk = _desk()
    _fills(desk, 0, 1, 2)

    refused = desk.submit("BUY", "1", "10.00", strategy_id="momentum")
    assert refused.code == "STRATEGY_DISABLED"
    assert refused.details["by"] == "throttle"
    assert isinstance(desk.submit("BUY", "1", "10.00", strategy_id="reversal"), events.OrderAccepted)

    enabled = desk.enable("momentum")
    assert isinstance(enabled, events.StrategyEnabled)
    assert (enabled.enabled_by, enabled.reason) == ("Grace", "the feed is whole again")
    assert isinstance(desk.submit("BUY", "1", "10.00", strategy_id="momentum"), events.OrderAccepted)
    assert [event.disabled_strategy for event in _fills(desk, 3, 4, 5)] == [None, None, "momentum"]
    assert desk.refolded().digest() == desk.ledger.digest()


def test_late_fills_of_a_disabled_strategy_are_taken() -> None:
    """What the venue filled before the cancellation reached it has happened; it disables nothing twice."""
    desk = _desk()
    _fills(desk, 0, 1, 2)

    (late,) = _fills(desk, 3)

    assert isinstance(late, events.OrderFilled)
    assert (late.disabled_strategy, late.linked, late.status) == (None, (), "PENDING_CANCEL")


def test_orders_of_no_strategy_have_no_throttle() -> None:
    """There is nothing that could be disabled."""
    desk = _desk(executions_max=1)

    assert desk.trade("BUY", "1", "10.00").disabled_strategy is None


def test_the_desks_throttle_holds_for_an_account_without_limits() -> None:
    """And the fill names the desk's version."""
    desk = RiskDesk()
    desk.lay_down(version=4, limits=limits_of(executions_max=2))

    desk.trade("BUY", "1", "10.00", strategy_id="momentum")
    second = desk.trade("BUY", "1", "10.00", strategy_id="momentum")

    assert (second.disabled_strategy, second.desk_version) == ("momentum", 4)
    assert desk.refolded().digest() == desk.ledger.digest()


@pytest.mark.parametrize("number", range(1, 6))
@pytest.mark.parametrize("added", range(6))
def test_the_number_of_fills_is_counted_in_a_sorted_list(number: int, added: int) -> None:
    """The n-th newest of four times and one more is what sorting all of them gives."""
    times = [1, 2, 2, 4]

    assert _newest(times, added, number) == sorted([*times, added])[-number]


REFUSED: list[tuple[str, Any]] = [
    ("STRATEGY_NOT_DISABLED", lambda desk: desk.enable("momentum")),
    ("STRATEGY_NOT_DISABLED", lambda desk: desk.enable("nul\0")),
    ("PERSON_INVALID", lambda desk: desk.enable("momentum", enabled_by="")),
    ("REASON_INVALID", lambda desk: desk.enable("momentum", reason="")),
]
