"""A worker that takes an order over says what the worker before it would have said: nothing depends on who evaluates.

Method: one worker plays an order to the end. For every number of its reports that may have reached the ledger before it
was killed, another gets the order as the ledger then knows it, meets the same tape, and must say the rest, exactly.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.market import TickAt
from domain.terms import OrderTerms
from execution.venue import Execution, Outcome, Replacement, Trigger
from tests.execution.examples import PARAMETERS
from tests.execution.paper_desk import PaperDesk, at, fills, order, us

BEFORE = at(0, "100", time="2012-01-11T13:00")
prices = st.integers(90, 110).map(str)
kinds: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({"kind": "MARKET"}),
    st.builds(lambda limit: {"kind": "LIMIT", "limit_price": limit}, prices),
    st.builds(lambda limit: {"kind": "LIMIT", "limit_price": limit, "post_only": True}, prices),
    st.builds(lambda stop: {"kind": "STOP", "stop_price": stop}, prices),
    st.builds(lambda stop, limit: {"kind": "STOP_LIMIT", "stop_price": stop, "limit_price": limit}, prices, prices),
    st.sampled_from([{"kind": "TRAILING_STOP", "trail_amount": "4"}, {"kind": "TRAILING_STOP", "trail_bps": "300"}]),
)
times: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.sampled_from([{"time_in_force": name} for name in ("GTC", "DAY", "IOC", "FOK", "AT_OPEN", "AT_CLOSE")]),
    st.builds(
        lambda minutes: {"time_in_force": "GTD", "expire_at_us": us("2012-01-11T13:00") + minutes * 60_000_000},
        st.integers(1, 2 * 24 * 60),
    ),
)


@st.composite
def orders(draw: st.DrawFn) -> OrderTerms:
    latency: int | None = draw(st.sampled_from([None, us("2012-01-11T13:30")]))
    quantity = str(draw(st.integers(1, 400)))
    shape = draw(kinds) | draw(times) | {"side": draw(st.sampled_from(["BUY", "SELL"])), "quantity": quantity}
    return order(active_from_us=latency, **shape)


@st.composite
def tapes(draw: st.DrawFn) -> list[TickAt]:
    """Two days and a half, over a pre-market, an open and a close, with halts and quotes without volume."""
    minutes = sorted(draw(st.lists(st.integers(0, 2 * 24 * 60), min_size=1, max_size=25)))
    tape = []
    for offset, minute in enumerate(minutes, start=1):
        volume = draw(st.sampled_from(["0", "400", "1500", "2500"]))
        tick = at(offset, draw(prices), volume, halted=draw(st.integers(0, 5)) == 0)
        time_us = us("2012-01-11T13:00") + minute * 60_000_000
        tape.append(
            TickAt(
                msgspec.structs.replace(tick.ref, market_time_us=time_us),
                msgspec.structs.replace(tick.tick, market_time_us=time_us),
            )
        )
    return tape


async def played(terms: OrderTerms, tape: list[TickAt], told: list[Outcome]) -> list[Outcome]:
    """What a worker says that gets the order when the ledger knows `told`."""
    desk = await PaperDesk(PARAMETERS).open()
    made = await desk.submit(terms, BEFORE, told)
    desk.meet(made, *tape)
    return desk.outcomes(terms)


async def played_free(terms: OrderTerms, tape: list[TickAt], told: list[Outcome]) -> list[Outcome]:
    """The same without costs."""
    desk = await PaperDesk().open()
    desk.meet(await desk.submit(terms, BEFORE, told), *tape)
    return desk.outcomes(terms)


@settings(deadline=None)  # the first example loads the calendar
@given(orders(), tapes())
def test_whoever_goes_on_says_the_same(terms: OrderTerms, tape: list[TickAt]) -> None:
    """Every kind of order and time in force, and every place where the reports may have been cut off."""

    async def check() -> None:
        whole = await played(terms, tape, [])
        ended = bool(whole) and not isinstance(whole[-1], Execution | Trigger)
        filled = sum((said.quantity for said in whole if isinstance(said, Execution)), Decimal(0)) == terms.quantity
        for known in range(len(whole) + (not ended and not filled)):
            assert await played(terms, tape, whole[:known]) == whole[known:]

    asyncio.run(check())


async def test_a_trigger_alone_leaves_its_tick_to_be_met_again() -> None:
    """The worker dies between the trigger at 105 and the fill on the same tick: the next one fills there, at 105."""
    stop = order("STOP", stop_price="104")
    tape = [at(1, "105"), at(2, "120")]
    whole = await played(stop, tape, [])

    again = await played(stop, tape, whole[:1])

    assert isinstance(whole[0], Trigger)
    assert again == whole[1:]


@pytest.mark.parametrize(
    "stop",
    [
        {"kind": "STOP", "stop_price": "104"},
        {"kind": "STOP_LIMIT", "stop_price": "104", "limit_price": "106"},
        {"kind": "TRAILING_STOP", "trail_amount": "4"},
    ],
)
async def test_a_stop_that_the_closing_print_meets_fills_there_whoever_goes_on(stop: dict[str, Any]) -> None:
    """The worker dies between the trigger and the fill on the day's last print: the order is not over, but to fill."""
    terms = order(time_in_force="DAY", **stop)
    tape = [at(1, "100", time="2012-01-11T20:59"), at(2, "105", time="2012-01-11T21:00")]
    whole = await played(terms, tape, [])
    assert isinstance(whole[0], Trigger)
    assert isinstance(whole[1], Execution)

    assert await played(terms, tape, whole[:1]) == whole[1:]


async def test_a_replaced_trailing_stop_is_watched_from_the_beginning() -> None:
    """Its best price of 120 was before the replacement, after which its stop is 115; the new worker finds it again."""
    terms = order("TRAILING_STOP", "SELL", trail_amount="10")
    narrower = msgspec.structs.replace(terms, trail_amount=Decimal(5))
    tape = [at(1, "120"), at(2, "114"), at(3, "115.5"), at(4, "115")]
    desk = await PaperDesk().open()
    made = await desk.submit(terms, BEFORE)
    desk.meet(made, *tape[:2])
    await desk.venue.replace(made, narrower, 1)
    told = desk.outcomes(terms)

    second = await PaperDesk().open()
    again = await second.submit(narrower, BEFORE, told)
    outcomes = second.meet(again, *tape)

    assert fills(outcomes) == [("100", "115")]


async def test_the_ticks_before_a_replacement_have_met_the_old_terms() -> None:
    """A purchase at 95 did not fill at 104. It was moved to 105, and its worker died: the next one fills it at 103."""
    terms = order("LIMIT", limit_price="95")
    dearer = msgspec.structs.replace(terms, limit_price=Decimal(105))
    tape = [at(1, "104"), at(2, "103")]
    desk = await PaperDesk().open()
    made = await desk.submit(terms, BEFORE)
    desk.meet(made, tape[0])
    await desk.venue.replace(made, dearer, 1)

    assert fills(await played_free(dearer, tape, desk.outcomes(terms))) == [("100", "103")]


async def test_a_replacement_while_it_is_watched_does_not_lead_back() -> None:
    """A trailing stop that is only being watched up to tick 2 is replaced: its new terms begin after tick 2."""
    terms = order("TRAILING_STOP", "SELL", trail_amount="10")
    desk = await PaperDesk().open()
    made = await desk.submit(terms, BEFORE, [Replacement(1, False, at(2, "1").ref)])

    await desk.venue.replace(made, msgspec.structs.replace(terms, trail_amount=Decimal(5)), 2)

    assert desk.outcomes(terms) == [Replacement(2, False, at(2, "1").ref)]


@pytest.mark.parametrize("time_in_force", ["IOC", "DAY", "AT_CLOSE"])
async def test_a_lost_expiry_is_said_when_the_order_comes_back(time_in_force: Any) -> None:
    """The last fill reached the ledger and the expiry did not: the next worker says it at once, with the same time."""
    terms = order("LIMIT", quantity="150", limit_price="101", time_in_force=time_in_force)
    tape = [at(1, "100", time="2012-01-11T21:00"), at(2, "100", time="2012-01-12T15:00")]
    whole = await played(terms, tape, [])
    assert len(whole) == 2

    desk = await PaperDesk(PARAMETERS).open()
    await desk.submit(terms, BEFORE, whole[:1])

    assert desk.outcomes(terms) == whole[1:]


async def test_a_post_only_order_arrives_once() -> None:
    """It rested at 100 and was filled in part; the next worker lets it rest on, though the tape is below its limit."""
    terms = order("LIMIT", quantity="150", limit_price="100", post_only=True)
    tape = [at(1, "101"), at(2, "100"), at(3, "95")]
    whole = await played(terms, tape, [])

    assert fills(whole) == [("100", "100"), ("50", "100")]
    assert await played(terms, tape, whole[:1]) == whole[1:]
