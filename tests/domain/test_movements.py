"""Cash that moves without a trade: adjustments, and transfers between accounts with their process manager."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import commands, events
from domain.account import IDS_KEPT_US
from domain.catalog import catalog
from domain.ledger import Ledger
from domain.transfers import Transfers
from tests.domain.desk import START_US, SYMBOLS, expected, legs
from tests.domain.operators import WHO, OperatorDesk


@pytest.mark.parametrize(
    ("kind", "amount", "book_account"),
    [
        ("INTEREST", "1.23", "interest"),
        ("INTEREST", "-4.56", "interest"),
        ("FEE", "-10.00", "account_fees"),
        ("REBATE", "0.30", "rebates"),
        ("CORRECTION", "-0.01", "corrections"),
    ],
)
def test_each_kind_of_adjustment_has_a_book_account(kind: str, amount: str, book_account: str) -> None:
    """Income is a credit and expense a debit of its own account; trading fees and profit are left alone."""
    desk = OperatorDesk(cash="100")

    event = desk.adjust(kind, amount)

    assert isinstance(event, events.CashAdjusted)
    assert (event.kind, event.actor, event.reason) == (kind, WHO["actor"], WHO["reason"])
    assert legs(event) == expected(("cash", "USD", amount), (book_account, "USD", str(-Decimal(amount))))
    assert desk.account.cash == 100 + Decimal(amount)
    assert (desk.account.fees, desk.account.realized_pnl) == (0, 0)
    desk.check()


def test_what_was_charged_was_charged() -> None:
    """A fee takes free cash below zero; then nothing may leave, and a deposit makes it good."""
    desk = OperatorDesk(cash="5")

    desk.adjust("FEE", "-8.00")

    assert desk.account.cash == -3
    assert desk.withdraw("0.01").code == "CASH_INSUFFICIENT"
    desk.deposit("3.01")
    assert isinstance(desk.withdraw("0.01"), events.CashWithdrawn)


def test_an_account_in_debt_can_sell_what_it_has() -> None:
    """10.00 in units and 5.01 owed: a sale needs no money, a purchase does."""
    desk = OperatorDesk(cash="10")
    desk.trade("BUY", "1", "10.00")
    desk.adjust("FEE", "-5.01")

    assert isinstance(desk.submit("SELL", "1", "9.00"), events.OrderAccepted)
    assert desk.submit("BUY", "1", "0.01").code == "CASH_INSUFFICIENT"


def test_one_reference_may_be_of_two_kinds() -> None:
    """A statement line's id counts once for each kind."""
    desk = OperatorDesk(cash="5")
    desk.adjust("INTEREST", "1.00", reference="line 7")

    assert desk.adjust("INTEREST", "1.00", reference="line 7") is None
    assert desk.adjust("INTEREST", "2.00", reference="line 7").code == "REFERENCE_CONFLICT"
    assert isinstance(desk.adjust("FEE", "-1.00", reference="line 7"), events.CashAdjusted)


# Transfers


class House:
    """Two accounts of one ledger, and the process manager reading what they say."""

    def __init__(self, to_currency: str = "USD") -> None:
        self.ledger = Ledger(catalog(SYMBOLS))
        self.transfers = Transfers()
        self.now_us = START_US
        self.count = 0
        for account, currency in (("ann", "USD"), ("bob", to_currency)):
            self.send(commands.OpenAccount(**self._envelope(account), owner=account, currency=currency))
        self.send(commands.Deposit(**self._envelope("ann"), amount=Decimal(100)))

    def _envelope(self, account: str) -> dict[str, Any]:
        self.count += 1
        return {"command_id": f"c{self.count}", "account_id": account, "issued_at_us": self.now_us}

    def send(self, command: Any, *, read: bool = True) -> Any:
        event = self.ledger.decide(command, self.now_us)
        if event is not None and read:
            self.transfers.fold(event)
        return event

    def transfer(self, amount: str = "30.00", reference: str = "t1", to: str = "bob", **fields: Any) -> Any:
        own = WHO | {"to_account_id": to, "amount": Decimal(amount), "reference": reference}
        return self.send(commands.TransferCash(**self._envelope("ann"), **(own | fields)))

    def pump(self) -> list[Any]:
        return [self.send(command) for command in self.transfers.due(self.now_us)]

    def cash(self) -> tuple[Decimal, Decimal]:
        return self.ledger.accounts["ann"].cash, self.ledger.accounts["bob"].cash

    def under_way(self) -> Decimal:
        """The balances of `transfers` over all accounts, all in dollars."""
        books = (account.books for account in self.ledger.accounts.values())
        return sum((book.get(("transfers", "USD"), Decimal(0)) for book in books), Decimal(0))


def test_a_transfer_leaves_one_account_and_arrives_in_the_other() -> None:
    """30 leave Ann's 100, are under way, and arrive at Bob's; then nothing is due any more."""
    house = House()

    out = house.transfer()
    assert legs(out) == expected(("cash", "USD", "-30.00"), ("transfers", "USD", "30.00"))
    assert (house.cash(), house.under_way()) == ((70, 0), 30)

    (arrived,) = house.pump()
    assert isinstance(arrived, events.CashTransferredIn)
    assert (arrived.from_account_id, arrived.reference, arrived.actor) == ("ann", "t1", "transfers")
    assert (house.cash(), house.under_way(), house.pump()) == ((70, 30), 0, [])


def test_a_transfer_that_is_refused_comes_back() -> None:
    """Bob's account is in euros: the receiver refuses, the manager returns the cash, once."""
    house = House(to_currency="EUR")
    house.transfer()

    (refused,) = house.pump()
    (returned,) = house.pump()

    assert refused.code == "CURRENCY_MISMATCH"
    assert isinstance(returned, events.CashTransferReturned)
    assert returned.reason == "bob refused it: CURRENCY_MISMATCH"
    assert (house.cash(), house.under_way(), house.pump()) == ((100, 0), 0, [])


def test_a_transfer_to_an_account_that_does_not_exist_comes_back() -> None:
    """The ledger answers for an account that was never opened, too."""
    house = House()
    house.transfer(to="nobody")

    assert [event.code for event in house.pump()] == ["ACCOUNT_UNKNOWN"]
    house.pump()

    assert house.cash() == (100, 0)


def test_nothing_arrives_or_comes_back_twice() -> None:
    """A manager that has lost its memory sends again when command ids are long forgotten: the reference is known."""
    house = House()
    house.transfer()
    (late,) = house.transfers.due(house.now_us)
    house.pump()
    house.now_us += 2 * IDS_KEPT_US
    for _ in range(3):
        house.send(commands.Deposit(**house._envelope("bob"), amount=Decimal(1)))

    assert house.send(late) is None
    assert house.send(_issued(late, house.now_us)) is None
    assert house.cash()[1] == 33


def _issued(command: Any, now_us: int) -> Any:
    return type(command)(
        **{name: getattr(command, name) for name in command.__struct_fields__} | {"issued_at_us": now_us}
    )


def test_only_what_was_sent_comes_back() -> None:
    """A return of other content, or of a transfer that nobody made, is refused."""
    house = House()
    house.transfer()
    fields: dict[str, Any] = WHO | {"to_account_id": "bob", "reference": "t1", "amount": Decimal(30)}

    for wrong in ({"amount": Decimal(31)}, {"reference": "t2"}, {"to_account_id": "eve"}):
        event = house.send(commands.ReturnTransfer(**house._envelope("ann"), **(fields | wrong)))
        assert event.code == "TRANSFER_UNKNOWN"


def test_a_transfer_that_the_cash_does_not_cover_does_not_leave() -> None:
    """Free cash counts, as for a withdrawal; and nobody sends cash to himself."""
    house = House()

    assert house.transfer("100.01").code == "CASH_INSUFFICIENT"
    assert house.transfer(to="ann").code == "TRANSFER_TO_ITSELF"
    assert house.transfers.due(0) == []


@given(order=st.permutations(range(8)))
def test_the_manager_reads_partitions_in_any_order(order: list[int]) -> None:
    """Departures, arrivals and returns of several transfers, read in any order: in the end nothing is due."""
    house = House()
    said = []
    for number in range(4):
        said.append(house.transfer("1.00", f"t{number}"))
        said.extend(house.pump())
    reader = Transfers()

    for place in order:
        reader.fold(said[place])

    assert len(said) == 8
    assert reader.open == {}
    assert reader.due(0) == []
