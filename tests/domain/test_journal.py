"""Books that do not balance, and folds that contradict their postings, stop the program."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain import events, folds, journal
from domain.errors import BooksError
from domain.events import Posting
from tests.domain.desk import Desk


def _leg(account: str, commodity: str, amount: str) -> Posting:
    return Posting(account=account, commodity=commodity, amount=Decimal(amount))


def test_postings_that_sum_to_zero_per_commodity_pass() -> None:
    """Dollars and shares each sum to zero on their own."""
    journal.check_balanced(
        [_leg("cash", "USD", "-1.10"), _leg("fees", "USD", "1.1"), _leg("a", "AAPL", "2"), _leg("b", "AAPL", "-2")]
    )


@pytest.mark.parametrize(
    "legs",
    [
        [_leg("cash", "USD", "1")],
        [_leg("cash", "USD", "1"), _leg("external", "EUR", "-1")],
        [_leg("cash", "USD", "1E+30"), _leg("external", "USD", "-1E+30"), _leg("fees", "USD", "1E-18")],
    ],
)
def test_postings_that_do_not_sum_to_zero_are_an_error(legs: list[Posting]) -> None:
    """One missing leg, a mix of commodities, and a difference that 28 digits would lose."""
    with pytest.raises(BooksError, match="must sum to zero per commodity"):
        journal.check_balanced(legs)


def test_balances_are_the_sums_of_postings() -> None:
    """Legs on one book account add up; a balance of zero is no entry."""
    balances = journal.fold_postings({}, [_leg("cash", "USD", "5"), _leg("external", "USD", "-5")])
    journal.fold_postings(balances, [_leg("cash", "USD", "-5"), _leg("hold", "USD", "5")])

    assert balances == {("external", "USD"): -5, ("hold", "USD"): 5}


def test_the_trial_balance_is_the_fold_of_all_postings() -> None:
    """After a purchase, a sale and an open order, every book account equals the sum of its postings."""
    desk = Desk(fee_bps="1")
    desk.trade("BUY", "10", "10.00", "0.10")
    desk.trade("SELL", "4", "12.50", "0.05")
    desk.submit("SELL", "2", "13.00")
    desk.submit("BUY", "1", "9.00")

    balances: journal.Balances = {}
    for event in desk.events:
        journal.fold_postings(balances, event.postings)

    own = desk.account.trial_balance()
    assert own == {
        ("cash", "USD"): Decimal("9940.84"),  # 10000 - 100.10 + 49.95 - 9.01
        ("hold", "USD"): Decimal("9.01"),
        ("fees", "USD"): Decimal("0.15"),
        ("commission", "USD"): 0,
        ("realized_pnl", "USD"): Decimal("-10.00"),
        ("inventory:AAPL", "USD"): Decimal("60.00"),
        ("short_proceeds:AAPL", "USD"): 0,
        ("position:AAPL", "AAPL"): Decimal("4"),
        ("position_hold:AAPL", "AAPL"): Decimal("2"),
        ("position_short:AAPL", "AAPL"): 0,
    }
    counterparts = {("external", "USD"): Decimal(-10000), ("market:AAPL", "AAPL"): Decimal(-6)}
    assert balances == counterparts | {key: amount for key, amount in own.items() if amount}


def test_an_event_from_the_tape_that_does_not_balance_is_refused() -> None:
    """A deposit whose record lost a leg cannot be folded."""
    desk = Desk()
    event = desk.deposit("1")
    broken = msgspec.structs.replace(event, postings=event.postings[:1])

    with pytest.raises(BooksError, match="USD sums to 1"):
        _before_last(desk).ledger.fold(broken)


def test_an_event_whose_postings_contradict_it_is_refused() -> None:
    """Balanced postings of 2 for a deposit of 1: the account's cash and the books disagree."""
    desk = Desk()
    event = desk.deposit("1")
    broken = msgspec.structs.replace(event, postings=journal.deposit("USD", Decimal(2)))

    with pytest.raises(BooksError, match="cash is 10001, its postings sum to 10002"):
        _before_last(desk).ledger.fold(broken)


def test_a_fold_with_a_defect_is_found_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a fold forgot the money, the next event would not leave the program."""

    def forgetful(account: Any, event: Any) -> None:
        del account, event

    desk = Desk()
    monkeypatch.setitem(folds.FOLDS, events.CashDeposited, forgetful)

    with pytest.raises(BooksError, match="cash is 10000, its postings sum to 10001"):
        desk.deposit("1")


@pytest.mark.parametrize("version", [1, 2, 4])
def test_an_event_out_of_sequence_is_refused(version: int) -> None:
    """After version 2 comes version 3: not one that was, and not one after the next."""
    desk = Desk()
    event = desk.deposit("1")

    with pytest.raises(BooksError, match="does not follow"):
        _before_last(desk).ledger.fold(msgspec.structs.replace(event, originator_version=version))


def test_an_event_of_an_account_that_was_never_opened_is_refused() -> None:
    """The first event of an account is AccountOpened."""
    desk = Desk()
    event = desk.deposit("1")

    with pytest.raises(BooksError, match="never opened"):
        desk.ledger.fold(msgspec.structs.replace(event, originator_id="nobody"))


def test_an_event_of_an_order_that_is_not_open_is_refused() -> None:
    """A fill on the tape without its order is a contradiction."""
    desk = Desk()
    desk.trade("BUY", "1", "10.00")
    fill = desk.events[-1]

    with pytest.raises(BooksError, match="does not follow"):
        desk.ledger.fold(msgspec.structs.replace(fill, originator_version=fill.originator_version + 1))


def _before_last(desk: Desk) -> Desk:
    """The desk as it was before its last event."""
    desk.events.pop()
    desk.ledger = desk.refolded()
    return desk
