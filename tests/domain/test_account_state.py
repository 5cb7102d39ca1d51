"""An account as bytes and back: the same digest, the same bytes, the same decisions ever after."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from domain import schema
from domain.account import Account
from domain.account_state import STATE_VERSION, dump, restore
from domain.account_terms import FeeSchedule, MarginTerms
from domain.errors import BooksError
from domain.plans import Plan
from domain.risk_book import RiskBook
from tests.domain.desk import DAY_US, Desk, tick
from tests.domain.machine import Trader
from tests.domain.operators import OperatorDesk
from tests.domain.risk_desk import RiskDesk
from tests.hunting import RANDOM_TRADING


class Restorer(Trader):
    """A random trader whose every message goes to a second ledger, too, which is restored from bytes now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.twin = self.successor()

    def send(self, message: Any) -> Any:
        event = super().send(message)
        other = self.twin.decide(message, self.now_us)
        assert (other is None) == (event is None)
        assert event is None or schema.encode(other) == schema.encode(event)
        return event

    @rule()
    def restore_the_twin(self) -> None:
        restored = [restore(dump(account)) for account in self.twin.accounts.values()]
        self.twin = self.successor()
        self.twin.accounts = {account.id: account for account in restored}

    @invariant()
    def what_comes_back_is_what_it_was(self) -> None:
        assert self.twin.digest() == self.ledger.digest()
        for account in self.ledger.accounts.values():
            raw = dump(account)
            back = restore(raw)
            assert _state(back) == _state(account)
            assert back.digest() == account.digest()
            assert dump(back) == raw
            assert list(back.orders) == list(account.orders)


def _state(account: Account) -> dict[str, Any]:
    return {name: value for name, value in vars(account).items() if name not in Account.NO_STATE}


def test_a_restored_ledger_goes_on_as_if_nothing_had_happened() -> None:
    """Whatever is traded and whenever it is restored: equal state, and equal bytes of every later event."""
    run_state_machine_as_test(Restorer, settings=settings(RANDOM_TRADING, max_examples=40))


class _AnyDesk(RiskDesk, OperatorDesk):
    """Of risk officers and of operators."""


def _rich() -> _AnyDesk:
    """Every kind of state: lots, holds, open, acknowledged, filled, refused and redispatched orders, forgotten ids,
    limits with what they remember, references, fills that were corrected or busted, and a base of forgotten ones."""
    desk = _AnyDesk(fee_bps="2.5")
    desk.trade("BUY", "10", "12.30", "0.031")
    desk.trade("SELL", "4", "13.10", "0.010")
    resting = desk.submit("BUY", "5", "11.00", active_after=tick(3), client_order_id="resting")
    desk.acknowledge(resting.order.order_id, active_after=tick(3))
    desk.fill(resting.order.order_id, "2", "10.95", "0.005", execution_id="exe_1")
    gone = desk.submit("BUY", "1", "9.00")
    desk.refused(gone.order.order_id)
    lost = desk.submit("SELL", "1", "20.00")
    desk.redispatch(lost.order.order_id)
    desk.cancel(lost.order.order_id)
    desk.submit("BUY", "1000000", "9.00")
    desk.group(
        "OCO", desk.terms("p", "SELL", "2", limit_price="20"), desk.terms("l", "SELL", "2", "STOP", stop_price="9")
    )
    desk.replace(resting.order.order_id, quantity="6")
    desk.adjust("INTEREST", "0.10")
    first = desk.trade("BUY", "5", "50.00", "0.031", symbol="IBM")
    desk.split(3, 2, "33.00", symbol="IBM")
    desk.now_us += 4 * DAY_US
    desk.correct(first.execution_id, "4", "50.01", "0.03")
    desk.now_us += 4 * DAY_US
    desk.send(desk.busting(desk.trade("BUY", "2", "10.00")))
    desk.found("EXECUTION_MISSING_IN_LEDGER", "ord_elsewhere", "exe_elsewhere")
    desk.account.plans["pln_1"] = Plan(
        plan_id="pln_1", orders=(desk.terms("r", "BUY", "1", limit_price="1"),), done={"x"}
    )
    desk.limit(message_rate_max=100, duplicate_window_us=1_000_000, order_quantity_max="50")
    desk.limit("swift", executions_max=1)
    desk.grant("a block", "ORDER_QUANTITY_EXCEEDED")
    desk.revoke(desk.grant("another", "ORDER_QUANTITY_EXCEEDED").override_id)
    desk.trade("BUY", "1", "10.00", strategy_id="swift")
    desk.kill(strategy_id="wild")
    desk.kill()
    return desk


def _rich_margin() -> Desk:
    """The rest: margin, several currencies, a fee schedule, both legs of a position, locates of every kind."""
    fees = FeeSchedule(per_unit=Decimal("0.005"), order_minimum=Decimal(1), order_cap_bps=Decimal(100))
    desk = Desk(lot_method="HIFO", currencies=("EUR",), margin=MarginTerms(), fee_schedule=fees)
    desk.mark("AAPL", "12.00")
    desk.mark("EUR/USD", "1.10")
    desk.convert("100.00", "USD", "EUR", "0.91")
    desk.locate("30", fee_bps_per_year=Decimal("25"))
    desk.trade("BUY", "5", "11.00")
    desk.trade("SELL_SHORT", "10", "12.00", "0.01", liquidity="MAKER")
    resting = desk.submit("SELL_SHORT", "8", "12.50")
    desk.acknowledge(resting.order.order_id)
    desk.fill(resting.order.order_id, "3", "12.50")
    desk.submit("BUY", "1", "11.00", symbol="GOOGL")
    desk.set_fees(None)
    return desk


def test_the_state_version_is_raised_with_every_change_of_layout_or_fold() -> None:
    """When this fails, what a state holds or what events do has changed: raise STATE_VERSION and pin the new digest."""
    pinned = {2: "1c10f039cb5f108ed297c61398db3184"}

    states = dump(_rich().account) + dump(_rich_margin().account)
    assert hashlib.sha256(states).hexdigest()[:32] == pinned[STATE_VERSION]


def test_every_attribute_of_an_account_is_in_its_state() -> None:
    """An attribute that somebody adds to the account must not be lost on the way."""
    accounts = (_rich().account, _rich_margin().account)
    account = accounts[0]
    held = set(vars(restore(dump(account))))
    for name in RiskBook.__struct_fields__:
        assert any(getattr(own.risk, name) != getattr(RiskBook(), name) for own in accounts), name
    for name in (
        "owner",
        "margin",
        "funds",
        "positions",
        "locates",
        "orders",
        "groups",
        "plans",
        "breaks",
        "closed",
        "commands",
        "books",
        "risk",
        "references",
        "history",
        "bases",
    ):
        empty = getattr(Account.unopened("acc", 1), name)
        assert any(getattr(own, name) != empty for own in accounts), f"{name} is not in these histories"

    assert held == set(vars(account))


def test_decimals_keep_their_exponents() -> None:
    """1.50 and 1.5 are equal, but later events would be written with other digits."""
    desk = Desk(cash="100.50")
    desk.account.base.free = Decimal("1E+2")

    assert str(restore(dump(desk.account)).cash) == "1E+2"


@pytest.mark.parametrize("raw", [b"", b"\x80", b"not msgpack", dump(_rich().account)[:-1]])
def test_what_is_no_state_is_refused(raw: bytes) -> None:
    """Bytes of another layout, or cut off, say so."""
    with pytest.raises(BooksError, match=f"not the state of an account, version {STATE_VERSION}"):
        restore(raw)


def test_short_lots_locates_and_fee_tallies_come_back() -> None:
    """What only a margin account has is the same after the way through bytes."""
    account = _rich_margin().account

    back = restore(dump(account))

    assert vars(back) == vars(account)
    assert back.digest() == account.digest()


def test_a_state_with_unknown_fields_is_refused() -> None:
    """A state of a later layout is not read as if it were one of ours."""
    content = msgspec.msgpack.decode(dump(_rich().account)) | {"mood": "1"}

    with pytest.raises(BooksError, match="mood"):
        restore(msgspec.msgpack.encode(content))
