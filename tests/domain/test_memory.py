"""How long ids are remembered, and that forgetting follows from the events alone."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from domain import commands, events, remembered
from domain.account import IDS_KEPT_US
from domain.catalog import catalog
from domain.checks import CLOCK_AHEAD_US_MAX
from domain.errors import InvalidValue, UnreadableInput
from domain.ledger import Ledger
from domain.market import Tick
from tests.domain.desk import DAY_US, START_US, Desk

HORIZON_US = IDS_KEPT_US + CLOCK_AHEAD_US_MAX


def test_a_late_copy_of_a_command_never_counts_a_second_time() -> None:
    """Before the published time is over it is a repeat, after it it is too old; there is no gap between the two."""
    desk = Desk(cash=None)
    first = commands.Deposit(
        command_id="d", account_id="acc", issued_at_us=desk.now_us + CLOCK_AHEAD_US_MAX, amount=Decimal("5")
    )
    desk.send(first)

    for age_us in (1, DAY_US, IDS_KEPT_US, IDS_KEPT_US + 1, HORIZON_US, HORIZON_US + 1, 100 * DAY_US):
        desk.now_us = START_US + age_us
        event = desk.send(first)
        assert event is None or event.code == "COMMAND_EXPIRED", age_us

    assert desk.account.cash == 5


def test_ids_of_open_orders_are_remembered_however_old() -> None:
    """An order that has worked for a month still knows its repeats and its conflicts."""
    desk = Desk()
    command = desk.order("BUY", "1", "10.00")
    desk.send(command)
    desk.now_us += 31 * DAY_US
    for _ in range(10):
        desk.deposit("1")

    assert desk.send(command) is None
    assert desk.send(msgspec.structs.replace(command, quantity=Decimal(2))).code == "CLIENT_ORDER_ID_CONFLICT"


def test_fills_of_a_finished_order_are_known_for_the_published_time() -> None:
    """A copy of a fill is a repeat as long as the order is remembered; then the order is unknown. It never counts."""
    desk = Desk()
    order_id = desk.submit("BUY", "1", "10.00").order.order_id
    fill = desk.filling(order_id, "1", "10.00")
    desk.send(fill)

    desk.now_us += HORIZON_US
    desk.deposit("1")
    assert desk.send(fill) is None

    desk.now_us += 1
    desk.deposit("1")
    assert desk.send(fill).code == "ORDER_UNKNOWN"
    assert desk.account.position("AAPL").quantity == 1


def test_forgetting_costs_a_bounded_amount_per_event() -> None:
    """After a long silence each event forgets a few ids, and in the end all that are too old are gone."""
    desk = Desk()
    for _ in range(20):
        desk.submit("SELL", "1", "10.00")  # rejected: nothing to sell
    assert len(desk.account.closed) == 20

    desk.now_us += HORIZON_US + 1
    sizes = []
    for _ in range(6):
        desk.deposit("1")
        sizes.append(len(desk.account.closed))

    assert sizes == [20 - remembered.FORGOTTEN_MAX * n for n in range(1, 6)] + [0]
    assert len(desk.account.commands) <= 6
    assert desk.refolded().digest() == desk.ledger.digest()


def test_an_id_that_is_too_old_is_free_even_if_it_is_still_in_memory() -> None:
    """The published time decides, not when the memory was tidied: the same client id makes a new order."""
    desk = Desk()
    desk.submit("SELL", "1", "10.00", client_order_id="again")
    desk.now_us += HORIZON_US + 1

    event = desk.submit("BUY", "1", "10.00", client_order_id="again")

    assert isinstance(event, events.OrderAccepted)
    assert event.order.order_id not in desk.account.closed
    assert desk.refolded().digest() == desk.ledger.digest()


def test_a_clock_that_is_set_back_forgets_nothing() -> None:
    """Record times never fall within an account, and ages are measured from the newest."""
    desk = Desk()
    desk.now_us += 3 * DAY_US
    latest = desk.deposit("1")
    desk.now_us -= 2 * DAY_US

    event = desk.deposit("2")

    assert event.timestamp == latest.timestamp
    old = desk.deposit("3", issued_at_us=latest.timestamp - IDS_KEPT_US - 1)
    assert old.code == "COMMAND_EXPIRED"


def test_a_shorter_published_time_is_honoured_by_decide() -> None:
    """With ids kept for a minute, the same command is a repeat after 60 s and too old a microsecond later."""
    desk = Desk(cash=None)
    command = commands.Deposit(command_id="d", account_id="acc", issued_at_us=desk.now_us, amount=Decimal("5"))
    kept_us = 60_000_000
    desk.send(command, kept_us)
    desk.now_us += kept_us

    assert desk.send(command, kept_us) is None
    desk.now_us += CLOCK_AHEAD_US_MAX + 1
    assert desk.send(command, kept_us).code == "COMMAND_EXPIRED"


def test_ids_cannot_be_asked_for_longer_than_they_are_remembered() -> None:
    """A ledger that remembers a week cannot promise eight days; one that was made for it can."""
    message = commands.OpenAccount(command_id="o", account_id="a", issued_at_us=START_US, owner="x")
    with pytest.raises(InvalidValue, match="expected at most 604800000000 us"):
        Ledger(catalog(())).decide(message, START_US, 8 * DAY_US)

    assert Ledger(catalog(()), ids_kept_us_max=8 * DAY_US).decide(message, START_US, 8 * DAY_US) is not None


def test_what_is_neither_command_nor_report_is_unreadable() -> None:
    """A tick on the ledger's input is a mistake of whoever sent it, told apart from a refused command."""
    message = Tick(symbol="AAPL", market_time_us=1, price=Decimal(1), volume=Decimal(1))
    with pytest.raises(UnreadableInput, match="it was a Tick"):
        Desk().send(message)
