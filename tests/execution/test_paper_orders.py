"""Each kind of order against the ticks of a tape, worked by hand. Costs are zero and an order may take a whole tick."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.market import TickAt
from domain.terms import OrderTerms
from execution.paper.trigger import first_met
from execution.venue import Cancellation, Execution, Expiry, Outcome, Refusal, Replacement, ReplaceRefusal, Trigger
from tests.execution.examples import NO_COSTS, PARAMETERS
from tests.execution.paper_desk import PaperDesk, at, fills, order, us

BEFORE = at(0, "100")


@pytest.fixture
async def desk() -> PaperDesk:
    return await PaperDesk().open()


async def play(desk: PaperDesk, terms: OrderTerms, *ticks: TickAt) -> list[Outcome]:
    """What an order that became active after BEFORE goes through on these ticks."""
    made = await desk.submit(terms, BEFORE)
    desk.meet(made, *ticks)
    return desk.outcomes(terms)


def the_expiry(outcomes: list[Outcome]) -> Expiry:
    assert isinstance(outcomes[-1], Expiry), outcomes
    return outcomes[-1]


# Stops


@pytest.mark.parametrize(
    ("side", "quiet", "met"),
    [("BUY", "104.99", "105"), ("SELL", "95.01", "95"), ("SELL_SHORT", "95.01", "95")],
)
async def test_a_stop_waits_for_its_price(desk: PaperDesk, side: Any, quiet: str, met: str) -> None:
    """A purchase at 105 triggers at or above it, a sale at 95 at or below it, and is then at the market."""
    stop = order("STOP", side, stop_price=met)

    triggered, execution = await play(desk, stop, at(1, quiet), at(2, met), at(3, quiet))

    assert triggered == Trigger(Decimal(met), at(2, met).ref.market_time_us, at(2, met).ref)
    assert fills([execution]) == [("100", met)]


@pytest.mark.parametrize(("side", "stop", "gap"), [("BUY", "105", "111"), ("SELL", "95", "88")])
async def test_a_gap_through_a_stop_fills_at_the_market(desk: PaperDesk, side: Any, stop: str, gap: str) -> None:
    """The tape jumps over the stop: the order gets what is traded there, which is worse than its stop price."""
    outcomes = await play(desk, order("STOP", side, stop_price=stop), at(1, gap))

    assert fills(outcomes) == [("100", gap)]


async def test_a_protected_stop_waits_within_its_protection(desk: PaperDesk) -> None:
    """Triggered at 111 with a worst price of 108: it waits, triggered once, and fills when the tape is back at 107."""
    stop = order("STOP", stop_price="105", protection_price="108")

    outcomes = await play(desk, stop, at(1, "111"), at(2, "109"), at(3, "107"))

    assert [type(outcome) for outcome in outcomes] == [Trigger, Execution]
    assert fills(outcomes) == [("100", "107")]


async def test_a_stop_limit_becomes_a_limit_order(desk: PaperDesk) -> None:
    """A sale with stop 95 and limit 94: met at 90, where its limit is not; it fills at 94.5, and not before."""
    stop = order("STOP_LIMIT", "SELL", stop_price="95", limit_price="94")

    outcomes = await play(desk, stop, at(1, "96"), at(2, "90"), at(3, "93.99"), at(4, "94.5"))

    assert [type(outcome) for outcome in outcomes] == [Trigger, Execution]
    assert fills(outcomes) == [("100", "94.5")]


async def test_a_trailing_sale_follows_the_highest_price(desk: PaperDesk) -> None:
    """Five below the best: from 100 up to 110 the stop rises to 105; back to 105.01 nothing, at 104 it sells."""
    trailing = order("TRAILING_STOP", "SELL", trail_amount="5")

    outcomes = await play(
        desk, trailing, at(1, "100"), at(2, "110"), at(3, "106"), at(4, "105.01"), at(5, "104"), at(6, "90")
    )

    assert fills(outcomes) == [("100", "104")]


async def test_a_trailing_purchase_follows_the_lowest_price(desk: PaperDesk) -> None:
    """200 bps above the best: from 100 down to 50 the stop falls to 51, where it is met."""
    trailing = order("TRAILING_STOP", "BUY", trail_bps="200")

    outcomes = await play(desk, trailing, at(1, "100"), at(2, "101.9"), at(3, "50"), at(4, "50.99"), at(5, "51"))

    assert fills(outcomes) == [("100", "51")]


@given(
    st.sampled_from(["BUY", "SELL"]),
    st.sampled_from([{"trail_amount": "3"}, {"trail_bps": "250"}]),
    st.lists(st.integers(50, 150), min_size=1, max_size=30),
)
def test_a_trailing_stop_never_loosens(side: Any, trail: dict[str, str], prices: list[int]) -> None:
    """It is met at the first price that lies its distance from the best so far, which is found the long way."""
    terms = order("TRAILING_STOP", side, **trail)
    ticks = [at(offset, str(price)) for offset, price in enumerate(prices)]

    def is_far(position: int) -> bool:
        best = max(prices[: position + 1]) if side == "SELL" else min(prices[: position + 1])
        distance = Decimal(3) if "trail_amount" in trail else Decimal(best) / 40
        return abs(prices[position] - best) >= distance

    expected = next((position for position in range(len(prices)) if is_far(position)), None)
    met = first_met(terms, ticks)

    assert expected == (None if met is None else met.ref.offset)


async def test_a_print_triggers_and_a_quote_does_not(desk: PaperDesk) -> None:
    """Without volume nobody traded, and in a halt nobody may: neither meets a stop, nor moves a trailing one."""
    stop = order("STOP", stop_price="105")
    trailing = order("TRAILING_STOP", "SELL", name="two", trail_amount="5")
    ticks = [at(1, "100"), at(2, "200", "0"), at(3, "200", halted=True), at(4, "100")]

    assert await play(desk, stop, *ticks) == []
    assert await play(desk, trailing, *ticks) == []


# Times in force


async def test_an_immediate_order_takes_what_there_is(desk: PaperDesk) -> None:
    """300 wanted, 120 traded: 120 are bought, the rest is gone on the same tick."""
    outcomes = await play(desk, order(quantity="300", time_in_force="IOC"), at(1, "100", "120"), at(2, "100"))

    assert fills(outcomes) == [("120", "100")]
    assert the_expiry(outcomes) == Expiry("nothing_immediate", at(1, "1").ref.market_time_us)


@pytest.mark.parametrize("tick", [at(1, "101"), at(1, "99", "0"), at(1, "99", halted=True)])
async def test_an_immediate_order_does_not_wait(desk: PaperDesk, tick: TickAt) -> None:
    """Beyond its limit, without volume, in a halt: the first tick decides, whatever comes later."""
    outcomes = await play(desk, order("LIMIT", limit_price="100", time_in_force="IOC"), tick, at(2, "99"))

    assert outcomes == [Expiry("nothing_immediate", tick.ref.market_time_us)]


async def test_all_or_nothing(desk: PaperDesk) -> None:
    """100 of 100 are filled, 100 of 99 are not, and a bigger tick afterwards comes too late."""
    whole = await play(desk, order(time_in_force="FOK"), at(1, "100", "100"))
    none = await play(desk, order(name="two", time_in_force="FOK"), at(1, "100", "99"), at(2, "100", "1000"))

    assert fills(whole) == [("100", "100")]
    assert none == [Expiry("nothing_immediate", at(1, "1").ref.market_time_us)]


async def test_an_immediate_stop_is_immediate_once_it_is_met(desk: PaperDesk) -> None:
    """It waits for its price as any stop; the tick that meets it is the only one on which it trades."""
    stop = order("STOP", stop_price="105", quantity="300", time_in_force="IOC")

    outcomes = await play(desk, stop, at(1, "100"), at(2, "100", "0"), at(3, "106", "200"), at(4, "106"))

    assert [type(outcome) for outcome in outcomes] == [Trigger, Execution, Expiry]
    assert fills(outcomes) == [("200", "106")]


async def test_good_till_date_ends_at_its_date(desk: PaperDesk) -> None:
    """A print a microsecond before it still trades, the one at it does not, and the expiry has the date's own time."""
    ends = us("2012-01-12T16:00")
    terms = order("LIMIT", quantity="2000", limit_price="100", time_in_force="GTD", expire_at_us=ends)
    early, late = at(1, "100"), at(2, "100", time="2012-01-12T16:00")
    early = early._replace(ref=msgspec.structs.replace(early.ref, market_time_us=ends - 1))

    outcomes = await play(desk, terms, early, late)

    assert fills(outcomes) == [("1000", "100")]
    assert the_expiry(outcomes) == Expiry("date_reached", ends)


@pytest.mark.parametrize(
    ("before", "closing", "what"),
    [
        ("2012-01-11T15:00", "2012-01-11T21:00", "an ordinary day"),
        ("2012-01-10T22:00", "2012-01-11T21:00", "given in the evening before"),
        ("2012-11-23T15:00", "2012-11-23T18:00", "an early close"),
        ("2012-07-02T14:00", "2012-07-02T20:00", "daylight saving time"),
        ("2012-10-27T12:00", "2012-10-31T20:00", "Sandy closed Monday and Tuesday"),
        ("2012-01-10T21:00", "2012-01-11T21:00", "given at the close"),
    ],
)
async def test_a_day_order_lives_until_the_closing_print(desk: PaperDesk, before: str, closing: str, what: str) -> None:
    """It may still fill on the closing print, the first at or after the close, and expires with it."""
    terms = order("LIMIT", quantity="1500", limit_price="100", time_in_force="DAY")
    made = await desk.submit(terms, at(0, "100", time=before))

    outcomes = desk.meet(made, at(1, "100", time=closing), at(2, "100", time="2012-12-14T15:00"))

    assert fills(outcomes) == [("1000", "100")], what
    assert the_expiry(outcomes) == Expiry("day_over", us(closing))


async def test_a_day_order_without_a_closing_print_expires_with_the_next_tick(desk: PaperDesk) -> None:
    """Nothing was printed from 21:00 to 22:30; the next morning's tick finds it expired at the close."""
    terms = order("LIMIT", limit_price="100", time_in_force="DAY")

    outcomes = await play(desk, terms, at(1, "101", time="2012-01-11T20:59"), at(2, "100", time="2012-01-12T14:30"))

    assert outcomes == [Expiry("day_over", us("2012-01-11T21:00"))]


async def test_a_day_stop_that_was_not_met_expires_too(desk: PaperDesk) -> None:
    """The closing print is not at its price, so its day is over."""
    outcomes = await play(
        desk, order("STOP", stop_price="105", time_in_force="DAY"), at(1, "100", time="2012-01-11T21:00")
    )

    assert outcomes == [Expiry("day_over", us("2012-01-11T21:00"))]


async def test_at_the_open_means_the_opening_print(desk: PaperDesk) -> None:
    """The pre-market print is not it, a halted opening waits for the resumption; what it does not fill is gone."""
    terms = order(quantity="1500", time_in_force="AT_OPEN")
    made = await desk.submit(terms, at(0, "100", time="2012-01-10T21:00"))

    outcomes = desk.meet(
        made,
        at(1, "90", time="2012-01-11T14:00"),
        at(2, "91", time="2012-01-11T14:30", halted=True),
        at(3, "92", time="2012-01-11T14:40"),
        at(4, "93", time="2012-01-11T14:41"),
    )

    assert fills(outcomes) == [("1000", "92")]
    assert the_expiry(outcomes) == Expiry("auction_over", us("2012-01-11T14:40"))


async def test_a_limit_at_the_open_is_kept(desk: PaperDesk) -> None:
    """The opening print is above the limit of 90: no fill, then or later that day."""
    terms = order("LIMIT", limit_price="90", time_in_force="AT_OPEN")
    made = await desk.submit(terms, at(0, "100", time="2012-01-10T21:00"))

    outcomes = desk.meet(made, at(1, "91", time="2012-01-11T14:30"), at(2, "89", time="2012-01-11T15:00"))

    assert outcomes == [Expiry("auction_over", us("2012-01-11T14:30"))]


async def test_an_opening_that_never_was(desk: PaperDesk) -> None:
    """The symbol did not trade that day: the next day's print finds the order expired at that day's close."""
    terms = order(time_in_force="AT_OPEN")
    made = await desk.submit(terms, at(0, "100", time="2012-01-10T21:00"))

    assert desk.meet(made, at(1, "91", time="2012-01-12T14:30")) == [Expiry("auction_over", us("2012-01-11T21:00"))]


async def test_too_late_for_the_open_is_for_the_next_one(desk: PaperDesk) -> None:
    """Active at the open itself: the opening print of the next session is meant."""
    terms = order(time_in_force="AT_OPEN")
    made = await desk.submit(terms, at(0, "100", time="2012-01-11T14:30"))

    outcomes = desk.meet(made, at(1, "91", time="2012-01-11T15:00"), at(2, "92", time="2012-01-12T14:30"))

    assert fills(outcomes) == [("100", "92")]


async def test_at_the_close_means_the_closing_print(desk: PaperDesk) -> None:
    """Nothing during the day, all on the first print from 18:00 on, which was an early close."""
    terms = order("LIMIT", "SELL", quantity="1500", limit_price="90", time_in_force="AT_CLOSE")
    made = await desk.submit(terms, at(0, "100", time="2012-11-23T15:00"))

    outcomes = desk.meet(
        made,
        at(1, "99", time="2012-11-23T17:59"),
        at(2, "98", time="2012-11-23T18:00"),
        at(3, "97", time="2012-11-23T18:01"),
    )

    assert fills(outcomes) == [("1000", "98")]
    assert the_expiry(outcomes) == Expiry("auction_over", us("2012-11-23T18:00"))


# Time without ticks


@pytest.mark.parametrize(
    ("terms", "ends", "over"),
    [
        (order(time_in_force="DAY"), "2012-01-11T21:00", "2012-01-11T22:30"),
        (order(time_in_force="AT_CLOSE"), "2012-01-11T21:00", "2012-01-11T22:30"),
        (order(time_in_force="AT_OPEN"), "2012-01-12T21:00", "2012-01-12T20:59:59"),
        (order(time_in_force="GTD", expire_at_us=us("2012-01-11T16:00")), "2012-01-11T16:00", "2012-01-11T15:59:59"),
    ],
)
async def test_silence_ends_an_order_too(desk: PaperDesk, terms: OrderTerms, ends: str, over: str) -> None:
    """The engine tells the time: an order ends when no print of its own can come, as its own tick would say."""
    await desk.submit(terms, BEFORE)

    desk.venue.due(us(over), lambda made: True)
    assert desk.heard == []

    desk.venue.due(us(over) + 1_000_000, lambda made: False)
    assert desk.heard == []

    desk.venue.due(us(over) + 1_000_000, lambda made: True)
    assert [outcome.market_time_us for _, outcome in desk.heard if isinstance(outcome, Expiry)] == [us(ends)]

    desk.venue.due(us("2013-01-01T00:00"), lambda made: True)
    assert len(desk.heard) == 1


async def test_an_order_that_has_ended_does_not_expire(desk: PaperDesk) -> None:
    """Cancelled in the morning: the evening says nothing of it."""
    made = await desk.submit(order(time_in_force="DAY"), BEFORE)
    await desk.venue.cancel(made)

    desk.venue.due(us("2012-01-12T14:30"), lambda made: True)

    assert [type(outcome) for _, outcome in desk.heard] == [Cancellation]


async def test_a_later_date_gives_more_time(desk: PaperDesk) -> None:
    """Its date was moved from the 12th to the 13th: on the 12th it lives, on the 13th it ends."""
    terms = order(time_in_force="GTD", expire_at_us=us("2012-01-12T00:00"))
    made = await desk.submit(terms, BEFORE)
    await desk.venue.replace(made, msgspec.structs.replace(terms, expire_at_us=us("2012-01-13T00:00")), 1)

    desk.venue.due(us("2012-01-12T12:00"), lambda made: True)
    assert len(desk.heard) == 1

    desk.venue.due(us("2012-01-13T12:00"), lambda made: True)
    assert desk.heard[1:] == [("one", Expiry("date_reached", us("2012-01-13T00:00")))]


async def test_many_orders_that_have_ended_are_forgotten(desk: PaperDesk) -> None:
    """A venue that runs for years keeps no more deadlines than there are orders at work, give or take a thousand."""
    for number in range(3_000):
        made = await desk.submit(
            order(name=str(number), time_in_force="GTD", expire_at_us=us("2030-01-01T00:00")), BEFORE
        )
        made.ended = "finished"

    assert len(desk.venue._deadlines) <= 1_025


async def test_good_till_cancelled_outlives_the_clock(desk: PaperDesk) -> None:
    """Time alone ends no order that has no time."""
    await desk.submit(order(), BEFORE)
    await desk.submit(order(name="two", time_in_force="IOC"), BEFORE)

    desk.venue.due(us("2049-01-01T00:00"), lambda made: True)

    assert desk.heard == []


# Post-only


@pytest.mark.parametrize(
    ("side", "limit", "price"), [("BUY", "100", "100"), ("BUY", "100", "99"), ("SELL", "100", "101")]
)
async def test_post_only_would_take(desk: PaperDesk, side: Any, limit: str, price: str) -> None:
    """The first print is at its limit or beyond it: it would trade on arrival, so it is refused."""
    (outcome,) = await play(desk, order("LIMIT", side, limit_price=limit, post_only=True), at(1, price), at(2, "90"))

    assert isinstance(outcome, Refusal)
    assert outcome.code == "ORDER_POST_ONLY_WOULD_TAKE"


async def test_post_only_rests_and_fills_at_its_limit() -> None:
    """It arrives at 101 and rests at 100; the tape falls through to 95: it gets its 100, as a maker, without costs."""
    desk = await PaperDesk(PARAMETERS).open()
    terms = order("LIMIT", limit_price="100", quantity="150", post_only=True)

    outcomes = await play(desk, terms, at(1, "101"), at(2, "100.01"), at(3, "95"), at(4, "100"))

    assert fills(outcomes) == [("100", "100"), ("50", "100")]
    assert [outcome.liquidity for outcome in outcomes if isinstance(outcome, Execution)] == ["MAKER", "MAKER"]


async def test_others_are_takers(desk: PaperDesk) -> None:
    """Plain orders come to the market, and pay for it."""
    for name, terms in [("one", order()), ("two", order("LIMIT", name="two", limit_price="200", time_in_force="IOC"))]:
        (execution,) = await play(desk, terms, at(1, "100"))

        assert isinstance(execution, Execution), name
        assert execution.liquidity == "TAKER"


# Halts


@pytest.mark.parametrize(
    "terms", [order(), order("LIMIT", limit_price="100"), order("LIMIT", limit_price="100", time_in_force="DAY")]
)
async def test_a_halted_symbol_fills_nothing(desk: PaperDesk, terms: OrderTerms) -> None:
    """Orders wait while trading is halted, and go on with the first print of the resumption."""
    outcomes = await play(desk, terms, at(1, "99", halted=True), at(2, "98", halted=True), at(3, "97"))

    assert fills(outcomes) == [("100", "97")]


# What the venue does not take


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (order("STOP"), "ORDER_STOP_MISSING"),
        (order("STOP_LIMIT", limit_price="1"), "ORDER_STOP_MISSING"),
        (order("STOP_LIMIT", stop_price="1"), "ORDER_LIMIT_MISSING"),
        (order("STOP", stop_price="-1"), "ORDER_PRICE_INVALID"),
        (order("TRAILING_STOP"), "ORDER_TRAIL_INVALID"),
        (order("TRAILING_STOP", trail_amount="1", trail_bps="1"), "ORDER_TRAIL_INVALID"),
        (order("TRAILING_STOP", "SELL", trail_bps="10000"), "ORDER_TRAIL_INVALID"),
        (order("TRAILING_STOP", trail_amount="0"), "ORDER_PRICE_INVALID"),
        (order(time_in_force="GTD"), "ORDER_EXPIRY_MISSING"),
        (order("STOP", stop_price="1", time_in_force="AT_OPEN"), "ORDER_TIME_IN_FORCE_INVALID"),
        (order("TRAILING_STOP", trail_amount="1", time_in_force="AT_CLOSE"), "ORDER_TIME_IN_FORCE_INVALID"),
        (order(post_only=True), "ORDER_POST_ONLY_INVALID"),
        (order("LIMIT", limit_price="1", post_only=True, time_in_force="IOC"), "ORDER_POST_ONLY_INVALID"),
        (order("LIMIT", limit_price="1", post_only=True, time_in_force="AT_OPEN"), "ORDER_POST_ONLY_INVALID"),
    ],
)
async def test_terms_that_contradict_themselves_are_refused(desk: PaperDesk, terms: OrderTerms, code: str) -> None:
    """A venue refuses what it cannot do, with a code and what it expected."""
    (outcome,) = await play(desk, terms, at(1, "100"))

    assert isinstance(outcome, Refusal)
    assert outcome.code == code
    assert "expected" in outcome.text or "needs" in outcome.text


async def test_an_exchange_without_a_calendar_is_refused() -> None:
    """Without sessions there is no day to be good for; an order without a day is taken all the same."""
    desk = await PaperDesk(mics={"AAPL": "XXXX"}).open()

    (outcome,) = await play(desk, order(time_in_force="DAY"), at(1, "100"))
    others = await play(desk, order(name="two"), at(1, "100"))

    assert isinstance(outcome, Refusal)
    assert outcome.code == "ORDER_SESSION_UNKNOWN"
    assert fills(others) == [("100", "100")]


# Replacements


@pytest.mark.parametrize(
    ("changes", "keeps"),
    [
        ({"quantity": Decimal(90)}, True),
        ({"quantity": Decimal(100)}, True),
        ({"quantity": Decimal(101)}, False),
        ({"limit_price": Decimal(99)}, False),
        ({"limit_price": Decimal(101), "quantity": Decimal(50)}, False),
        ({"expire_at_us": us("2012-02-01T00:00")}, True),
    ],
)
async def test_who_asks_for_more_goes_to_the_back(desk: PaperDesk, changes: dict[str, Any], keeps: bool) -> None:
    """Less keeps its place in the queue, a later date too; more, or another price, does not."""
    terms = order("LIMIT", limit_price="100", time_in_force="GTD", expire_at_us=us("2012-01-20T00:00"))
    made = await desk.submit(terms, BEFORE)
    desk.meet(made, at(1, "102"))

    await desk.venue.replace(made, msgspec.structs.replace(terms, **changes), 1)

    assert desk.outcomes(terms) == [Replacement(1, keeps, at(1, "102").ref)]


async def test_the_next_tick_meets_the_new_terms(desk: PaperDesk) -> None:
    """30 of 100 are filled, then 60 are wanted at 105: 30 more can be had, and no more."""
    terms = order("LIMIT", limit_price="100")
    made = await desk.submit(terms, BEFORE)
    desk.meet(made, at(1, "100", "30"))
    new = msgspec.structs.replace(terms, limit_price=Decimal(105), quantity=Decimal(60))

    await desk.venue.replace(made, new, 1)
    made.terms, made.leaves = new, Decimal(30)
    outcomes = desk.meet(made, at(2, "104"))

    assert fills(outcomes) == [("30", "104")]
    assert made.ended == "finished"


async def test_a_replaced_trailing_stop_remembers_its_best(desk: PaperDesk) -> None:
    """Ten below a best of 120, then five below: the stop is 115 at once, and 114 meets it."""
    terms = order("TRAILING_STOP", "SELL", trail_amount="10")
    made = await desk.submit(terms, BEFORE)
    desk.meet(made, at(1, "120"), at(2, "114"))

    await desk.venue.replace(made, msgspec.structs.replace(terms, trail_amount=Decimal(5)), 1)
    outcomes = desk.meet(made, at(3, "114"))

    assert fills(outcomes) == [("100", "114")]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"side": "SELL"}, "ORDER_REPLACE_NOT_ALLOWED"),
        ({"time_in_force": "DAY"}, "ORDER_REPLACE_NOT_ALLOWED"),
        ({"stop_price": Decimal(90)}, "ORDER_ALREADY_TRIGGERED"),
        ({"limit_price": Decimal(0)}, "ORDER_PRICE_INVALID"),
    ],
)
async def test_a_replacement_that_cannot_be(desk: PaperDesk, changes: dict[str, Any], code: str) -> None:
    """The venue says why, and goes on with the old terms."""
    terms = order("STOP_LIMIT", stop_price="105", limit_price="106")
    made = await desk.submit(terms, BEFORE)
    desk.meet(made, at(1, "107"))

    await desk.venue.replace(made, msgspec.structs.replace(terms, **changes), 7)
    refused = desk.outcomes(terms)[-1]
    outcomes = desk.meet(made, at(2, "106"))

    assert isinstance(refused, ReplaceRefusal)
    assert (refused.revision, refused.code) == (7, code)
    assert fills(outcomes) == [("100", "106")]


async def test_nothing_is_left_of_a_smaller_order(desk: PaperDesk) -> None:
    """30 are filled and 20 are wanted: refused, and the 70 that are left go on."""
    terms = order("LIMIT", limit_price="100")
    made = await desk.submit(terms, BEFORE)
    desk.meet(made, at(1, "100", "30"))

    await desk.venue.replace(made, msgspec.structs.replace(terms, quantity=Decimal(20)), 1)

    refused = desk.outcomes(terms)[-1]
    assert isinstance(refused, ReplaceRefusal)
    assert refused.code == "ORDER_NOTHING_LEFT"
    assert fills(desk.meet(made, at(2, "90"))) == [("70", "90")]


async def test_a_replaced_post_only_order_arrives_again(desk: PaperDesk) -> None:
    """It rested at 100; moved to 103 it would take at 102, and is refused there."""
    terms = order("LIMIT", limit_price="100", post_only=True)
    made = await desk.submit(terms, BEFORE)
    desk.meet(made, at(1, "102"))

    await desk.venue.replace(made, msgspec.structs.replace(terms, limit_price=Decimal(103)), 1)
    (outcome,) = desk.meet(made, at(2, "102"))

    assert isinstance(outcome, Refusal)


# What has always been


async def test_costs_below_zero_are_taken_as_they_are() -> None:
    """A spread of minus ten basis points makes a purchase at 100 cost 99.90, which is within a limit of 99.95."""
    desk = await PaperDesk(
        msgspec.structs.replace(NO_COSTS, half_spread_bps=Decimal(-10), spread_jitter=Decimal(0))
    ).open()

    assert fills(await play(desk, order("LIMIT", limit_price="99.95"), at(1, "100"))) == [("100", "99.9")]


async def test_a_cancel_is_answered_by_every_kind(desk: PaperDesk) -> None:
    """The venue gives up what is left, waiting for its stop or not."""
    for name, terms in [("one", order()), ("two", order("STOP", name="two", stop_price="105"))]:
        made = await desk.submit(terms, BEFORE)

        await desk.venue.cancel(made)

        assert desk.heard[-1] == (name, Cancellation("requested"))


async def test_without_costs_a_limit_gets_its_price_or_better(desk: PaperDesk) -> None:
    """The tape is below a purchase's limit of 100: it pays what the tape says."""
    assert NO_COSTS.half_spread_bps == 0
    assert fills(await play(desk, order("LIMIT", limit_price="100"), at(1, "97"))) == [("100", "97")]
