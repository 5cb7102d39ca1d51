"""Goal: where the market is now, an order ends when its time is over, whether or not anybody trades; in a replay it
does not, for there only ticks tell the time.

Method: the clock with a hand on it, over the real evaluation and venue; then a worker on real Kafka and Redis.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import pytest

from domain.errors import UnavailableError
from domain.reports import ReportAcknowledged, ReportExpired, ReportFilled
from execution.realtime import MarketClock
from execution.venue import Execution, Expiry
from runtime.clock import now_us
from tests.execution.examples import dispatch, terms
from tests.execution.floor import Floor, eventually
from tests.execution.paper_desk import PaperDesk, at, fills, order, us
from tests.execution.test_evaluation import START, Trail, tick

SECOND_US = 1_000_000
YESTERDAY = at(0, "100", time="2012-01-10T20:59:58")
GTD: Any = {"time_in_force": "GTD", "order_type": "LIMIT"}


class Market:
    """How far the topic has got, and a watch: both by hand."""

    def __init__(self, time: str) -> None:
        self.length = {0: 0, 1: 0}
        self.is_away = False
        self.asked = 0
        self.time_us = us(time)

    def ends(self, partitions: Collection[int]) -> dict[int, int]:
        self.asked += 1
        if self.is_away:
            raise UnavailableError("Kafka is away")
        return {partition: self.length[partition] for partition in partitions}


def clock(trail: Trail, market: Market, late_s: int = 5) -> MarketClock:
    return MarketClock(trail.evaluation, trail.window, market, late_s * SECOND_US, lambda: market.time_us)


async def gtd(trail: Trail, until: str = "2012-01-11T16:00") -> Any:
    """An order for 100 at 100 which has met no tick but START."""
    await trail.see(START)
    trail.window.have_met({0: 1})
    return await trail.join("one", after=START, expire_at_us=us(until), limit_price=START.tick.price, **GTD)


async def test_the_clock_ends_an_order_after_the_grace() -> None:
    """Its time is over at 16:00:00; ticks may come 5 s late, so at 16:00:05 it ends, with the time 16:00:00."""
    trail, market = Trail(), Market("2012-01-11T16:00:04")
    market.length[0] = 1
    await gtd(trail)

    await clock(trail, market).look()
    assert (trail.heard, market.asked) == ([], 0)

    market.time_us += SECOND_US
    await clock(trail, market).look()
    assert trail.heard == [("one", Expiry("date_reached", us("2012-01-11T16:00")))]


async def test_what_is_on_the_market_is_met_first() -> None:
    """The worker slept through 15:59, when 30 were traded; they are on the topic, and it meets them before it ends."""
    trail, market = Trail(), Market("2012-01-11T17:00")
    market.length[0] = 2
    await gtd(trail)
    ours = clock(trail, market)
    await ours.look()
    await ours.look()
    assert trail.heard == []

    await trail.see(tick("AAPL", 1, "2012-01-11T15:59", volume="30"))
    trail.window.have_met({0: 2})
    await ours.look()

    assert [type(said) for _, said in trail.heard] == [Execution, Expiry]


async def test_while_the_market_cannot_be_read_nobody_knows() -> None:
    """Kafka is away: nothing ends, and it is tried again."""
    trail, market = Trail(), Market("2012-01-11T17:00")
    await gtd(trail)
    market.is_away = True
    running = asyncio.create_task(clock(trail, market).run())
    await eventually(lambda: market.asked >= 2, "a second attempt")
    assert trail.heard == []

    market.is_away, market.length[0] = False, 1
    await eventually(lambda: trail.heard, "the end of the order")
    running.cancel()


async def test_an_order_that_is_behind_is_left_alone() -> None:
    """It still reads old ticks back, which may be prints of its own time."""
    trail, market = Trail(), Market("2012-01-11T17:00")
    made = await gtd(trail)
    market.length[0] = 1
    trail.evaluation.leave(made)

    await clock(trail, market).look()

    assert trail.heard == []


# What "active" means in real time


async def test_a_day_order_belongs_to_the_day_on_which_it_was_taken() -> None:
    """The newest print is yesterday's, before the close: in a replay that is the order's day, in real time not."""
    terms_ = order(time_in_force="DAY")
    for real_time, ends in [(False, "2012-01-10T21:00"), (True, "2012-01-11T21:00")]:
        desk = await PaperDesk(real_time=real_time).open()
        await desk.submit(terms_, YESTERDAY, accepted="2012-01-11T13:00")

        desk.venue.due(us("2012-01-11T13:01"), lambda made: True)
        assert len(desk.heard) == (not real_time)
        desk.venue.due(us("2012-01-12T13:00"), lambda made: True)
        assert desk.outcomes(terms_) == [Expiry("day_over", us(ends))]


@pytest.mark.parametrize(
    ("more", "ends"),
    [
        ({"time_in_force": "DAY"}, "2012-01-11T21:00"),
        ({"time_in_force": "AT_CLOSE"}, "2012-01-11T21:00"),
        ({"time_in_force": "GTD", "expire_at_us": us("2012-01-11T16:00")}, "2012-01-11T16:00"),
    ],
)
async def test_a_symbol_that_never_traded(more: Any, ends: str) -> None:
    """There is no tick at all; the order still has an end."""
    terms_ = order(**more)
    desk = await PaperDesk(real_time=True).open()
    await desk.submit(terms_, accepted="2012-01-11T13:00")

    desk.venue.due(us("2012-01-12T13:00"), lambda made: True)

    (expiry,) = desk.outcomes(terms_)
    assert isinstance(expiry, Expiry)
    assert expiry.market_time_us == us(ends)


@pytest.mark.parametrize("shared", [False, True])
async def test_a_print_of_before_fills_nothing(shared: bool) -> None:
    """A print of 15:00:01 that arrives late does not fill an order that was taken at 15:00:02; one of 15:00:03 does."""
    terms_ = order("LIMIT", limit_price="100")
    desk = await PaperDesk(real_time=True, shared_liquidity=shared).open()
    made = await desk.submit(terms_, at(0, "100"), accepted="2012-01-11T15:00:02")

    outcomes = desk.meet(made, at(1, "90"), at(2, "91"), at(3, "99"))

    assert fills(outcomes) == [("100", "99")]


# A worker


@pytest.fixture
def real_time(floor: Floor) -> Floor:
    more = {"market_real_time": True, "market_tick_late_ms_max": 500}
    floor.settings = floor.settings.model_copy(update=more)
    return floor


def until(seconds: float) -> Any:
    return {"time_in_force": "GTD", "expire_at_us": now_us() + int(seconds * SECOND_US), "limit_price": "50"}


@pytest.mark.integration
@pytest.mark.timeout(120)
async def test_silence_on_a_live_market(real_time: Floor) -> None:
    """Nobody trades after the order came, or ever has: it ends half a second after its time, and not before.

    Another order, whose time is not over, stays, and is filled by the next print.
    """
    floor = real_time
    floor.publish(price="100", second=now_us() // SECOND_US)
    await floor.start(real_time=True)
    quiet, unknown = terms("quiet", **until(1)), terms("unknown", symbol="IBM", **until(1))
    stays = terms("stays", **until(3_600))
    for one in (quiet, unknown, stays):
        floor.send(dispatch(one, accepted_at_us=now_us()))

    for one in (quiet, unknown):
        ended = await floor.report(ReportExpired, order_id=one.order_id)
        assert (ended.reason, ended.market_time_us) == ("date_reached", one.expire_at_us)
        assert one.expire_at_us is not None
        assert ended.reported_at_us >= one.expire_at_us + SECOND_US // 2

    floor.publish(price="49", second=now_us() // SECOND_US + 1)
    assert (await floor.report(ReportFilled, order_id=stays.order_id)).price == 49
    await floor.nothing_pending()


@pytest.mark.integration
@pytest.mark.timeout(120)
async def test_silence_in_a_replay_ends_nothing(floor: Floor) -> None:
    """The same without MARKET_REAL_TIME: after ten times the grace nothing has happened; then a tick tells the time."""
    floor.settings = floor.settings.model_copy(update={"market_tick_late_ms_max": 300})
    floor.publish(price="100", second=now_us() // SECOND_US)
    await floor.start()
    silent = terms("silent", **until(0.5))
    floor.send(dispatch(silent, accepted_at_us=now_us()))
    await floor.report(ReportAcknowledged, order_id=silent.order_id)

    await asyncio.sleep(3)
    assert [type(report) for report in floor.read_reports()] == [ReportAcknowledged]

    floor.publish(price="100", second=now_us() // SECOND_US)
    await floor.report(ReportExpired, order_id=silent.order_id)
