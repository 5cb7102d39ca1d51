"""The strategy's rule: long or flat per symbol, and the same command whenever it is derived again."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import ids, schema
from domain.commands import SubmitOrder
from domain.follower import Follower
from domain.latency import delay_us
from domain.market import TickRef
from domain.signals import Direction, SignalGenerated
from runtime.settings import Settings
from streams.strategy.rule import follower_of

SETTINGS = Settings(
    _env_file=None,
    strategy_account_id="acc_demo",
    strategy_id="model-follower",
    strategy_allocation=Decimal("20000"),
    strategy_protection=Decimal("0.10"),
    market_latency_us=50_000,
)
NOON_US = 1_293_973_200_000_000


def follower() -> Follower:
    return follower_of(SETTINGS)


def signal(
    direction: Direction, price: str | None = "41.8493", number: int = 1, symbol: str = "AAPL", **changes: object
) -> SignalGenerated:
    return msgspec.structs.replace(
        SignalGenerated(
            signal_id=ids.signal_id(symbol, 0, number),
            symbol=symbol,
            direction=direction,
            probabilities={"BUY": 0.5, "SELL": 0.2, "HOLD": 0.3},
            model_name="xgboost",
            model_version="1",
            features={},
            price=None if price is None else Decimal(price),
            first_tick=TickRef(partition=0, offset=0, market_time_us=NOON_US),
            last_tick=TickRef(partition=0, offset=number, market_time_us=NOON_US + number),
            market_time_us=NOON_US + number,
            recorded_at_us=1_700_000_000_000_000 + number,
        ),
        **changes,
    )


def test_buy_when_flat() -> None:
    """A BUY signal on a flat symbol buys what the allocation pays for, protected 10 % above the price."""
    command = follower().decide(signal("BUY"))

    assert command is not None
    # 20000 / 41.8493 = 477.9…; 41.8493 x 1.1 = 46.03423, rounded up to the cent.
    assert (command.side, command.order_type, command.symbol) == ("BUY", "MARKET", "AAPL")
    assert command.quantity == Decimal(477)
    assert command.protection_price == Decimal("46.04")
    assert command.limit_price is None
    assert command.account_id == "acc_demo"
    assert command.strategy_id == "model-follower"


def test_command_is_active_after_its_tick() -> None:
    """A command names the signal's last tick and becomes active one latency after it."""
    command = follower().decide(signal("BUY", number=7))

    assert command is not None
    assert command.active_after == TickRef(partition=0, offset=7, market_time_us=NOON_US + 7)
    assert command.active_from_us == NOON_US + 7 + 50_000
    assert command.issued_at_us == 1_700_000_000_000_007


def test_the_jitter_follows_from_the_order_id() -> None:
    """With a jitter the delay is the latency model's for that order, and differs from order to order."""
    jittery = SETTINGS.model_copy(update={"market_latency_jitter_us": 10_000})

    commands = [follower_of(jittery).decide(signal("BUY", number=number)) for number in range(20)]

    delays = set()
    for number, command in enumerate(commands):
        assert command is not None
        assert command.active_from_us == NOON_US + number + delay_us(command.order_id, 50_000, 10_000)
        delays.add(command.active_from_us - NOON_US - number)
    assert len(delays) > 10


def test_order_id_follows_from_the_signal() -> None:
    """Client order id and order id derive from the signal's id, and fit the 48 characters that a client id may have."""
    first, second = signal("BUY", number=1), signal("BUY", number=2)
    one, other = follower().decide(first), follower().decide(second)

    assert one is not None
    assert other is not None
    assert one.client_order_id != other.client_order_id
    assert len(one.client_order_id) <= 48
    assert one.order_id == ids.order_id("acc_demo", one.client_order_id)
    assert one.signal_id == first.signal_id


def test_sell_gives_back_what_was_bought() -> None:
    """SELL when long sells the shares that the rule bought, whatever the price has become; then it is flat."""
    rule = follower()
    rule.decide(signal("BUY", "100", 1))
    command = rule.decide(signal("SELL", "250", 2))

    assert command is not None
    assert (command.side, command.quantity, command.protection_price) == ("SELL", Decimal(200), None)
    assert rule.decide(signal("SELL", "250", 3)) is None


def test_repeats_do_nothing() -> None:
    """BUY when long and SELL when flat cause no command."""
    rule = follower()

    assert rule.decide(signal("SELL", number=1)) is None
    assert rule.decide(signal("BUY", number=2)) is not None
    assert rule.decide(signal("BUY", number=3)) is None


@pytest.mark.parametrize(
    "ineffective",
    [
        signal("HOLD"),
        signal("BUY", requested_by_id="req_1"),
        signal("BUY", abstained="warm_up"),
        signal("BUY", price=None),
        signal("BUY", last_tick=None),
        signal("BUY", "20000.01"),
        signal("BUY", symbol="UNKNOWN"),
    ],
    ids=["hold", "by hand", "abstained", "no price", "no tick", "allocation below one share", "no instrument"],
)
def test_ineffective_signals(ineffective: SignalGenerated) -> None:
    """A signal that is no call to trade causes nothing, and leaves the rule flat."""
    rule = follower()

    assert rule.decide(ineffective) is None
    assert rule.held(ineffective.symbol) == 0


def test_symbols_do_not_meet() -> None:
    """Being long in one symbol says nothing of another: workers may share the tape's partitions."""
    rule = follower()
    rule.decide(signal("BUY", "100", 1, "AAPL"))

    assert rule.decide(signal("SELL", "100", 2, "MSFT")) is None
    assert rule.decide(signal("BUY", "100", 3, "MSFT")) is not None


DIRECTIONS: list[Direction] = ["BUY", "SELL", "HOLD"]
SIGNALS = st.lists(
    st.tuples(
        st.sampled_from(DIRECTIONS),
        st.decimals("0.01", "30000", places=4),
        st.sampled_from(["AAPL", "MSFT"]),
        st.sampled_from([None, "warm_up"]),
        st.sampled_from([None, "req_1"]),
    ),
    max_size=40,
).map(
    lambda drawn: [
        signal(direction, str(price), number, symbol, abstained=abstained, requested_by_id=by_hand)
        for number, (direction, price, symbol, abstained, by_hand) in enumerate(drawn)
    ]
)


def encoded(command: SubmitOrder | None) -> bytes | None:
    return None if command is None else schema.encode(command)[1]


@given(SIGNALS, st.integers(0, 40))
def test_derived_again_after_a_restart(signals: list[SignalGenerated], restart: int) -> None:
    """A rule that folds the past gives, byte for byte, the commands that the rule that never stopped gave."""
    steady, restarted = follower(), follower()
    expected = [encoded(steady.decide(item)) for item in signals]
    for item in signals[:restart]:
        restarted.fold(item)

    assert expected[restart:] == [encoded(restarted.decide(item)) for item in signals[restart:]]


@given(SIGNALS)
def test_long_or_flat(signals: list[SignalGenerated]) -> None:
    """Per symbol purchases and sales alternate, a sale is of what was bought, and no entry costs more than allowed."""
    rule = follower()
    held = {"AAPL": Decimal(0), "MSFT": Decimal(0)}
    for item in signals:
        command = rule.decide(item)
        if command is None:
            continue
        assert item.price is not None
        if command.side == "BUY":
            assert held[item.symbol] == 0
            assert 0 < command.quantity * item.price <= 20_000 < (command.quantity + 1) * item.price
            assert command.protection_price is not None
            assert 0 <= command.protection_price - item.price * Decimal("1.1") < Decimal("0.01")
            held[item.symbol] = command.quantity
        else:
            assert command.quantity == held[item.symbol] > 0
            held[item.symbol] = Decimal(0)
