"""The accounts of the random trader, and what happens to them but for orders: cash, marks, locates, fee schedules.

An account for each lot method: `fifo` a plain cash account, `lifo` a cash account with commissions and euros, `hifo`
and `average` on margin, with commissions of other kinds.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from domain import commands, events, schema
from domain.account_terms import FeeSchedule, MarginTerms
from domain.catalog import Catalog
from domain.events import LedgerEvent
from domain.ledger import Ledger
from domain.market import Instrument
from domain.world import Mark
from tests.domain.desk import START_US
from tests.domain.model import CURRENCIES, EASY_TO_BORROW, Market, ModelAccount, ModelLocate
from tests.domain.model_legs import ModelFees

CATALOG: Catalog = {
    symbol: Instrument(symbol=symbol, currency=currency, easy_to_borrow=symbol in EASY_TO_BORROW)
    for symbol, currency in CURRENCIES.items()
}
FEE_BPS = Decimal("2.5")

# The same schedules as the ledger and as the model write them. The last has a cap, under which what a sale sets aside
# is a bound and no exact figure; only margin accounts have it, whose sales set nothing aside.
SCHEDULES: list[tuple[FeeSchedule, ModelFees]] = [
    (
        FeeSchedule(per_order=Decimal("0.75"), taker_bps=Decimal(10), maker_bps=Decimal(-5)),
        ModelFees(per_order=Fraction(3, 4), taker=Fraction(1, 1000), maker=Fraction(-1, 2000)),
    ),
    (
        FeeSchedule(per_unit=Decimal("0.155"), order_minimum=Decimal("1.50"), bps=Decimal(3)),
        ModelFees(
            per_unit=Fraction(155, 1000), minimum=Fraction(3, 2), taker=Fraction(3, 10_000), maker=Fraction(3, 10_000)
        ),
    ),
    (
        FeeSchedule(per_unit=Decimal("0.50"), order_minimum=Decimal("1.00"), order_cap_bps=Decimal(100)),
        ModelFees(per_unit=Fraction(1, 2), minimum=Fraction(1), cap=Fraction(1, 100)),
    ),
]
ACCOUNTS: dict[str, dict[str, Any]] = {
    "fifo": {"lot_method": "FIFO"},
    "lifo": {"lot_method": "LIFO", "currencies": ("EUR",), "fee_schedule": SCHEDULES[1][0]},
    "hifo": {
        "lot_method": "HIFO",
        "currencies": ("EUR",),
        "fee_schedule": SCHEDULES[2][0],
        "margin": MarginTerms(),
    },
    "average": {
        "lot_method": "AVERAGE",
        "currencies": ("EUR",),
        "fee_schedule": SCHEDULES[0][0],
        "margin": MarginTerms(),
    },
}
CASH_ACCOUNTS: dict[str, dict[str, Any]] = {name: {"lot_method": name.upper()} for name in ACCOUNTS}
"""Plain cash accounts of the same names."""
MODEL_FEES = dict(SCHEDULES)

accounts = st.sampled_from(sorted(ACCOUNTS))
currencies = st.sampled_from(["USD", "USD", "EUR"])
cents = st.integers(min_value=1, max_value=400_00).map(lambda n: Decimal(n) / 100)
small_amounts = st.integers(min_value=1, max_value=99_99).map(lambda n: Decimal(n) / 100)
prices = st.integers(min_value=1, max_value=50_00).map(lambda n: Decimal(n) / 100)
rates = st.sampled_from([Decimal("0.9"), Decimal("1.0833"), Decimal("1.25")])
quantities = st.integers(min_value=1, max_value=6)


def code_of(event: Any) -> str:
    """A refusal's code; for any other answer its name."""
    return getattr(event, "code", type(event).__name__)


class Treasury(RuleBasedStateMachine):
    """Sends commands that concern no order, and compares the answers with the model's. terms: of the accounts."""

    terms: ClassVar[dict[str, dict[str, Any]]] = ACCOUNTS

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(CATALOG)
        self.market = Market()
        self.model: dict[str, ModelAccount] = {}
        self.now_us = START_US
        self.numbers = itertools.count()
        self.records: list[tuple[str, bytes]] = []
        self.effective: list[Any] = []  # messages that changed an account
        self.recorded_us: dict[str, int] = defaultdict(int)
        self.balances: dict[str, dict[tuple[str, str], Decimal]] = defaultdict(lambda: defaultdict(Decimal))

    def send(self, message: Any) -> Any:
        self.now_us += 1
        event: LedgerEvent | None = self.ledger.decide(message, self.now_us)
        if event is not None:
            if event.originator_version:
                assert event.timestamp >= self.recorded_us[event.originator_id], "record time fell"
                self.recorded_us[event.originator_id] = event.timestamp
            self.records.append(schema.encode(event))
            for leg in event.postings:
                self.balances[event.originator_id][leg.account, leg.commodity] += leg.amount
            if event.originator_version:
                self.effective.append(message)
        return event

    def envelope(self, account: str) -> dict[str, Any]:
        return {"command_id": f"cmd_{next(self.numbers)}", "account_id": account, "issued_at_us": self.now_us}

    def successor(self) -> Ledger:
        """A ledger without accounts that is told the same market."""
        other = Ledger(CATALOG)
        other.desk.marks = self.ledger.marks
        return other

    def model_of(self, **terms: Any) -> ModelAccount:
        return ModelAccount(**terms)

    @initialize(marked=st.booleans())
    def open(self, marked: bool) -> None:
        for name in (*CURRENCIES, "EUR/USD") if marked else ():
            self.mark(name, Decimal("10.00"), 1)
        for account, terms in self.terms.items():
            fields: Any = {"owner": "x", "fee_bps": FEE_BPS} | terms
            assert isinstance(self.send(commands.OpenAccount(**self.envelope(account), **fields)), events.AccountOpened)
            self.model[account] = self.model_of(
                method=terms["lot_method"],
                fee_bps=Fraction(FEE_BPS),
                market=self.market,
                currencies=("USD", *terms.get("currencies", ())),
                margin="margin" in terms,
                fees=MODEL_FEES.get(terms.get("fee_schedule")),
            )
            for currency in self.model[account].currencies:
                self.deposit(account, Decimal("500.00"), currency)

    @rule(account=accounts, amount=cents, currency=currencies)
    def deposit(self, account: str, amount: Decimal, currency: str) -> None:
        event = self.send(commands.Deposit(**self.envelope(account), amount=amount, currency=currency))

        if currency in self.model[account].currencies:
            assert isinstance(event, events.CashDeposited)
            self.model[account].transfer(Fraction(amount), currency)
        else:
            assert code_of(event) == "CURRENCY_MISMATCH"

    @rule(account=accounts, amount=cents, currency=currencies)
    def withdraw(self, account: str, amount: Decimal, currency: str) -> None:
        verdict = self.model[account].withdrawal_verdict(Fraction(amount), currency)

        event = self.send(commands.Withdraw(**self.envelope(account), amount=amount, currency=currency))

        assert code_of(event) == (verdict or "CashWithdrawn")
        if not verdict:
            self.model[account].transfer(-Fraction(amount), currency)

    @rule(account=st.sampled_from(["average", "hifo"]))
    def withdraw_to_the_cent(self, account: str) -> None:
        """A cent more than what equity leaves is refused, and what it leaves may go; then it is paid in again."""
        excess = self.model[account].excess()
        most = Decimal(math.floor((excess or Fraction(0)) * 100)) / 100
        if most > 0:
            self.withdraw(account, most + Decimal("0.01"), "USD")
            self.withdraw(account, most, "USD")
            self.deposit(account, most, "USD")

    @rule(account=accounts, amount=small_amounts, rate=rates, back=st.booleans())
    def convert(self, account: str, amount: Decimal, rate: Decimal, back: bool) -> None:
        model, (given, taken) = self.model[account], ("EUR", "USD") if back else ("USD", "EUR")
        if Fraction(amount) * Fraction(rate) < Fraction(1, 100):
            verdict = "RATE_NOT_POSITIVE"
        elif "EUR" not in model.currencies:
            verdict = "CURRENCY_MISMATCH"
        else:
            verdict = model.cash_verdict(Fraction(amount), given)
        fields: Any = {"from_currency": given, "to_currency": taken, "rate": rate, "source": "bank"}

        event = self.send(commands.ConvertCash(**self.envelope(account), amount=amount, **fields))

        assert code_of(event) == (verdict or "CashConverted")
        if not verdict:
            model.movements[given].append(-Fraction(amount))
            model.movements[taken].append(Fraction(round(Fraction(amount) * Fraction(rate) * 100), 100))

    @rule(name=st.sampled_from([*sorted(CURRENCIES), "EUR/USD"]), price=prices, wait_us=st.integers(0, 50))
    def mark(self, name: str, price: Decimal, wait_us: int) -> None:
        """The market moves, or is known for the first time."""
        time_us = max(self.market.time_us.values(), default=START_US) + wait_us
        self.market.prices[name], self.market.time_us[name] = Fraction(price), time_us
        self.ledger.marks[name] = Mark(price=price, market_time_us=time_us)

    @rule(account=accounts, quantity=st.integers(1, 20), lasts_us=st.sampled_from([0, 1, 1_000]))
    def locate(self, account: str, quantity: int, lasts_us: int) -> None:
        expires_at_us = self.market.time_us.get("AAPL", START_US) + lasts_us
        fields: Any = {"symbol": "AAPL", "expires_at_us": expires_at_us, "granted_by": "lender", "reason": "asked"}

        event = self.send(commands.GrantLocate(**self.envelope(account), quantity=Decimal(quantity), **fields))

        if self.model[account].margin:
            assert isinstance(event, events.LocateGranted)
            self.model[account].locates.append(("AAPL", ModelLocate(quantity, expires_at_us)))
        else:
            assert code_of(event) == "ACCOUNT_NOT_MARGIN"

    @rule(account=accounts, choice=st.sampled_from([None, *range(len(SCHEDULES))]))
    def set_fees(self, account: str, choice: int | None) -> None:
        schedule, fees = (None, None) if choice is None else SCHEDULES[choice]
        if fees is not None and fees.cap is not None and not self.model[account].margin:
            return

        event = self.send(
            commands.SetFeeSchedule(**self.envelope(account), fee_schedule=schedule, changed_by="x", reason="y")
        )

        assert isinstance(event, events.FeeScheduleChanged)
        self.model[account].fees = fees
