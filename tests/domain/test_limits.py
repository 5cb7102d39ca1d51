"""Limits as events of an account: laid down whole, counted, read back, unset, and refused when they make no sense."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain import events, schema
from domain.account_state import dump, restore
from domain.limit_checks import COUNTS, FIGURES, LISTS, WINDOWS
from domain.limits import NO_LIMITS, Limits
from tests.domain.risk_desk import RiskDesk, limits_of

ALL_FIGURES: dict[str, Any] = {
    "price_collar_bps": "50.5",
    "order_value_max": "10000.10",
    "order_quantity_max": "100",
    "message_rate_max": 10,
    "message_rate_window_us": 2_000_000,
    "duplicate_window_us": 500_000,
    "position_quantity_max": "1000",
    "position_value_max": "50000",
    "gross_exposure_max": "100000",
    "net_exposure_max": "80000",
    "open_orders_max": 20,
    "restricted_symbols": ("IBM",),
    "permitted_traders": ("Ada", "Bob"),
    "executions_max": 5,
    "executions_window_us": 3_000_000,
}


def test_limits_are_read_back_whole() -> None:
    """Every figure comes through the bytes of the event and through a snapshot, with who and why."""
    desk = RiskDesk()
    wanted = limits_of(**ALL_FIGURES)
    assert ALL_FIGURES.keys() == set(Limits.__struct_fields__)

    event = desk.set_limits(wanted)

    assert isinstance(event, events.LimitsSet)
    assert (event.version, event.scope, event.set_by, event.reason) == (1, "ACCOUNT", "Grace", "a new mandate")
    assert schema.decode(*schema.encode(event)).limits == wanted
    assert desk.refolded().accounts["acc"].risk.limits == wanted
    assert restore(dump(desk.account)).risk.limits == wanted


def test_versions_count_up_over_all_scopes() -> None:
    """Each change of the account's or of a strategy's limits is one version more; a refused one is none."""
    desk = RiskDesk()

    first = desk.limit(order_quantity_max="5")
    second = desk.limit("momentum", order_quantity_max="4")
    refused = desk.limit(order_quantity_max="-1")
    third = desk.limit(order_quantity_max="6")

    assert [event.version for event in (first, second, third)] == [1, 2, 3]
    assert isinstance(refused, events.CommandRejected)
    assert desk.account.risk.limits_version == 3


def test_new_limits_replace_the_old_ones_as_a_whole() -> None:
    """What the new limits do not name is no limit any more."""
    desk = RiskDesk()
    desk.limit(order_quantity_max="5")
    desk.limit(order_value_max="1000")

    assert isinstance(desk.submit("BUY", "6", "10.00"), events.OrderAccepted)


@pytest.mark.parametrize("strategy", [None, "momentum"])
def test_empty_limits_unset_what_was_there(strategy: str | None) -> None:
    """They are on the tape as any other change, and from then on everything passes."""
    desk = RiskDesk()
    desk.limit(strategy, order_quantity_max="5")
    assert desk.submit("BUY", "6", "10.00", strategy_id="momentum").code == "ORDER_QUANTITY_EXCEEDED"

    event = desk.set_limits(NO_LIMITS, strategy)

    assert event.version == 2
    assert (desk.account.risk.limits, desk.account.risk.strategy_limits) == (None, {})
    assert isinstance(desk.submit("BUY", "6", "10.00", strategy_id="momentum"), events.OrderAccepted)


def test_a_command_that_comes_again_changes_nothing() -> None:
    """The same id and content is a repeat, figures by value; other content is a conflict."""
    desk = RiskDesk()
    desk.set_limits(limits_of(order_quantity_max="5"), command_id="laid-down")

    assert desk.set_limits(limits_of(order_quantity_max="5.0"), command_id="laid-down") is None
    assert desk.set_limits(limits_of(order_quantity_max="6"), command_id="laid-down").code == "COMMAND_ID_CONFLICT"
    assert desk.account.risk.limits_version == 1


BAD: list[dict[str, Any]] = [
    *({name: Decimal(text)} for name in FIGURES for text in ("-1", "NaN", "1E+15", "1E-19")),
    *({name: value} for name in COUNTS for value in (0, 1001)),
    *({name: value} for name in WINDOWS for value in (0, 3_600_000_001)),
    *({name: value} for name in LISTS for value in (("",), ("a\n",), ("x" * 129,), tuple(map(str, range(501))))),
    *({"price_collar_bps": Decimal(text)} for text in ("-0.1", "10000.1", "Infinity")),
    {"open_orders_max": -1},
]


@pytest.mark.parametrize("figures", BAD, ids=lambda figures: str(figures)[:40])
def test_limits_that_make_no_sense_are_refused(figures: dict[str, Any]) -> None:
    """The refusal names the figure and what it was; nothing changes."""
    desk = RiskDesk()
    before = desk.ledger.digest()

    event = desk.set_limits(Limits(**figures))

    assert (event.code, list(event.details)) == ("LIMIT_INVALID", list(figures))
    assert desk.ledger.digest() == before


def test_the_largest_limits_are_taken() -> None:
    """The bounds themselves are within them."""
    figures: dict[str, Any] = dict.fromkeys(COUNTS, 1000) | dict.fromkeys(WINDOWS, 3600000000)
    figures |= {name: tuple(map(str, range(500))) for name in LISTS} | {"open_orders_max": 0}

    assert isinstance(RiskDesk().limit(**figures), events.LimitsSet)


def test_every_figure_has_its_bounds() -> None:
    """No figure of Limits is without a check of its form."""
    checked = {*FIGURES, *COUNTS, *WINDOWS, *LISTS, "price_collar_bps", "open_orders_max"}

    assert checked == set(Limits.__struct_fields__)
