"""The lockstep feed's bookkeeping: a tick is done with when all it causes is on the tapes, and not before."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain import events
from domain.commands import SubmitOrder
from domain.market import Bar, Tick, TickRef
from domain.signals import Direction, SignalGenerated
from runtime.settings import Settings
from streams.codec import Cause
from streams.feed.consequences import Consequences, Published, Watermark
from streams.strategy.rule import follower_of

SETTINGS = Settings(_env_file=None)
CLOSE_US = 1_294_088_400_000_000
BAR = Bar(open=Decimal(10), high=Decimal(12), low=Decimal(9), close=Decimal(11), volume=Decimal(100))
BASE: dict[str, Any] = {"originator_id": "acc_demo", "originator_version": 1, "timestamp": 1}


def at(offset: int, symbol: str = "AAPL", closing: bool = False) -> Published:
    tick = Tick(
        symbol=symbol,
        market_time_us=CLOSE_US + offset * 1_000_000,
        price=Decimal(11),
        volume=Decimal(1),
        bar=BAR if closing else None,
    )
    return Published(tick, 0, offset)


def signal(place: Published, direction: Direction = "BUY", requested_by_id: str | None = None) -> SignalGenerated:
    ref = TickRef(partition=place.partition, offset=place.offset, market_time_us=place.tick.market_time_us)
    return SignalGenerated(
        signal_id=f"sig_{place.offset}",
        symbol=place.tick.symbol,
        direction=direction,
        probabilities={"BUY": 1.0, "SELL": 0.0, "HOLD": 0.0},
        model_name="xgboost",
        model_version="1",
        features={},
        price=place.tick.price,
        first_tick=ref,
        last_tick=ref,
        market_time_us=place.tick.market_time_us,
        recorded_at_us=5,
        requested_by_id=requested_by_id,
    )


def cause(place: Published) -> Cause:
    return Cause("market.ticks", place.partition, place.offset, "tik_x")


def command_of(item: SignalGenerated) -> SubmitOrder:
    command = follower_of(SETTINGS).decide(item)
    assert command is not None
    return command


def terms(command: SubmitOrder) -> events.OrderTerms:
    names = set(events.OrderTerms.__struct_fields__) & set(SubmitOrder.__struct_fields__)
    return events.OrderTerms(**{name: getattr(command, name) for name in names})


def accepted(command: SubmitOrder) -> events.OrderAccepted:
    return events.OrderAccepted(
        **BASE,
        command_id=command.command_id,
        order=terms(command),
        hold_cash=Decimal(1),
        hold_quantity=Decimal(0),
        dispatch_epoch=1,
    )


def acknowledged(command: SubmitOrder, epoch: int = 1) -> events.OrderAcknowledged:
    return events.OrderAcknowledged(
        **BASE,
        report_id=f"rep_ack_{epoch}",
        order_id=command.order_id,
        dispatch_epoch=epoch,
        worker_id="w",
        venue="PAPER",
        active_after=command.active_after,
    )


def filled(command: SubmitOrder, status: events.OrderStatus, report_id: str = "rep_fill") -> events.OrderFilled:
    return events.OrderFilled(
        **BASE,
        report_id=report_id,
        order_id=command.order_id,
        execution_id="exe_1",
        dispatch_epoch=1,
        symbol=command.symbol,
        side=command.side,
        venue="PAPER",
        quantity=Decimal(1),
        price=Decimal(11),
        fee=Decimal(0),
        cumulative_quantity=Decimal(1),
        leaves_quantity=Decimal(0),
        status=status,
        realized_pnl=Decimal(0),
        released_cash=Decimal(0),
        lots=(),
        market_time_us=1,
    )


def rejected_report(command: SubmitOrder, code: str, report_type: str = "ReportFilled") -> events.ReportRejected:
    return events.ReportRejected(
        **BASE,
        report_id=f"rep_{code}",
        report_type=report_type,
        order_id=command.order_id,
        code=code,
        text="",
        details={},
    )


def mark(offset: int, reports: int, epoch: int = 1, partition: int = 0) -> Watermark:
    return Watermark(partition=partition, offset=offset, reports=reports, epoch=epoch)


def fresh() -> Consequences:
    return Consequences(follower_of(SETTINGS))


@pytest.fixture
def working() -> tuple[Consequences, SubmitOrder]:
    """See order_at_work."""
    return order_at_work()


def order_at_work() -> tuple[Consequences, SubmitOrder]:
    """A ledger with one order, bought at the close at offset 4, accepted and acknowledged."""
    known, close = fresh(), at(4, closing=True)
    command = command_of(signal(close))
    known.on_signal(signal(close), cause(close))
    known.on_ledger_event(accepted(command))
    known.on_ledger_event(acknowledged(command))
    return known, command


def test_an_open_tick_causes_nothing() -> None:
    """A tick that completes no bar, of a symbol without orders, needs no waiting."""
    known = fresh()

    assert not known.has_open("AAPL")
    assert known.missing(at(1), {}) is None


def test_a_closing_tick_waits_for_its_signal() -> None:
    """A completed bar is done with when its own signal is there: not with an older one, nor another symbol's."""
    known, close = fresh(), at(8, closing=True)
    known.on_signal(signal(at(4, closing=True), "HOLD"), cause(at(4)))
    known.on_signal(signal(at(9, "MSFT", closing=True), "HOLD"), cause(at(9, "MSFT")))
    before = known.missing(close, {})
    known.on_signal(signal(close, "HOLD"), cause(close))

    assert before == "the signal of the tick of AAPL at market.ticks/0 offset 8 on trading.signals"
    assert known.missing(close, {}) is None


def test_a_signal_by_hand_does_not_stand_for_the_tick() -> None:
    """A signal that somebody asked for neither answers a tick nor causes a command."""
    known, close = fresh(), at(4, closing=True)
    known.on_signal(signal(close, requested_by_id="req_1"), Cause("signals.requests", 0, 99, "req_1"))

    assert known.missing(close, {}) is not None
    assert not known.has_open("AAPL")


def rejected(command: SubmitOrder) -> events.OrderRejected:
    return events.OrderRejected(
        **BASE, command_id=command.command_id, order=terms(command), code="CASH_INSUFFICIENT", text="", details={}
    )


def refused(command: SubmitOrder) -> events.CommandRejected:
    return events.CommandRejected(
        **BASE,
        command_id=command.command_id,
        command_type="SubmitOrder",
        code="ACCOUNT_UNKNOWN",
        text="",
        details={},
    )


@pytest.mark.parametrize("verdict", [accepted, rejected, refused])
@pytest.mark.parametrize("ledger_first", [False, True], ids=["signal seen first", "verdict seen first"])
def test_a_command_waits_for_its_verdict(verdict: Any, ledger_first: bool) -> None:
    """A signal that causes a command is done with when the ledger has decided it, whichever tape is read first."""
    known, close = fresh(), at(4, closing=True)
    command = command_of(signal(close))
    if ledger_first:
        known.on_ledger_event(verdict(command))
        known.on_signal(signal(close), cause(close))
    else:
        known.on_signal(signal(close), cause(close))
        assert (
            known.missing(close, {}) == f"the ledger's verdict on command {command.command_id} (AAPL) on ledger.events"
        )
        assert known.has_open("AAPL")
        known.on_ledger_event(verdict(command))

    assert known.missing(close, {}) is None
    assert known.has_open("AAPL") == (verdict is accepted)


def test_an_order_is_not_evaluated_at_its_own_tick(working: tuple[Consequences, SubmitOrder]) -> None:
    """An order is active after the tick it was decided at: that tick needs no watermark, another symbol's neither."""
    known, _ = working

    assert known.awaited_orders(at(4, closing=True)) == []
    assert known.missing(at(5, "MSFT"), {}) is None


def test_an_order_is_not_active_before_its_latency_is_over() -> None:
    """A tick within the latency after the decision is not waited on, one behind it is."""
    known, close = fresh(), at(4, closing=True)
    command = command_of(signal(close))
    known.on_ledger_event(accepted(command))
    assert command.active_from_us is not None
    soon = msgspec.structs.replace(at(5).tick, market_time_us=command.active_from_us)
    later = msgspec.structs.replace(soon, market_time_us=command.active_from_us + 1)

    assert known.awaited_orders(Published(soon, 0, 5)) == []
    assert known.awaited_orders(Published(later, 0, 5)) == [command.order_id]


@pytest.mark.parametrize(
    ("watermark", "missing"),
    [
        (None, "evaluation of order"),
        (mark(4, 1), "evaluation of order"),
        (mark(5, 1, partition=1), "evaluation of order"),
        (mark(5, 1, epoch=2), "under dispatch epoch 1"),
        (mark(5, 2), "report 2 of 2"),
        (mark(5, 1), None),
        (mark(9, 1), None),
    ],
    ids=["no watermark", "behind", "other partition", "other epoch", "report on its way", "up to it", "beyond"],
)
def test_an_active_order_waits_for_the_engine(
    working: tuple[Consequences, SubmitOrder], watermark: Watermark | None, missing: str | None
) -> None:
    """With an active order a tick is done with when the engine is past it and its reports are on the tape."""
    known, command = working
    found = known.missing(at(5), {} if watermark is None else {command.order_id: watermark})

    assert found is None if missing is None else missing in str(found)


def test_a_repeated_report_counts_once(working: tuple[Consequences, SubmitOrder]) -> None:
    """Two refusals of the same report are one report of the engine's count."""
    known, command = working
    known.on_ledger_event(rejected_report(command, "FILL_EXCEEDS_LEAVES"))
    known.on_ledger_event(rejected_report(command, "FILL_EXCEEDS_LEAVES"))

    assert known.missing(at(5), {command.order_id: mark(5, 2)}) is None
    assert known.missing(at(5), {command.order_id: mark(5, 3)}) is not None


def test_outsiders_do_not_count(working: tuple[Consequences, SubmitOrder]) -> None:
    """A report refused for its dispatch epoch is none of those that the order's engine has counted."""
    known, command = working
    known.on_ledger_event(rejected_report(command, "EPOCH_STALE"))

    assert known.missing(at(5), {command.order_id: mark(5, 2)}) is not None


def test_refused_breaks_do_not_count(working: tuple[Consequences, SubmitOrder]) -> None:
    """Who compares the venue's records with the ledger's is not the order's engine, and is not counted by it."""
    known, command = working
    known.on_ledger_event(rejected_report(command, "BREAK_OUTDATED", "ReportBreak"))

    assert known.missing(at(5), {command.order_id: mark(5, 2)}) is not None


def test_a_new_epoch_counts_anew(working: tuple[Consequences, SubmitOrder]) -> None:
    """After a redispatch only the new worker's watermark and reports count."""
    known, command = working
    known.on_ledger_event(
        events.OrderRedispatched(
            **BASE, report_id="rep_r", order_id=command.order_id, dispatch_epoch=2, reason="worker_lost"
        )
    )
    stale = known.missing(at(5), {command.order_id: mark(5, 1, epoch=1)})
    unreported = known.missing(at(5), {command.order_id: mark(5, 1, epoch=2)})
    known.on_ledger_event(acknowledged(command, epoch=2))

    assert "under dispatch epoch 2" in str(stale)
    assert "report 1 of 1" in str(unreported)
    assert known.missing(at(5), {command.order_id: mark(5, 1, epoch=2)}) is None


@pytest.mark.parametrize("status", ["PARTIALLY_FILLED", "PENDING_CANCEL", "FILLED"])
def test_a_filled_order_is_waited_for_no_more(
    working: tuple[Consequences, SubmitOrder], status: events.OrderStatus
) -> None:
    """A fill that leaves something keeps the order open; the last one ends the waiting, watermark or not."""
    known, command = working
    known.on_ledger_event(filled(command, status))

    assert known.has_open("AAPL") == (status != "FILLED")
    assert (known.missing(at(5), {}) is None) == (status == "FILLED")


def test_canceled_and_refused_orders_end() -> None:
    """The venue's cancellation and its refusal end the waiting too."""
    ends = [
        events.OrderCanceled(
            **BASE,
            report_id="rep_c",
            order_id="",
            dispatch_epoch=1,
            reason="protection",
            canceled_quantity=Decimal(1),
            released_cash=Decimal(1),
            released_quantity=Decimal(0),
        ),
        events.OrderRefusedByVenue(
            **BASE,
            report_id="rep_f",
            order_id="",
            dispatch_epoch=1,
            code="VENUE_CLOSED",
            text="",
            released_cash=Decimal(1),
            released_quantity=Decimal(0),
        ),
    ]
    command = command_of(signal(at(4, closing=True)))
    for end in ends:
        known = fresh()
        known.on_ledger_event(accepted(command))
        known.on_ledger_event(msgspec.structs.replace(end, order_id=command.order_id))

        assert known.missing(at(5), {}) is None
