"""The feed on real Kafka: every tick once and in order, whoever stops or kills it; waiting for what ticks cause."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import redis

from domain import events
from domain.errors import ChainError, InvalidValue
from domain.market import Tick
from models.features import WINDOW
from runtime.clients import kafka_producer, redis_sync
from runtime.settings import Settings
from streams import codec
from streams.codec import Cause
from streams.feed.consequences import Published
from streams.feed.feed import Feed, Pace, Progress
from streams.feed.lockstep import WATERMARKS, Lockstep
from streams.feed.patience import Stopped
from streams.feed.plan import plan
from streams.feed.worker import SUMMARY
from streams.partitioning import partition_of
from streams.tape import TapeWriter, Unsealed, end_offsets, read_range
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration
FIRST, LAST = date(2011, 1, 1), date(2011, 2, 28)
SYMBOLS = ("AAPL", "IBM", "MSFT")
SIGNALS, FEED = "streams.signals.worker", "streams.feed.worker"
WARM_UP = WINDOW - 1  # of a model that looks at one row
FAST = Pace(bars_per_second=100_000)


def on_topic(settings: Settings) -> dict[int, list[Tick]]:
    """What every partition of market.ticks holds."""
    topic = settings.topic("market.ticks")
    return {
        partition: [codec.decode(record.value, record.headers) for record in read_range(settings, topic, partition)]
        for partition in range(settings.partitions)
    }


def planned(settings: Settings) -> dict[int, list[Tick]]:
    """What an undisturbed replay puts there: the plan in its order, each symbol on its partition."""
    expected: dict[int, list[Tick]] = {partition: [] for partition in range(settings.partitions)}
    for tick in plan(SYMBOLS, FIRST, LAST, WARM_UP).ticks:
        expected[partition_of(tick.symbol.encode(), settings.partitions)].append(tick)
    return expected


def test_stopped_and_started_again(ledger_settings: Settings) -> None:
    """A feed that was stopped goes on where it was; one that is started when all is done publishes nothing."""
    stopped = Feed(ledger_settings, SYMBOLS, FIRST, LAST, FAST)

    def stop_at_100(progress: Progress) -> None:
        if progress.bars_done == 100:
            stopped.stop()

    before = stopped.run(stop_at_100)
    after = Feed(ledger_settings, SYMBOLS, FIRST, LAST, FAST).run()
    idle = Feed(ledger_settings, SYMBOLS, FIRST, LAST, FAST).run()

    # 39 trading days in January and February 2011.
    assert (before.bars_published, before.complete) == (100, False)
    assert (after.bars_skipped, after.bars_published, after.complete) == (100, 3 * (WARM_UP + 39) - 100, True)
    assert (idle.ticks_published, idle.complete) == (0, True)
    assert planned(ledger_settings) == on_topic(ledger_settings)


def test_the_records_are_cloudevents(ledger_settings: Settings) -> None:
    """A tick's record has the symbol as its key, an id of its own and the market's time."""
    Feed(ledger_settings, ["IBM"], date(2011, 1, 3), date(2011, 1, 3), FAST).run()
    partition = partition_of(b"IBM", ledger_settings.partitions)
    records = list(read_range(ledger_settings, ledger_settings.topic("market.ticks"), partition))
    last = records[-1]

    assert len({codec.header(record.headers, "ce_id") for record in records}) == 4 * (WARM_UP + 1)
    assert {record.key for record in records} == {b"IBM"}
    assert codec.header(last.headers, "ce_time") == b"2011-01-03T21:00:00.000000Z"
    assert codec.traceparent_of(last.headers) is not None


def test_speed(ledger_settings: Settings) -> None:
    """At a speed the market's time passes so many times as fast as ours."""
    feed = Feed(ledger_settings, ["IBM"], date(2011, 1, 3), date(2011, 1, 3), Pace(speed=1e7))
    started = time.monotonic()
    feed.run()
    market_s = (feed.plan.ticks[-1].market_time_us - feed.plan.ticks[0].market_time_us) / 1e6

    assert time.monotonic() - started >= market_s / 1e7


def test_killed_in_lockstep(ledger_settings: Settings) -> None:
    """After kill -9 of the feed and of the signals agent the topic is that of an undisturbed run, offset for offset,
    and every completed bar has its signal.
    """
    settings = ledger_settings.model_copy(
        update={
            "feed_from": FIRST,
            "feed_to": LAST,
            "instruments": ",".join(SYMBOLS),
            "partitions": 4,
            "worker_instance": "one",
        }  # they take their partitions back at once
    )
    expected = planned(settings)
    bars = sum(tick.bar is not None for ticks in expected.values() for tick in ticks)

    def signals() -> int:
        return sum(end_offsets(settings, settings.topic("trading.signals")).values())

    with worker(settings, SIGNALS) as judging, worker(settings, FEED) as feeding:
        eventually(lambda: signals() > 50, "50 signals")
        feeding.kill()
        judging.kill()
    with worker(settings, FEED) as feeding, worker(settings, SIGNALS):
        eventually((settings.tape_home / SUMMARY).exists, "the summary", 90)
        assert feeding.stop() == 0

    assert expected == on_topic(settings)
    assert bars == signals()


def test_symbols_that_may_not_be_traded(ledger_settings: Settings) -> None:
    """The feed refuses a symbol that is no instrument here: nobody would ever answer its ticks."""
    settings = ledger_settings.model_copy(update={"instruments": "AAPL"})

    with pytest.raises(InvalidValue, match="no instrument MSFT; expected some of AAPL"):
        Feed(settings, ["AAPL", "MSFT"], FIRST, LAST)


class LedgerTape:
    """The tape of the strategy's account, written by the real writer."""

    def __init__(self, settings: Settings) -> None:
        self._account = settings.strategy_account_id
        self._partition = partition_of(self._account.encode(), settings.partitions)
        self._writer = TapeWriter(settings, settings.topic("ledger.events"))
        self._writer.fold(self._partition, lambda record, head: None)

    def append(self, event: events.LedgerEvent) -> None:
        value, headers = codec.encode(
            event,
            id_=f"evt_{event.timestamp}",
            source="ledger",
            time_us=1,
            subject=self._account,
            cause=Cause("trading.commands", self._partition, event.timestamp, "cmd"),
        )
        self._writer.append({self._partition: [Unsealed(self._account.encode(), value, headers)]})


def accepted(time_us: int) -> events.OrderAccepted:
    terms = events.OrderTerms(
        order_id="ord_1", client_order_id="c", symbol="IBM", side="BUY", order_type="MARKET", quantity=Decimal(1)
    )
    return events.OrderAccepted(
        originator_id="acc_demo",
        originator_version=1,
        timestamp=time_us,
        command_id="cmd_hand",
        order=terms,
        hold_cash=Decimal(1),
        hold_quantity=Decimal(0),
        dispatch_epoch=1,
    )


def acknowledged(time_us: int) -> events.OrderAcknowledged:
    return events.OrderAcknowledged(
        originator_id="acc_demo",
        originator_version=2,
        timestamp=time_us,
        report_id="rep_1",
        order_id="ord_1",
        dispatch_epoch=1,
        worker_id="w",
        venue="PAPER",
        active_after=None,
    )


def returns_after(what: Callable[[], None], lead: Callable[[], object]) -> bool:
    """Whether `what` does not return before `lead` is called, and does return after it."""
    done = threading.Event()

    def run() -> None:
        what()
        done.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    early = done.wait(0.3)
    lead()
    late = done.wait(20)
    return not early and late


def test_waiting_for_the_engine(ledger_settings: Settings) -> None:
    """A tick of a symbol with an open order is done with when watermark and reports are there, not before."""
    tape, client = LedgerTape(ledger_settings), redis_sync(ledger_settings)
    tick = Tick(symbol="IBM", market_time_us=1, price=Decimal(1), volume=Decimal(1))
    at = Published(tick, partition_of(b"IBM", ledger_settings.partitions), 7)

    def mark(reports: int, offset: int) -> Any:
        text = f'{{"partition":{at.partition},"offset":{offset},"reports":{reports},"epoch":1,"at_us":5}}'
        return client.hset(WATERMARKS, "ord_1", text)

    tape.append(accepted(1))
    with Lockstep(ledger_settings, lambda: False) as lockstep:
        assert not lockstep.causes_nothing("IBM", False)
        assert lockstep.causes_nothing("AAPL", False)
        mark(0, 6)
        assert returns_after(lambda: lockstep.wait(at), lambda: mark(0, 7))
        mark(1, 7)
        assert returns_after(lambda: lockstep.wait(at), lambda: tape.append(acknowledged(2)))


def test_redis_away(ledger_settings: Settings) -> None:
    """Without Redis the feed goes on waiting, and stops when it is told to."""
    LedgerTape(ledger_settings).append(accepted(1))
    stop = threading.Event()
    settings = ledger_settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    at = Published(Tick(symbol="IBM", market_time_us=1, price=Decimal(1), volume=Decimal(1)), 0, 7)
    with pytest.raises(redis.ConnectionError):
        redis_sync(settings).ping()

    with Lockstep(settings, stop.is_set) as lockstep:
        threading.Timer(0.3, stop.set).start()
        with pytest.raises(Stopped):
            lockstep.wait(at)


def test_a_broken_tape_stops_the_feed(ledger_settings: Settings) -> None:
    """A record on the ledger's tape that breaks the chain ends the waiting with the place where it stands."""
    producer = kafka_producer(ledger_settings)
    producer.produce(ledger_settings.topic("ledger.events"), key=b"acc_demo", value=b"{}", partition=0)
    producer.flush()

    with pytest.raises(ChainError, match=r"ledger\.events/0 at offset 0"), Lockstep(ledger_settings, lambda: False):
        pass
