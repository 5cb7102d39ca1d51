"""Margin: what may be opened, what is left, and when equity is lacking; with published figures.

Long: the example of the SEC's investor bulletin "Understanding Margin Accounts". Short: Regulation T, 12 CFR 220.12(c),
under which a short sale of 6,000 needs 9,000 in the account, and FINRA rule 4210(c), 30 % to keep it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain import events, margin, valuation
from domain.account_terms import MarginTerms
from domain.margin import Standing
from domain.market import Instrument
from domain.numbers import exact
from domain.valuation import Valuation
from tests.domain.desk import Desk

EASY = Instrument(symbol="AAPL", easy_to_borrow=True)


def _desk(cash: str, mark: str, **fields: Any) -> Desk:
    desk = Desk(**{"cash": cash, "margin": MarginTerms(), "instruments": (EASY,)} | fields)
    desk.mark("AAPL", mark)
    return desk


def _standing(desk: Desk) -> Standing:
    """(equity, initial, maintenance, held) and what follows from them."""
    account = desk.account
    assert account.margin is not None
    with exact():
        valued = valuation.value(account.currency, account.funds, account.positions, desk.ledger.marks)
        assert isinstance(valued, Valuation)
        return margin.standing(account.margin, valued)


def test_half_of_a_purchase_may_be_borrowed() -> None:
    """16,000 of stock with 8,000 of cash: 8,000 is the initial margin, and the rest is owed to the broker."""
    desk = _desk("8000", "16.00")
    accepted = desk.submit("BUY", "1000", "16.00")
    assert accepted.hold_cash == 8000

    desk.fill(accepted.order.order_id, "1000", "16.00")

    assert (desk.account.cash, desk.account.held_cash) == (-8000, 0)
    assert _standing(desk) == Standing(
        equity=Decimal(8000), initial=Decimal(8000), maintenance=Decimal(4000), held=Decimal(0)
    )


@pytest.mark.parametrize(("maintenance", "call"), [("0.25", 0), ("0.40", 800)])
def test_equity_that_falls_below_maintenance_is_called_for(maintenance: str, call: int) -> None:
    """The stock falls to 12,000, equity to 4,000. At 25 % maintenance is 3,000; at 40 % it is 4,800, and 800 lack."""
    desk = _desk("8000", "16.00", margin=MarginTerms(long_maintenance=Decimal(maintenance)))
    desk.trade("BUY", "1000", "16.00")

    desk.mark("AAPL", "12.00")

    assert _standing(desk).equity == 4000
    assert _standing(desk).margin_call == call


def test_a_cent_too_little_buys_nothing() -> None:
    """Of 7,999.99 the half of 16,000.00 cannot be set aside; the refusal says what there is."""
    event = _desk("7999.99", "16.00").submit("BUY", "1000", "16.00")

    assert event.code == "BUYING_POWER_INSUFFICIENT"
    assert event.details == {
        "needed": "8000",
        "excess": "7999.99",
        "equity": "7999.99",
        "initial_margin": "0",
        "working_orders": "0",
        "currency": "USD",
    }


def test_working_orders_use_up_buying_power() -> None:
    """10,000 buy 20,000 of stock; an order of 12,000 that is not filled leaves 8,000."""
    desk = _desk("10000", "16.00")
    assert margin.buying_power(MarginTerms(), _standing(desk)) == 20000

    desk.submit("BUY", "750", "16.00")

    assert margin.buying_power(MarginTerms(), _standing(desk)) == 8000
    assert desk.submit("BUY", "501", "16.00").code == "BUYING_POWER_INSUFFICIENT"
    assert isinstance(desk.submit("BUY", "500", "16.00"), events.OrderAccepted)


def test_a_short_sale_needs_its_proceeds_and_half_as_much_again() -> None:
    """100 short at 60: 3,000 of equity, and with the proceeds of 6,000 there are 9,000 of cash, 150 % of the value."""
    desk = _desk("3000", "60.00")
    desk.trade("SELL_SHORT", "100", "60.00")

    assert desk.account.cash == 9000
    assert _standing(desk) == Standing(
        equity=Decimal(3000), initial=Decimal(3000), maintenance=Decimal(1800), held=Decimal(0)
    )
    assert _desk("2999.99", "60.00").submit("SELL_SHORT", "100", "60.00").code == "BUYING_POWER_INSUFFICIENT"


def test_a_short_position_is_called_for_when_the_price_has_risen() -> None:
    """9,000 / 1.30 = 6,923.08: at 69.23 a share 2,077.00 of equity keep it; at 70.00 the 2,000 left lack 100."""
    desk = _desk("3000", "60.00")
    desk.trade("SELL_SHORT", "100", "60.00")

    desk.mark("AAPL", "69.23")
    assert _standing(desk).margin_call == 0
    desk.mark("AAPL", "70.00")
    assert (_standing(desk).equity, _standing(desk).margin_call) == (2000, 100)


def test_a_short_sale_below_the_market_is_held_for_at_the_market() -> None:
    """A limit of 1.00 would fill at 60.00 or more, so half of 60.00 is set aside; a limit of 80.00 counts as 80.00."""
    desk = _desk("10000", "60.00")

    assert desk.submit("SELL_SHORT", "10", "1.00").hold_cash == 300
    assert desk.submit("SELL_SHORT", "10", "80.00").hold_cash == 400


def test_what_closes_a_position_is_never_refused_for_want_of_equity() -> None:
    """Equity is far below what is needed: nothing can be opened, but both legs can be closed."""
    desk = _desk("20000", "60.00")
    desk.trade("SELL_SHORT", "300", "60.00")
    desk.mark("AAPL", "200.00")
    assert _standing(desk).equity == -22000

    assert desk.submit("BUY", "301", "200.00").code == "BUYING_POWER_INSUFFICIENT"
    accepted = desk.submit("BUY", "300", "200.00")

    assert accepted.hold_cash == 0
    desk.fill(accepted.order.order_id, "300", "200.00")
    assert desk.account.cash == -22000


def test_only_what_a_purchase_opens_needs_margin() -> None:
    """Of 150 bought 100 cover a short position; the other 50 at 60.00 need 1,500."""
    desk = _desk("10000", "60.00")
    desk.trade("SELL_SHORT", "100", "60.00")

    assert desk.submit("BUY", "150", "60.00").hold_cash == 1500
    assert desk.submit("BUY", "50", "60.00").hold_cash == 1500  # the first order covers the short already


def test_a_partial_fill_releases_its_part_of_the_margin() -> None:
    """1,500 are held for 50 units; after 20 of them 30 need three fifths, 900."""
    desk = _desk("10000", "60.00")
    order_id = desk.submit("BUY", "50", "60.00").order.order_id

    assert desk.fill(order_id, "20", "60.00").released_cash == 600
    assert desk.account.held_cash == 900
    desk.canceled(order_id)
    assert desk.account.held_cash == 0


def test_a_missing_mark_is_refused_and_never_guessed() -> None:
    """A short sale needs the symbol's mark, a purchase the marks of what the account has; the first needs none."""
    desk = Desk(cash="10000", margin=MarginTerms(), instruments=(EASY,))
    assert desk.submit("SELL_SHORT", "1", "60.00").code == "MARK_MISSING"
    desk.trade("BUY", "1", "60.00")

    event = desk.submit("BUY", "1", "50.00", symbol="IBM")

    assert event.code == "MARK_MISSING"
    assert event.details == {"mark": "AAPL"}
    assert desk.withdraw("1").code == "MARK_MISSING"
    assert isinstance(desk.submit("SELL", "1", "60.00"), events.OrderAccepted)


def test_equity_beyond_initial_margin_may_leave() -> None:
    """10,000 with 100 units at 60.00: equity 10,000 less 3,000 leaves 7,000, of which 3,000 are borrowed then."""
    desk = _desk("10000", "60.00")
    desk.trade("BUY", "100", "60.00")

    assert desk.withdraw("7000.01").code == "BUYING_POWER_INSUFFICIENT"
    assert isinstance(desk.withdraw("7000.00"), events.CashWithdrawn)
    assert desk.account.cash == -3000


def test_a_cash_account_stays_above_zero() -> None:
    """Whatever the marks say, an account without margin terms buys from free cash alone."""
    desk = Desk(cash="8000")
    desk.mark("AAPL", "16.00")

    assert desk.account.account_type == "CASH"
    assert desk.submit("BUY", "1000", "16.00").code == "CASH_INSUFFICIENT"


def test_a_foreign_position_counts_in_the_base_currency() -> None:
    """10 SAP at 100.00 EUR are 1,100 USD at 1.10; half of it needs 550. A loan of 1,000 EUR is one of 1,100 USD."""
    sap = Instrument(symbol="SAP", currency="EUR")
    desk = Desk(cash="1000", margin=MarginTerms(), instruments=(sap,), currencies=("EUR",))
    desk.mark("SAP", "100.00")
    assert desk.submit("BUY", "10", "100.00", symbol="SAP").details == {"mark": "EUR/USD"}
    desk.mark("EUR/USD", "1.10")

    desk.trade("BUY", "10", "100.00", symbol="SAP")

    assert (desk.account.cash, desk.account.funds["EUR"].free) == (1000, -1000)
    assert _standing(desk) == Standing(
        equity=Decimal(1000), initial=Decimal(550), maintenance=Decimal(275), held=Decimal(0)
    )
    assert desk.submit("BUY", "9", "100.00", symbol="SAP").code == "BUYING_POWER_INSUFFICIENT"  # 495 USD of 450
    assert isinstance(desk.submit("BUY", "8", "100.00", symbol="SAP"), events.OrderAccepted)  # 440
