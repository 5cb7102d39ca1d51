"""Accounts and cash: opening, deposits, withdrawals, and that a command counts once."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain import commands, events
from tests.domain.desk import START_US, Desk, expected, legs


def test_an_account_is_opened_at_version_one_with_what_was_asked_for() -> None:
    """Given nothing, when an account is opened, then its first event says who owns it and how its lots are kept."""
    desk = Desk(lot_method="AVERAGE", fee_bps="1.5", cash=None)

    event = desk.events[0]
    assert isinstance(event, events.AccountOpened)
    assert (event.originator_id, event.originator_version, event.timestamp) == ("acc", 1, START_US)
    assert (event.owner, event.currency, event.lot_method) == ("Luca Pacioli", "USD", "AVERAGE")
    assert desk.account.fee_bps == Decimal("1.5")
    assert event.postings == ()


def test_a_deposit_moves_cash_in_from_outside() -> None:
    """A deposit of 250.75 debits cash and credits the outside world."""
    desk = Desk(cash=None)

    event = desk.deposit("250.75")

    assert isinstance(event, events.CashDeposited)
    assert legs(event) == expected(("cash", "USD", "250.75"), ("external", "USD", "-250.75"))
    assert desk.account.cash == Decimal("250.75")


def test_a_withdrawal_takes_free_cash_out() -> None:
    """All free cash may leave, to the last cent."""
    desk = Desk(cash="100.00")

    event = desk.withdraw("100.00")

    assert isinstance(event, events.CashWithdrawn)
    assert legs(event) == expected(("cash", "USD", "-100.00"), ("external", "USD", "100.00"))
    assert desk.account.cash == 0


def test_held_cash_cannot_be_withdrawn() -> None:
    """Of 100 with 60 on hold for a purchase, 40 may leave and no cent more."""
    desk = Desk(cash="100")
    desk.submit("BUY", "6", "10.00")

    assert desk.withdraw("40.01").code == "CASH_INSUFFICIENT"
    assert isinstance(desk.withdraw("40"), events.CashWithdrawn)


def test_a_command_that_is_sent_again_counts_once() -> None:
    """The same command id with the same content gives no second event, even when it is sent at another time."""
    desk = Desk(cash=None)
    first = commands.Deposit(command_id="d", account_id="acc", issued_at_us=desk.now_us, amount=Decimal("5"))
    desk.send(first)

    again = desk.send(msgspec.structs.replace(first, issued_at_us=desk.now_us + 1, amount=Decimal("5.00")))

    assert again is None
    assert desk.account.cash == 5


def test_opening_again_with_the_same_command_is_a_repeat() -> None:
    """A client that never saw the answer may ask again; another command for the same account is refused."""
    desk = Desk(cash=None)
    command = commands.OpenAccount(
        command_id="cmd_1", account_id="acc", issued_at_us=START_US, owner="Luca Pacioli", fee_bps=Decimal("0.0")
    )

    assert desk.send(command) is None
    assert desk.open().code == "ACCOUNT_ALREADY_OPEN"


def test_a_refused_command_changes_nothing() -> None:
    """A refusal has version 0, no postings, and leaves the state as it was, byte for byte."""
    desk = Desk(cash="10")
    before = desk.ledger.digest()

    event = desk.withdraw("10.01")

    assert isinstance(event, events.CommandRejected)
    assert (event.originator_version, event.postings, event.command_type) == (0, (), "Withdraw")
    assert event.details == {"needed": "10.01", "free": "10", "held": "0", "currency": "USD"}
    assert event.text == "expected at most the free cash of 10 USD, it needs 10.01"
    assert desk.ledger.digest() == before
    assert desk.refolded().digest() == before


def test_a_refused_opening_leaves_no_account_behind() -> None:
    """An account with a bad field is not there afterwards, and may be opened properly."""
    desk = Desk(cash=None)

    assert desk.open(account_id="other", currency="usd").code == "CURRENCY_INVALID"
    assert "other" not in desk.ledger.accounts
    assert isinstance(desk.open(account_id="other", currency="EUR"), events.AccountOpened)
