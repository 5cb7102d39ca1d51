"""One-off overrides: one order, these checks, once, by somebody else than its trader, and on record."""

from __future__ import annotations

from typing import Any

import pytest

from domain import events, risk
from domain.account import IDS_KEPT_US
from domain.risk_book import OVERRIDES_OPEN_MAX
from tests.domain.desk import DAY_US
from tests.domain.risk_desk import SECOND_US, RiskDesk

TOO_MUCH = "ORDER_QUANTITY_EXCEEDED"


def _desk() -> RiskDesk:
    desk = RiskDesk()
    desk.limit(order_quantity_max="5", order_value_max="100")
    return desk


def test_an_override_lets_its_order_pass_once() -> None:
    """The order's event names it, and the next order of the same size is refused again."""
    desk = _desk()
    granted = desk.grant("block-1", TOO_MUCH)
    assert isinstance(granted, events.OverrideGranted)
    assert (granted.granted_by, granted.reason) == ("Grace", "a block trade that was agreed")

    passed = desk.submit("BUY", "6", "10.00", client_order_id="block-1")

    assert isinstance(passed, events.OrderAccepted)
    assert passed.overrides == (granted.override_id,)
    assert desk.account.risk.overrides == {}
    assert desk.submit("BUY", "6", "10.00").code == TOO_MUCH
    assert desk.refolded().digest() == desk.ledger.digest()


def test_it_lifts_its_own_checks_only() -> None:
    """An override of the quantity does not lift the value; one of both does, and two do together."""
    desk = _desk()
    desk.grant("a", TOO_MUCH)
    assert desk.submit("BUY", "11", "10.00", client_order_id="a").code == "ORDER_VALUE_EXCEEDED"

    both = desk.grant("b", TOO_MUCH, "ORDER_VALUE_EXCEEDED")
    assert desk.submit("BUY", "11", "10.00", client_order_id="b").overrides == (both.override_id,)

    ids = tuple(desk.grant("c", code).override_id for code in (TOO_MUCH, "ORDER_VALUE_EXCEEDED"))
    assert desk.submit("BUY", "11", "10.00", client_order_id="c").overrides == ids


def test_an_order_that_needs_none_uses_none_up() -> None:
    """An override is recorded where it made the difference; of a refused order it stays unused."""
    desk = _desk()
    desk.grant("small", TOO_MUCH)

    assert desk.submit("BUY", "5", "10.00", client_order_id="small").overrides == ()
    assert len(desk.account.risk.overrides) == 1


def test_cash_must_suffice_all_the_same() -> None:
    """Every figure that can be overridden is, and the order is still refused for want of cash."""
    desk = _desk()
    desk.grant("whale", *sorted(risk.OVERRIDABLE))

    assert desk.submit("BUY", "10000", "10.00", client_order_id="whale").code == "CASH_INSUFFICIENT"
    assert len(desk.account.risk.overrides) == 1


def test_a_mark_that_is_missing_is_lifted_with_its_check() -> None:
    """Who overrides the collar needs no mark for it."""
    desk = RiskDesk()
    desk.limit(price_collar_bps="50")
    del desk.ledger.marks["AAPL"]
    desk.grant("a", "PRICE_COLLAR_EXCEEDED")

    assert isinstance(desk.submit("BUY", "1", "99.00", client_order_id="a"), events.OrderAccepted)


@pytest.mark.parametrize(("after_us", "passes"), [(SECOND_US - 1, True), (SECOND_US, False)])
def test_it_holds_until_it_expires(after_us: int, passes: bool) -> None:
    """Up to its expiry by record time, and not at it."""
    desk = _desk()
    desk.grant("late", TOO_MUCH, expires_at_us=desk.now_us + SECOND_US)
    desk.now_us += after_us

    event = desk.submit("BUY", "6", "10.00", client_order_id="late")

    assert isinstance(event, events.OrderAccepted) == passes


def test_nobody_lifts_a_check_for_an_order_of_their_own() -> None:
    """The trader of an order cannot be the one who lets it pass."""
    desk = _desk()
    desk.grant("own", TOO_MUCH, granted_by="Grace")
    desk.grant("other", TOO_MUCH, granted_by="Grace")

    assert desk.submit("BUY", "6", "10.00", client_order_id="own", trader_id="Grace").code == TOO_MUCH
    assert isinstance(desk.submit("BUY", "6", "10.00", client_order_id="other", trader_id="Ada"), events.OrderAccepted)


def test_a_revoked_one_lets_nothing_pass() -> None:
    """It is void from then on, and its id is not to be had again."""
    desk = _desk()
    granted = desk.grant("a", TOO_MUCH)

    assert isinstance(desk.revoke(granted.override_id), events.OverrideRevoked)

    assert desk.submit("BUY", "6", "10.00", client_order_id="a").code == TOO_MUCH
    assert desk.revoke(granted.override_id).code == "OVERRIDE_UNKNOWN"
    assert desk.grant("b", TOO_MUCH, override_id=granted.override_id).code == "OVERRIDE_ID_CONFLICT"


@pytest.mark.parametrize(
    "code", ["INSTRUMENT_UNKNOWN", "CASH_INSUFFICIENT", "POSITION_INSUFFICIENT", "TRADING_HALTED", "ACCOUNT_HALTED",
             "STRATEGY_DISABLED", "INSTRUMENT_RESTRICTED", "TRADER_NOT_PERMITTED", "MARK_MISSING", "CURRENCY_MISMATCH"]
)  # fmt: skip
def test_what_is_no_figure_cannot_be_overridden(code: str) -> None:
    """Prohibitions, halts, cash and what makes no order at all stand, whoever asks."""
    assert _desk().grant("a", code).code == "OVERRIDE_CODE_INVALID"


def test_overrides_that_wait_are_bounded_and_expired_ones_make_room() -> None:
    """A hundred may wait; when they have expired they are dropped, and their ids are still known."""
    desk = _desk()
    first, *_ = [desk.grant(f"o{n}", TOO_MUCH) for n in range(OVERRIDES_OPEN_MAX)]
    assert desk.grant("more", TOO_MUCH).code == "OVERRIDES_EXCEEDED"

    desk.now_us += 60 * SECOND_US
    assert isinstance(desk.grant("more", TOO_MUCH), events.OverrideGranted)

    assert [waiting.client_order_id for waiting in desk.account.risk.overrides.values()] == ["more"]
    assert desk.grant("again", TOO_MUCH, override_id=first.override_id).code == "OVERRIDE_ID_CONFLICT"


def test_ids_of_ended_ones_are_forgotten_with_the_commands() -> None:
    """After the time for which ids are remembered, four with each one that ends."""
    desk = _desk()
    for n in range(10):
        desk.revoke(desk.grant(f"o{n}", TOO_MUCH).override_id)
    desk.now_us += IDS_KEPT_US + DAY_US

    for n in range(3):
        desk.revoke(desk.grant(f"p{n}", TOO_MUCH).override_id)

    assert len(desk.account.risk.ended_overrides) == 3


REFUSED: list[tuple[str, Any]] = [
    ("OVERRIDE_ID_INVALID", lambda desk: desk.grant("a", TOO_MUCH, override_id="")),
    ("OVERRIDE_ID_CONFLICT", lambda desk: [desk.grant(n, TOO_MUCH, override_id="o") for n in "ab"][-1]),
    ("OVERRIDE_CODE_INVALID", lambda desk: desk.grant("a")),
    ("OVERRIDE_CODE_INVALID", lambda desk: desk.grant("a", TOO_MUCH, TOO_MUCH)),
    ("OVERRIDE_CODE_INVALID", lambda desk: desk.grant("a", "NO_SUCH\0")),
    ("OVERRIDE_EXPIRY_INVALID", lambda desk: desk.grant("a", TOO_MUCH, expires_at_us=desk.now_us)),
    ("OVERRIDE_EXPIRY_INVALID", lambda desk: desk.grant("a", TOO_MUCH, expires_at_us=desk.now_us + DAY_US + 1)),
    ("OVERRIDE_TOO_LATE", lambda desk: [desk.trade("BUY", "1", "1.00", client_order_id="a"),
                                        desk.grant("a", TOO_MUCH)][-1]),
    ("OVERRIDE_UNKNOWN", lambda desk: desk.revoke("never")),
    ("OVERRIDE_UNKNOWN", lambda desk: desk.revoke("nul\0")),
    ("OVERRIDES_EXCEEDED", lambda desk: [desk.grant(f"o{n}", TOO_MUCH) for n in range(OVERRIDES_OPEN_MAX + 1)][-1]),
    ("CLIENT_ORDER_ID_INVALID", lambda desk: desk.grant("", TOO_MUCH)),
    ("PERSON_INVALID", lambda desk: desk.grant("a", TOO_MUCH, granted_by="")),
    ("PERSON_INVALID", lambda desk: desk.revoke("o", revoked_by="nul\0")),
    ("REASON_INVALID", lambda desk: desk.grant("a", TOO_MUCH, reason="")),
    ("REASON_INVALID", lambda desk: desk.revoke("o", reason="x" * 501)),
]  # fmt: skip
