"""Whatever officers and traders do, in whatever order: a halted ledger takes nothing in scope, and a kill is for good.

Two accounts, two strategies and none, against a model that knows sets of names only.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from domain import account_state, desk_state, events
from domain.account import IDS_KEPT_US
from domain.events import LedgerEvent
from domain.ledger import Ledger
from domain.limits import Limits
from tests.domain.desk import Desk
from tests.domain.officer import halt, limit, mark, priced, resume
from tests.hunting import QUIET, RANDOM_TRADING

ACCOUNTS = ("acc", "other")
strategies = st.sampled_from([None, "s1", "s2"])
accounts = st.sampled_from(ACCOUNTS)


class TradingFloor(RuleBasedStateMachine):
    """halts: what is halted (None: all trading). orders: open ones -> strategy; killed, asked: of these."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.desk.open(account_id="other")
        self.desk.deposit("10000", account_id="other")
        self.halts: set[str | None] = set()
        self.orders: dict[tuple[str, str], str | None] = {}
        self.epochs: dict[tuple[str, str], int] = {}
        self.killed: set[tuple[str, str]] = set()
        self.asked: set[tuple[str, str]] = set()

    @rule(strategy=strategies)
    def halt(self, strategy: str | None) -> None:
        event = halt(self.desk, strategy)

        hit = {order for order, own in self.orders.items() if strategy is None or own == strategy}
        sent = [(one.account_id, one.order.order_id, one.kind) for one in self.desk.ledger.dispatches_of(event)]
        assert hit - self.killed - self.asked <= {(account, order) for account, order, _ in sent} <= hit | self.killed
        assert {kind for *_, kind in sent} <= {"CANCEL"}
        self.halts.add(strategy)
        self.killed |= hit

    @rule(strategy=strategies)
    def resume(self, strategy: str | None) -> None:
        event = resume(self.desk, strategy)

        expected = events.TradingResumed if strategy in self.halts else events.CommandRejected
        assert isinstance(event, expected)
        self.halts.discard(strategy)

    @rule(strategy=strategies, count=st.integers(min_value=0, max_value=2))
    def limit(self, strategy: str | None, count: int) -> None:
        limit(self.desk, Limits(open_orders_max=1_000 * count or None), strategy)  # far from binding

    @rule(cents=st.integers(min_value=1, max_value=9), at=st.integers(min_value=1, max_value=9))
    def mark(self, cents: int, at: int) -> None:
        mark(self.desk, priced("AAPL", f"10.0{cents}", at, at))

    @rule(account=accounts, strategy=strategies)
    def submit(self, account: str, strategy: str | None) -> None:
        event = self.desk.submit("BUY", "1", "1.00", account_id=account, strategy_id=strategy)

        if None in self.halts:
            assert event.code == "TRADING_HALTED"
        elif strategy is not None and strategy in self.halts:
            assert event.code == "STRATEGY_DISABLED"
        else:
            assert isinstance(event, events.OrderAccepted)
            self.orders[account, event.order.order_id] = strategy
            self.epochs[account, event.order.order_id] = 1

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), what=st.sampled_from(["ask", "acknowledge", "redispatch", "cancel", "fill"]))
    def move(self, data: st.DataObject, what: str) -> None:
        account, order_id = data.draw(st.sampled_from(sorted(self.orders)), label="order")
        fields: dict[str, Any] = {"account_id": account, "dispatch_epoch": self.epochs[account, order_id]}
        match what:
            case "ask":
                self.desk.cancel(order_id, account_id=account)
                self.asked.add((account, order_id))
            case "acknowledge":
                self.desk.acknowledge(order_id, **fields)
            case "redispatch":
                event = self.desk.redispatch(order_id, **fields)
                self.epochs[account, order_id] += 1
                (sent,) = self.desk.ledger.dispatches_of(event)
                assert (sent.kind == "CANCEL") == ((account, order_id) in self.killed | self.asked)
            case "cancel":
                assert isinstance(self.desk.canceled(order_id, **fields), events.OrderCanceled)
                del self.orders[account, order_id]
            case "fill":
                assert isinstance(self.desk.fill(order_id, "1", "1.00", **fields), events.OrderFilled)
                del self.orders[account, order_id]

    @invariant()
    def what_is_killed_stays_so_and_nothing_else_is(self) -> None:
        ledger = self.desk.ledger
        open_orders = {(account.id, order.terms.order_id) for account, order in ledger.open_orders()}
        assert open_orders == self.orders.keys()
        for account, order_id in self.orders:
            dispatch = ledger.dispatch_for(ledger.accounts[account], order_id)
            assert dispatch is not None
            assert (dispatch.kind == "CANCEL") == ((account, order_id) in self.killed | self.asked)

    @invariant()
    def the_fold_of_the_bytes_is_the_state(self) -> None:
        assert self.desk.refolded().digest() == self.desk.ledger.digest()

    @invariant()
    def what_a_snapshot_gives_back_is_what_it_was(self) -> None:
        desk = self.desk.ledger.desk
        raw = desk_state.dump(desk)
        back = desk_state.restore(raw)
        assert vars(back) == vars(desk)
        assert desk_state.dump(back) == raw


def test_a_halted_ledger_takes_nothing_in_scope_and_a_kill_is_for_good() -> None:
    """Random halts, resumptions, orders, reports and restores, each step held against the model."""
    run_state_machine_as_test(
        TradingFloor,
        settings=RANDOM_TRADING,
    )


@st.composite
def histories(draw: st.DrawFn) -> list[LedgerEvent]:
    """What a desk and two accounts have on the tape after a few halts and orders."""
    desk = Desk()
    desk.open(account_id="other")
    desk.deposit("100", account_id="other")
    for _ in range(draw(st.integers(min_value=1, max_value=15))):
        strategy = draw(strategies)
        match draw(st.sampled_from(["halt", "resume", "mark", "submit", "submit"])):
            case "halt":
                halt(desk, strategy)
            case "resume":
                resume(desk, strategy)
            case "mark":
                mark(desk, priced("IBM", "10", desk.sent))
            case "submit":
                desk.submit("BUY", "1", "1.00", account_id=draw(accounts), strategy_id=strategy)
    return desk.events


@given(histories(), st.randoms(use_true_random=False))
@settings(deadline=None, suppress_health_check=QUIET)
def test_desk_and_accounts_fold_in_any_interleaving_to_the_same_state(history: list[LedgerEvent], random: Any) -> None:
    """Each key's events in their order, the keys mixed at random: equal digests, and the same orders killed."""
    lanes: dict[str, list[LedgerEvent]] = {}
    for event in history:
        lanes.setdefault(event.originator_id, []).append(event)
    turns = [key for key, lane in lanes.items() for _ in lane]
    random.shuffle(turns)
    waiting = {key: iter(lane) for key, lane in lanes.items()}
    mixed = [next(waiting[key]) for key in turns]

    straight, other = Ledger(Desk().ledger.catalog), Ledger(Desk().ledger.catalog)
    for event in history:
        straight.fold(event)
    for event in mixed:
        other.fold(event)

    assert other.digest() == straight.digest()
    assert _cancels(other) == _cancels(straight)


def _cancels(ledger: Ledger) -> set[str]:
    return {order.terms.order_id for _, order in ledger.open_orders() if ledger.is_to_be_canceled(order)}


def test_a_desk_and_an_account_are_told_apart_by_their_bytes() -> None:
    """A snapshot holds both; the first field says which it is."""
    desk = Desk()
    halt(desk)
    ledger = desk.ledger

    assert desk_state.is_one(desk_state.dump(ledger.desk))
    assert not desk_state.is_one(account_state.dump(desk.account))
    assert ledger.desk.ids_kept_us > IDS_KEPT_US
    assert ledger.desk.version == 1


def test_money_in_limits_keeps_its_digits() -> None:
    """1.50 comes back as 1.50, so that later events of a restored ledger have the same bytes."""
    desk = Desk()
    limit(desk, Limits(order_value_max=Decimal("1.50")))

    assert str(desk_state.restore(desk_state.dump(desk.ledger.desk)).limits.order_value_max) == "1.50"
