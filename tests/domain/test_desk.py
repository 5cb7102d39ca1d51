"""What a risk officer lays down for all accounts of a partition: limits, halts, the kill of working orders, marks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain import commands, events, ids
from domain.errors import BooksError
from domain.events import LedgerEvent
from domain.ledger import Ledger
from domain.limits import Limits
from domain.market import TickRef
from domain.terms import OrderTerms
from domain.world import Mark
from tests.domain.desk import START_US, Desk
from tests.domain.officer import halt, limit, mark, priced, resume


def kind_of(desk: Desk, order_id: str, account: str = "acc") -> str:
    """What the engine would be sent for an open order now."""
    ledger = desk.ledger
    dispatch = ledger.dispatch_for(ledger.accounts[account], order_id)
    assert dispatch is not None
    return dispatch.kind


# Limits


def test_limits_stand_until_others_take_their_place() -> None:
    """Each set of limits is one event with who and why; the newest of a scope counts, and one without figures ends."""
    desk = Desk()

    first = limit(desk, Limits(order_value_max=Decimal("1000")))
    limit(desk, Limits(open_orders_max=3), "s1")
    limit(desk, Limits(open_orders_max=4), "s2")
    assert (first.originator_id, first.originator_version, first.set_by) == ("desk:0", 1, "Grace Hopper")
    assert first.reason == "new quarter"
    limit(desk, Limits(order_value_max=Decimal("500")))
    last = limit(desk, Limits(), "s1")

    view = desk.ledger.world.desk
    assert last.originator_version == view.version == 5
    assert view.limits == Limits(order_value_max=Decimal("500"))
    assert view.strategy_limits == {"s2": Limits(open_orders_max=4)}


def test_limits_of_the_desk_bind_each_account() -> None:
    """One working order an account: the second of an account is refused under the desk's limits, the other's is not."""
    desk = Desk()
    desk.open(account_id="other")
    desk.deposit("100", account_id="other")
    limit(desk, Limits(open_orders_max=1))
    desk.submit("BUY", "1", "10.00")

    refused = desk.submit("BUY", "1", "10.00")
    assert (refused.code, refused.details["scope"], refused.desk_version) == ("OPEN_ORDERS_EXCEEDED", "DESK", 1)
    assert isinstance(desk.submit("BUY", "1", "10.00", account_id="other"), events.OrderAccepted)


# Halts


def test_nothing_is_taken_while_all_trading_is_halted() -> None:
    """Orders of every strategy are refused with the reason; cash still moves; after resuming, orders pass."""
    desk = Desk()
    event = halt(desk)
    refused = desk.submit("BUY", "1", "10.00")
    of_strategy = desk.submit("BUY", "1", "10.00", strategy_id="s1")
    moved = desk.withdraw("1")
    resumed = resume(desk)
    accepted = desk.submit("BUY", "1", "10.00")

    assert (event.by, event.reason, event.scope) == ("Grace Hopper", "runaway orders", "ALL")
    assert isinstance(refused, events.OrderRejected)
    assert (refused.code, refused.details["reason"]) == ("TRADING_HALTED", "runaway orders")
    assert of_strategy.code == "TRADING_HALTED"
    assert isinstance(moved, events.CashWithdrawn)
    assert isinstance(resumed, events.TradingResumed)
    assert isinstance(accepted, events.OrderAccepted)
    assert accepted.desk_version == 2


def test_a_halted_strategy_does_not_stop_the_others() -> None:
    """Only orders that name the strategy are refused, on every account."""
    desk = Desk()
    desk.open(account_id="other")
    desk.deposit("100", account_id="other")
    halt(desk, "s1")

    assert desk.submit("BUY", "1", "10.00", strategy_id="s1").code == "STRATEGY_DISABLED"
    assert desk.submit("BUY", "1", "10.00", strategy_id="s1", account_id="other").code == "STRATEGY_DISABLED"
    assert isinstance(desk.submit("BUY", "1", "10.00", strategy_id="s2"), events.OrderAccepted)
    assert isinstance(desk.submit("BUY", "1", "10.00"), events.OrderAccepted)


def test_resuming_all_trading_lifts_no_halt_of_a_strategy() -> None:
    """Each scope is halted and resumed by itself."""
    desk = Desk()
    halt(desk, "s1")
    halt(desk)
    resume(desk)

    assert desk.submit("BUY", "1", "10.00", strategy_id="s1").code == "STRATEGY_DISABLED"
    resume(desk, "s1")
    assert isinstance(desk.submit("BUY", "1", "10.00", strategy_id="s1"), events.OrderAccepted)


def test_a_halt_can_always_be_engaged_again_and_only_a_halt_resumed() -> None:
    """A second officer's halt stands on the tape too; a resumption of what is not halted is refused."""
    desk = Desk()

    assert resume(desk).code == "TRADING_NOT_HALTED"
    halt(desk)
    again = halt(desk, by="Ada Lovelace", reason="so do I")
    assert (again.originator_version, again.by) == (2, "Ada Lovelace")
    assert desk.ledger.desk.halted == "so do I"
    resume(desk)
    assert resume(desk).code == "TRADING_NOT_HALTED"
    assert resume(desk, "s1").code == "TRADING_NOT_HALTED"


# Kills


def _two_accounts() -> tuple[Desk, list[tuple[str, str]]]:
    """Working orders: one of strategy s1 in each of two accounts, one of none."""
    desk = Desk()
    desk.open(account_id="other")
    desk.deposit("100", account_id="other")
    orders = []
    for account, strategy in (("acc", "s1"), ("other", "s1"), ("acc", None)):
        accepted = desk.submit("BUY", "1", "10.00", account_id=account, strategy_id=strategy)
        desk.acknowledge(accepted.order.order_id, account_id=account)
        orders.append((account, accepted.order.order_id))
    return desk, orders


def test_a_halt_cancels_what_works_in_every_account_and_touches_none() -> None:
    """The engine is sent a CANCEL of each order in scope, while versions and state of the accounts stay as they are."""
    desk, orders = _two_accounts()
    before = {name: account.digest() for name, account in desk.ledger.accounts.items()}

    of_strategy = desk.ledger.dispatches_of(halt(desk, "s1"))
    of_all = desk.ledger.dispatches_of(halt(desk))

    assert {(one.account_id, one.order.order_id, one.kind) for one in of_strategy} == {
        (account, order_id, "CANCEL") for account, order_id in orders[:2]
    }
    assert {one.order.order_id for one in of_all} == {order_id for _, order_id in orders}
    assert {name: account.digest() for name, account in desk.ledger.accounts.items()} == before


def test_an_order_that_its_account_wants_cancelled_is_not_sent_twice() -> None:
    """Its CANCEL is on its way already."""
    desk, orders = _two_accounts()
    desk.cancel(orders[0][1])

    assert {one.order.order_id for one in desk.ledger.dispatches_of(halt(desk, "s1"))} == {orders[1][1]}


def test_a_killed_order_stays_killed() -> None:
    """After resuming, and under a fresh dispatch epoch: CANCEL; an order accepted since is executed."""
    desk, ((_, old), *_) = _two_accounts()
    assert kind_of(desk, old) == "EXECUTE"
    halt(desk, "s1")
    resume(desk, "s1")
    redispatched = desk.redispatch(old)
    new = desk.submit("BUY", "1", "10.00", strategy_id="s1").order.order_id

    assert [one.kind for one in desk.ledger.dispatches_of(redispatched)] == ["CANCEL"]
    assert kind_of(desk, old) == "CANCEL"
    assert kind_of(desk, new) == "EXECUTE"
    assert desk.canceled(old, dispatch_epoch=2).released_cash == Decimal("10.00")


def test_an_order_from_before_there_were_desks_can_be_killed() -> None:
    """Its event on an old tape names no desk version, which reads as 0."""
    desk = Desk()
    accepted = desk.submit("BUY", "1", "10.00")

    halt(desk)

    assert accepted.desk_version == 0
    assert kind_of(desk, accepted.order.order_id) == "CANCEL"


def test_what_a_killed_parent_sets_free_is_killed_too() -> None:
    """A bracket's parent that fills before its CANCEL arrives: its exits go to the engine as CANCELs, not as orders."""
    desk = Desk()
    group = [_leg("parent", "BUY", limit_price=Decimal(10))]
    group += [_leg("profit", "SELL", limit_price=Decimal(12)), _leg("loss", "SELL", stop_price=Decimal(8))]
    desk.send(
        commands.SubmitOrderGroup(
            command_id="group-1",
            account_id="acc",
            issued_at_us=desk.now_us,
            group_id=ids.group_id("acc", "g"),
            client_group_id="g",
            kind="BRACKET",
            orders=tuple(group),
        )
    )

    sent = desk.ledger.dispatches_of(halt(desk))
    filled = desk.fill(group[0].order_id, "1", "10.00")

    assert [(one.order.client_order_id, one.kind) for one in sent] == [("parent", "CANCEL")]
    assert {link.effect for link in filled.linked} == {"ACTIVATED"}
    assert [(one.order.client_order_id, one.kind) for one in desk.ledger.dispatches_of(filled)] == [
        ("profit", "CANCEL"),
        ("loss", "CANCEL"),
    ]


def _leg(client_order_id: str, side: Any, **prices: Decimal) -> OrderTerms:
    return OrderTerms(
        order_id=ids.order_id("acc", client_order_id),
        client_order_id=client_order_id,
        symbol="AAPL",
        side=side,
        order_type="STOP" if "stop_price" in prices else "LIMIT",
        quantity=Decimal(1),
        **prices,
    )


# Repeats and refusals


def test_the_same_command_again_is_a_repeat() -> None:
    """A broadcast that died half way is completed by sending it again: who has it gives no second event."""
    desk = Desk()
    halt(desk, command_id="halt-1")
    resume(desk, command_id="resume-1")
    limit(desk, Limits(order_value_max=Decimal("1.0")), command_id="limits-1")

    assert halt(desk, command_id="halt-1") is None
    assert resume(desk, command_id="resume-1") is None
    assert limit(desk, Limits(order_value_max=Decimal("1.00")), command_id="limits-1") is None
    assert halt(desk, command_id="halt-1", reason="another").code == "COMMAND_ID_CONFLICT"
    assert desk.ledger.desk.version == 3


def _replace_killed(desk: Desk) -> Any:
    order_id = desk.submit("BUY", "1", "10.00").order.order_id
    halt(desk)
    resume(desk)
    return desk.send(
        commands.ReplaceOrder(
            command_id="replace-1",
            account_id="acc",
            issued_at_us=desk.now_us,
            order_id=order_id,
            limit_price=Decimal("9.00"),
        )
    )


REFUSED = [
    ("ORDER_KILLED", _replace_killed),
    ("DESK_UNKNOWN", lambda desk: halt(desk, account_id="desk:1")),
    ("DESK_UNKNOWN", lambda desk: halt(desk, account_id="acc")),
    ("SCOPE_INVALID", lambda desk: halt(desk, "s1", scope="ALL")),
    ("SCOPE_INVALID", lambda desk: resume(desk, scope="STRATEGY")),
    ("SCOPE_INVALID", lambda desk: limit(desk, Limits(), scope="STRATEGY")),
    ("SCOPE_INVALID", lambda desk: halt(desk, "")),
    ("PERSON_INVALID", lambda desk: halt(desk, by="")),
    ("PERSON_INVALID", lambda desk: limit(desk, Limits(), set_by="x" * 129)),
    ("REASON_INVALID", lambda desk: halt(desk, reason="")),
    ("REASON_INVALID", lambda desk: resume(desk, reason="a\nb")),
    ("LIMIT_INVALID", lambda desk: limit(desk, Limits(order_value_max=Decimal("NaN")))),
    ("LIMIT_INVALID", lambda desk: limit(desk, Limits(order_value_max=Decimal("1E+15")))),
    ("LIMIT_INVALID", lambda desk: limit(desk, Limits(order_value_max=Decimal("-1")))),
    ("LIMIT_INVALID", lambda desk: limit(desk, Limits(message_rate_window_us=0))),
    ("LIMIT_INVALID", lambda desk: limit(desk, Limits(restricted_symbols=("",)))),
    ("MARKS_INVALID", mark),
    ("MARKS_INVALID", lambda desk: mark(desk, priced("IBM", "1", 1), priced("IBM", "2", 2))),
    ("INSTRUMENT_UNKNOWN", lambda desk: mark(desk, priced("XYZ", "1", 1))),
    ("INSTRUMENT_UNKNOWN", lambda desk: mark(desk, priced("USD/USD", "1", 1))),
    ("PRICE_NOT_FINITE", lambda desk: mark(desk, priced("IBM", "Infinity", 1))),
    ("PRICE_NOT_POSITIVE", lambda desk: mark(desk, priced("IBM", "0", 1))),
    ("TRADING_NOT_HALTED", resume),
    ("COMMAND_EXPIRED", lambda desk: halt(desk, issued_at_us=0)),
    ("ACCOUNT_ID_RESERVED", lambda desk: desk.open(account_id="desk:0")),
    ("TRADING_HALTED", lambda desk: (halt(desk), desk.submit("BUY", "1", "1.00"))[1]),
    ("STRATEGY_DISABLED", lambda desk: (halt(desk, "s"), desk.submit("BUY", "1", "1.00", strategy_id="s"))[1]),
]


@pytest.mark.parametrize(("code", "case"), REFUSED)
def test_what_a_desk_refuses(code: str, case: Any) -> None:
    """Each refusal has its code, a text with what was expected, and changes no desk."""
    desk = Desk()
    event = case(desk)

    assert event.code == code
    assert "expected" in event.text
    assert isinstance(event, events.OrderRejected) or event.originator_version == 0
    assert desk.refolded().digest() == desk.ledger.digest()


def test_an_event_of_another_desk_is_no_event_of_this_tape() -> None:
    """A ledger whose tape holds another partition's desk stops instead of obeying it."""
    desk = Desk()
    event = halt(desk)
    other = Ledger(desk.ledger.catalog, desk_key="desk:1")

    with pytest.raises(BooksError, match="desk:0"):
        other.fold(event)


# Marks


def test_a_mark_holds_until_a_newer_one_comes() -> None:
    """By market time, then by the place of the tick; what is not newer changes nothing and gives no event."""
    desk = Desk()
    mark(desk, priced("IBM", "100", 10, 1), priced("EUR/USD", "1.3", 10))
    event = mark(desk, priced("IBM", "99", 9, 0), priced("AAPL", "50", 5))
    assert [one.symbol for one in event.marks] == ["AAPL"]
    later = mark(desk, priced("IBM", "101", 10, 2))
    assert later.originator_version == 3

    assert mark(desk, priced("IBM", "101", 10, 2)) is None
    assert mark(desk, priced("EUR/USD", "1.4", 10)) is None
    assert desk.ledger.world.marks == {
        "IBM": Mark(price=Decimal(101), market_time_us=10, tick=TickRef(partition=0, offset=2, market_time_us=10)),
        "EUR/USD": Mark(price=Decimal("1.3"), market_time_us=10),
        "AAPL": Mark(price=Decimal(50), market_time_us=5),
    }


def test_marks_are_not_remembered_as_commands() -> None:
    """They come for ever; remembering the id of each would cost memory for nothing, since old ones change nothing."""
    desk = Desk()
    for at in range(20):
        mark(desk, priced("IBM", "100", at, at))

    assert desk.ledger.desk.version == 20
    assert not desk.ledger.desk.commands


# Memory


def test_ids_of_commands_are_forgotten_by_the_record_times_of_events() -> None:
    """A fold of the same events forgets the same ids; a halt itself is never forgotten."""
    desk = Desk()
    halt(desk, command_id="old")
    desk.now_us = START_US + 8 * 24 * 3600 * 1_000_000
    limit(desk, Limits(open_orders_max=1))

    assert "old" not in desk.ledger.desk.commands
    assert desk.ledger.desk.halted == "runaway orders"
    assert desk.refolded().digest() == desk.ledger.digest()


def test_a_desk_event_has_no_postings() -> None:
    """It moves nothing, so every tape record still balances."""
    desk = Desk()
    made: list[LedgerEvent] = [halt(desk), limit(desk, Limits()), mark(desk, priced("IBM", "1", 1)), resume(desk)]

    assert [event.postings for event in made] == [()] * 4
