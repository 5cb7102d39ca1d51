"""Several currencies in one account: each with its own cash, holds and profit, and conversions between them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain import events, valuation
from domain.currencies import minor_unit
from domain.market import Instrument
from domain.numbers import exact
from domain.valuation import MissingMark, Valuation
from tests.domain.desk import Desk, expected, legs

SAP = Instrument(symbol="SAP", currency="EUR")


def _desk(**fields: Any) -> Desk:
    return Desk(**{"cash": "1000", "currencies": ("EUR", "JPY"), "instruments": (SAP,)} | fields)


def _valued(desk: Desk) -> Valuation | MissingMark:
    account = desk.account
    with exact():
        return valuation.value(account.currency, account.funds, account.positions, desk.ledger.marks)


@pytest.mark.parametrize(("currency", "unit"), [("USD", "0.01"), ("JPY", "1"), ("KWD", "0.001"), ("CLF", "0.0001")])
def test_minor_units_are_those_of_iso_4217(currency: str, unit: str) -> None:
    """Cents for most; yen have none, a dinar a thousand fils, and Chile's unit of account four decimals."""
    assert minor_unit(currency) == Decimal(unit)


def test_each_currency_has_cash_of_its_own() -> None:
    """Deposits and withdrawals in any currency of the account, in its smallest unit, and in no other currency."""
    desk = _desk()

    event = desk.deposit("250.50", currency="EUR")

    assert legs(event) == expected(("cash", "EUR", "250.50"), ("external", "EUR", "-250.50"))
    desk.deposit("10000", currency="JPY")
    assert {currency: own.free for currency, own in desk.account.funds.items()} == {
        "USD": 1000,
        "EUR": Decimal("250.50"),
        "JPY": 10000,
    }
    assert desk.deposit("0.5", currency="JPY").code == "AMOUNT_OVER_PRECISE"
    assert desk.deposit("1", currency="GBP").code == "CURRENCY_MISMATCH"
    assert desk.withdraw("250.51", currency="EUR").code == "CASH_INSUFFICIENT"
    assert isinstance(desk.withdraw("250.50", currency="EUR"), events.CashWithdrawn)


def test_an_instrument_is_paid_for_in_its_own_currency() -> None:
    """10 SAP at 100.00 EUR need 1,000 EUR, however many dollars there are; what they cost and earn is in EUR."""
    desk = _desk(cash="50000")
    refused = desk.submit("BUY", "10", "100.00", symbol="SAP")
    assert (refused.code, refused.details["currency"]) == ("CASH_INSUFFICIENT", "EUR")
    desk.deposit("1000", currency="EUR")

    bought = desk.trade("BUY", "10", "100.00", symbol="SAP")
    sold = desk.trade("SELL", "10", "108.00", "0.50", symbol="SAP")

    assert bought.currency == sold.currency == "EUR"
    assert ("inventory:SAP", "EUR", Decimal("1000")) in legs(bought)
    assert ("realized_pnl", "EUR", Decimal("-80")) in legs(sold)
    euros, dollars = desk.account.funds["EUR"], desk.account.funds["USD"]
    assert (euros.free, euros.held, euros.fees, euros.realized_pnl) == (Decimal("1079.50"), 0, Decimal("0.50"), 80)
    assert (dollars.free, dollars.held, dollars.realized_pnl) == (50000, 0, 0)
    assert desk.refolded().digest() == desk.ledger.digest()


def test_an_instrument_of_another_currency_is_not_traded() -> None:
    """An account without euros buys nothing that is quoted in them."""
    assert _desk(currencies=()).submit("BUY", "1", "100.00", symbol="SAP").code == "CURRENCY_MISMATCH"


def test_a_canceled_order_gives_its_own_currency_back() -> None:
    """Euros were held, euros come back."""
    desk = _desk()
    desk.deposit("500", currency="EUR")
    order_id = desk.submit("BUY", "4", "100.00", symbol="SAP").order.order_id
    assert (desk.account.funds["EUR"].free, desk.account.funds["EUR"].held) == (100, 400)

    assert legs(desk.canceled(order_id)) == expected(("cash", "EUR", "400.00"), ("hold", "EUR", "-400.00"))
    assert (desk.account.funds["EUR"].free, desk.account.funds["EUR"].held) == (500, 0)


def test_a_conversion_goes_through_a_trading_account_of_each_currency() -> None:
    """1,000 USD at 0.9 are 900 EUR. Dollars sum to zero, and euros do, on their own."""
    desk = _desk()

    event = desk.convert("1000", "USD", "EUR", "0.9")

    assert isinstance(event, events.CashConverted)
    assert (event.received, event.source) == (900, "bank")
    assert legs(event) == expected(
        ("cash", "USD", "-1000"),
        ("conversion", "USD", "1000"),
        ("cash", "EUR", "900.00"),
        ("conversion", "EUR", "-900.00"),
    )
    assert (desk.account.funds["USD"].free, desk.account.funds["EUR"].free) == (0, 900)


def test_the_trading_accounts_show_what_a_conversion_has_gained() -> None:
    """900 EUR that cost 1,000 USD are worth 1,080 USD at 1.20: a gain of 80 (Selinger's method, section 4).

    They are worth the same where the ledger knows the inverse pair alone: 1 / 0.8 is 1.25, a gain of 125.
    """
    desk = _desk()
    desk.convert("1000", "USD", "EUR", "0.9")

    def gain() -> Any:
        with exact():
            return valuation.conversion_pnl(desk.account.books, "USD", desk.ledger.marks)

    assert gain() == MissingMark("EUR/USD")
    desk.mark("USD/EUR", "0.8")
    assert gain() == 125
    desk.mark("EUR/USD", "1.20")
    assert gain() == 80


def test_what_is_received_is_rounded_to_the_smallest_unit() -> None:
    """10.01 USD at 149.55 are 1,496.9955 yen, so 1,497."""
    assert _desk().convert("10.01", "USD", "JPY", "149.55").received == 1497


def test_a_conversion_needs_free_cash_and_known_currencies() -> None:
    """Not more than there is, not a cent into nothing, and nothing into itself."""
    desk = _desk()

    refused = [
        desk.convert("1000.01", "USD", "EUR", "0.9"),
        desk.convert("1", "EUR", "USD", "1.1"),
        desk.convert("1", "USD", "GBP", "0.8"),
        desk.convert("1", "USD", "USD", "1"),
        desk.convert("1", "USD", "EUR", "0"),
        desk.convert("1", "USD", "EUR", "0.001"),
        desk.convert("0.001", "USD", "EUR", "0.9"),
    ]

    assert [event.code for event in refused] == [
        "CASH_INSUFFICIENT",
        "CASH_INSUFFICIENT",
        "CURRENCY_MISMATCH",
        "CONVERSION_SAME_CURRENCY",
        "RATE_NOT_POSITIVE",
        "RATE_NOT_POSITIVE",
        "AMOUNT_OVER_PRECISE",
    ]


def test_a_conversion_that_is_sent_again_counts_once() -> None:
    """The same command gives nothing; its id with another rate is a conflict."""
    desk = _desk()
    desk.convert("100", "USD", "EUR", "0.9", command_id="fx")

    assert desk.convert("100", "USD", "EUR", "0.90", command_id="fx") is None
    assert desk.convert("100", "USD", "EUR", "0.91", command_id="fx").code == "COMMAND_ID_CONFLICT"
    assert desk.account.funds["EUR"].free == 90


def test_an_account_is_worth_its_currencies_and_positions_at_the_marks() -> None:
    """1,000 USD less 110 for 10 IBM, now at 12.00: 120. 500 EUR less 400 for 4 SAP, now at 90.00: 360, times 1.10.

    Cash 890 + 100 x 1.10 = 1,000; long 120 + 396 = 516; unrealised 10 - 40 x 1.10 = -34. Fees play no part.
    """
    desk = _desk()
    desk.deposit("500", currency="EUR")
    desk.trade("BUY", "10", "11.00", symbol="IBM")
    desk.trade("BUY", "4", "100.00", symbol="SAP")
    for name, price in (("IBM", "12.00"), ("SAP", "90.00"), ("EUR/USD", "1.10")):
        assert isinstance(_valued(desk), MissingMark)
        desk.mark(name, price)

    valued = _valued(desk)

    assert isinstance(valued, Valuation)
    assert (valued.cash, valued.long_value, valued.short_value) == (1000, 516, 0)
    with exact():
        assert valuation.unrealized("USD", desk.account.positions, desk.ledger.marks) == -34
    assert valued.equity == 1516
