"""The book of a symbol: who gets what of a tick, by hand, by what must never be, and by a slow model of it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.market import TickAt, TickRef
from domain.terms import OrderTerms
from execution.paper import Book, PaperParameters
from execution.paper.resting import Resting
from execution.venue import Cancellation, Execution, Expiry, Outcome, Refusal, Trigger
from tests.execution import book_model
from tests.execution.paper_desk import PaperDesk, at, order

TENTH = PaperParameters(
    half_spread_bps=Decimal(0), impact_bps=Decimal(0), participation_max=Decimal("0.1"), fee_bps=Decimal(0)
)
COSTLY = PaperParameters(
    half_spread_bps=Decimal(20), impact_bps=Decimal(300), participation_max=Decimal("0.5"), fee_bps=Decimal(1)
)
RANDOM = msgspec.structs.replace(COSTLY, half_spread_bps=Decimal(100), spread_jitter=Decimal(1))
Said = tuple[str, int, Outcome]
"""Order id, offset of the tick, what happened."""


def resting(terms: OrderTerms, after: int = 0, leaves: Decimal | None = None, link: Any = "ALONE") -> Resting:
    """An order that is active after the tick at an offset."""
    ref = at(after, "1").ref
    made = Resting(terms, terms.quantity if leaves is None else leaves, since=ref, link=link)
    made.know_active(ref.market_time_us, None)
    return made


def run(book: Book, orders: Sequence[Resting], tape: Sequence[TickAt], met: dict[str, int] | None = None) -> list[Said]:
    """Let each tick meet the orders that are active and have not ended. met: the last tick that an order has met."""
    said: list[Said] = []
    ended: set[str] = set()
    for tick in tape:
        offset = tick.ref.offset
        there = [made for made in orders if made.order_id not in ended and made.leaves > 0]
        coming = [
            made
            for made in there
            if (made.active_us or 0) < tick.ref.market_time_us and (met or {}).get(made.order_id, -1) < offset
        ]
        others = [made for made in there if made not in coming]
        for made, outcome in book.meet(tick, coming, others):
            said.append((made.order_id, offset, outcome))
            if isinstance(outcome, Cancellation | Expiry | Refusal):
                ended.add(made.order_id)
    return said


def fills(said: Sequence[Said]) -> list[tuple[str, int, int, Decimal]]:
    return [
        (order_id, offset, int(outcome.quantity), outcome.price)
        for order_id, offset, outcome in said
        if isinstance(outcome, Execution)
    ]


def shares(parameters: PaperParameters, tick: TickAt, *orders: Resting) -> list[tuple[str, int]]:
    """Who gets how much of one tick, in turn."""
    names = {made.order_id: made.terms.client_order_id for made in orders}
    return [(names[order_id], quantity) for order_id, _, quantity, _ in fills(run(Book(parameters), orders, [tick]))]


# By hand


def test_all_orders_share_the_tenth_of_a_tick() -> None:
    """1,000 units traded, 100 can be had: the first gets its 70, the second 30 of 50, the third nothing."""
    made = [
        resting(order(name=name, quantity=q), after)
        for after, (name, q) in enumerate([("a", "70"), ("b", "50"), ("c", "9")])
    ]

    assert shares(TENTH, at(9, "100"), *reversed(made)) == [("a", 70), ("b", 30)]


def test_the_better_price_goes_first() -> None:
    """The latest of three purchases bids most, so it is first; of the sales the one that asks least."""
    buys = [
        resting(order("LIMIT", name=f"b{limit}", quantity="60", limit_price=limit), after)
        for after, limit in enumerate(["101", "100", "102"])
    ]
    sales = [
        resting(order("LIMIT", "SELL", name=f"s{limit}", quantity="60", limit_price=limit), after)
        for after, limit in enumerate(["99", "98"])
    ]

    assert shares(TENTH, at(9, "100"), *buys) == [("b102", 60), ("b101", 40)]
    assert shares(TENTH, at(9, "100"), *sales) == [("s98", 60), ("s99", 40)]


def test_at_one_price_the_earlier_goes_first() -> None:
    """Two equal limits: the one that was active a tick earlier is served, whatever order they are given in."""
    early, late = (
        resting(order("LIMIT", name=name, quantity="80", limit_price="100"), after)
        for name, after in [("early", 1), ("late", 2)]
    )

    assert shares(TENTH, at(9, "100"), late, early) == [("early", 80), ("late", 20)]


def test_orders_without_a_limit_come_before_those_with_one() -> None:
    """A market order that came last is served before the best limit; a stop that is met now comes after it in time."""
    limit = resting(order("LIMIT", name="limit", quantity="50", limit_price="200"), 0)
    market = resting(order(name="market", quantity="30"), 5)
    stop = resting(order("STOP", name="stop", quantity="50", stop_price="99"), 1)

    assert shares(TENTH, at(9, "100"), limit, stop, market) == [("market", 30), ("stop", 50), ("limit", 20)]


def test_who_shares_pays_for_what_was_taken_before() -> None:
    """Impact 100 bp x sqrt(taken / 400): 100 units give 50 bp, 100.50; the next 300 bring it to 100 bp, 101.00."""
    impact = msgspec.structs.replace(TENTH, impact_bps=Decimal(100), participation_max=Decimal(1))
    one, two = resting(order(name="one"), 0), resting(order(name="two", quantity="300"), 1)

    got = fills(run(Book(impact), [one, two], [at(9, "100", "400")]))

    assert [(quantity, price) for _, _, quantity, price in got] == [(100, Decimal("100.5")), (300, Decimal("101"))]


def test_it_takes_the_part_that_fits_its_limit_and_shuts_the_side() -> None:
    """Up to 100.50 a quarter of the tick can be had, 100 of 400; the worse limit gets nothing, a sale its own."""
    impact = msgspec.structs.replace(TENTH, impact_bps=Decimal(100), participation_max=Decimal(1))
    best = resting(order("LIMIT", name="best", quantity="300", limit_price="100.5"), 1)
    worse = resting(order("LIMIT", name="worse", quantity="1", limit_price="100.4"), 0)
    sale = resting(order("LIMIT", "SELL", name="sale", quantity="10", limit_price="99"), 2)

    assert shares(impact, at(9, "100", "400"), worse, sale, best) == [("sale", 10), ("best", 90)]


def lucky(offset: int, *, low: bool) -> str:
    """The name of an order for which the seed makes the spread of the tick at an offset small, or large."""
    for number in range(1_000):
        digest = hashlib.sha256(f"{order(name=f'n{number}').order_id}:0:{offset}".encode()).digest()
        if digest[0] < 16 if low else digest[0] >= 240:
            return f"n{number}"
    raise AssertionError("none of a thousand names is lucky")


def test_luck_overtakes_nobody() -> None:
    """The spread is 1 % give or take all of it, by a seed: the better limit of 100.5 is out of luck and would pay more,
    the worse one of 100.4 could trade. It does not, at this owner nor at the next, where the better has met the tick.
    """
    tick = at(9, "100", "1000")
    better = resting(order("LIMIT", name=lucky(9, low=False), limit_price="100.5"), 0)
    worse = resting(order("LIMIT", name=lucky(9, low=True), limit_price="100.4"), 1)
    free = msgspec.structs.replace(RANDOM, impact_bps=Decimal(0))

    assert shares(free, tick, worse) == [(worse.terms.client_order_id, 100)]

    worse.leaves = Decimal(100)
    assert shares(free, tick, better, worse) == []
    assert Book(free).meet(tick, [worse], [better]) == []


def test_all_or_nothing_stands_in_nobodys_way() -> None:
    """100 can be had: 150 whole cannot, so the order behind it gets its 80."""
    whole = resting(order("LIMIT", name="whole", quantity="150", limit_price="105", time_in_force="FOK"), 0)
    behind = resting(order("LIMIT", name="behind", quantity="80", limit_price="104"), 1)

    assert shares(TENTH, at(9, "100"), whole, behind) == [("behind", 80)]


def test_a_maker_takes_its_turn_at_its_own_price() -> None:
    """Two post-only purchases at 100 rest; a tick at 99 with room for 100 gives them 60 and 40, at 100."""
    made = [
        resting(order("LIMIT", name=name, quantity="60", limit_price="100", post_only=True), after)
        for after, name in enumerate(["a", "b"])
    ]

    got = fills(run(Book(COSTLY), made, [at(5, "101"), at(6, "99", "200")]))

    assert [(quantity, price) for _, _, quantity, price in got] == [(60, Decimal(100)), (40, Decimal(100))]


def test_one_leg_cancels_the_other_before_its_turn() -> None:
    """Take-profit at 110 and stop at 90 of one group: a print at 111 sells the one, and the other is gone."""
    profit = resting(order("LIMIT", "SELL", name="profit", limit_price="110", group_id="g"), link="CANCEL")
    loss = resting(order("STOP", "SELL", name="loss", stop_price="90", group_id="g"), link="CANCEL")
    other = resting(order("STOP", "SELL", name="other", stop_price="90", group_id="h"), link="CANCEL")

    said = run(Book(TENTH), [loss, profit, other], [at(1, "111", "500"), at(2, "80", "3000")])

    assert said[1] == (loss.order_id, 1, Cancellation("other_leg_filled"))
    assert [(order_id, quantity) for order_id, _, quantity, _ in fills(said)] == [
        (profit.order_id, 50),
        (other.order_id, 100),
    ]


def test_both_legs_at_once_sell_only_once() -> None:
    """The tape gaps so that both could trade: the market leg's turn is first, and the limit gets none."""
    legs = [
        resting(order("STOP", "SELL", name="stop", stop_price="120", group_id="g"), link="CANCEL"),
        resting(order("LIMIT", "SELL", name="limit", limit_price="110", group_id="g"), link="CANCEL"),
    ]

    said = run(Book(TENTH), legs, [at(1, "115", "5000")])

    assert [(order_id, quantity) for order_id, _, quantity, _ in fills(said)] == [(legs[0].order_id, 100)]


def test_one_leg_makes_the_other_smaller() -> None:
    """Bracket exits of 100: 40 of the take-profit leave 60 of the stop-loss; when nothing is left, it ends."""
    profit = resting(order("LIMIT", "SELL", name="profit", limit_price="110", group_id="g"), link="REDUCE")
    loss = resting(order("STOP", "SELL", name="loss", stop_price="90", group_id="g"), link="REDUCE")

    said = run(Book(TENTH), [profit, loss], [at(1, "111", "400")])
    assert (profit.leaves, loss.leaves) == (60, 60)

    said = run(Book(TENTH), [profit, loss], [at(2, "89", "5000")])
    assert [type(outcome) for _, _, outcome in said] == [Trigger, Execution, Cancellation]
    assert loss.leaves == 0


def test_what_earlier_owners_gave_is_gone() -> None:
    """80 of the tick's 100 were given before this owner: 20 are left for whoever meets the tick again."""
    made = resting(order(quantity="50"))

    got = fills(run(Book(TENTH, {1: Decimal(80)}), [made], [at(1, "100"), at(2, "100")]))

    assert [(offset, quantity) for _, offset, quantity, _ in got] == [(1, 20), (2, 30)]


def test_who_comes_again_gets_the_same_again() -> None:
    """Both had their turns; dispatched anew they meet the tick again: the same shares, and nobody gets more."""
    book, tick = Book(COSTLY), at(9, "100", "200")
    orders = [order(name="one", quantity="70"), order(name="two", quantity="50")]

    first, second = ([said.outcome for said in book.meet(tick, [resting(terms) for terms in orders])] for _ in range(2))
    late = book.meet(tick, [resting(order(name="three"))])

    larger = book.meet(tick, [resting(order(name="one", quantity="90"))])

    assert first == second
    assert [said.quantity for said in first if isinstance(said, Execution)] == [50, 50]
    assert [said.outcome.quantity for said in larger if isinstance(said.outcome, Execution)] == [50]
    assert book.given(9) == 100
    assert late == []


# By what must never be, and by the slow model

prices = st.integers(95, 105).map(str)
costs = st.sampled_from([TENTH, COSTLY, RANDOM])


@st.composite
def books(draw: st.DrawFn) -> list[tuple[OrderTerms, int]]:
    """Up to eight orders with the offset of the tick after which each is active."""
    made = []
    for number in range(draw(st.integers(1, 8))):
        shape: dict[str, Any] = draw(
            st.one_of(
                st.just({"kind": "MARKET"}),
                st.builds(lambda worst: {"kind": "MARKET", "protection_price": worst}, prices),
                st.builds(lambda limit: {"kind": "LIMIT", "limit_price": limit}, prices),
                st.builds(lambda limit: {"kind": "LIMIT", "limit_price": limit}, prices),
                st.builds(lambda stop: {"kind": "STOP", "stop_price": stop}, prices),
                st.builds(lambda s, p: {"kind": "STOP_LIMIT", "stop_price": s, "limit_price": p}, prices, prices),
                st.just({"kind": "TRAILING_STOP", "trail_amount": "2"}),
            )
        )
        shape["side"] = draw(st.sampled_from(["BUY", "SELL"]))
        shape["quantity"] = str(draw(st.integers(1, 120)))
        shape["time_in_force"] = draw(st.sampled_from(["GTC", "GTC", "GTC", "IOC", "FOK"]))
        made.append((order(name=f"o{number}", **shape), draw(st.integers(0, 6))))
    return made


@st.composite
def tapes(draw: st.DrawFn) -> list[TickAt]:
    return [
        at(offset, draw(prices), draw(st.sampled_from(["0", "90", "300", "1000"])), halted=draw(st.integers(0, 9)) == 0)
        for offset in range(1, draw(st.integers(2, 10)))
    ]


@given(books(), tapes(), costs, st.randoms(use_true_random=False))
def test_the_book_agrees_with_the_slow_model(
    made: list[tuple[OrderTerms, int]], tape: list[TickAt], parameters: PaperParameters, random: Any
) -> None:
    """The same fills at the same prices in the same turns, whatever order the orders are given in."""
    tickets = [
        book_model.Ticket(terms, int(terms.quantity), (ref.market_time_us, ref.offset), ref.market_time_us)
        for terms, ref in ((terms, at(after, "1").ref) for terms, after in made)
    ]
    expected = book_model.run(tickets, tape, parameters)
    random.shuffle(made)

    got = fills(run(Book(parameters), [resting(terms, after) for terms, after in made], tape))

    assert got == expected


@given(books(), tapes(), costs)
def test_nobody_is_overtaken_and_nothing_is_given_twice(
    made: list[tuple[OrderTerms, int]], tape: list[TickAt], parameters: PaperParameters
) -> None:
    """On every tick: no more than the share of its volume; nobody is served while a better or earlier order of its side
    waits with room left; no order gets more than it wants or a price beyond its worst.
    """
    orders = [resting(terms, after) for terms, after in made]
    said = run(Book(parameters), orders, tape)
    by_tick: dict[int, dict[str, Execution]] = defaultdict(dict)
    for order_id, offset, outcome in said:
        if isinstance(outcome, Execution):
            assert order_id not in by_tick[offset], "one execution an order and tick"
            by_tick[offset][order_id] = outcome
    got: dict[str, Decimal] = defaultdict(Decimal)
    ended = {order_id: offset for order_id, offset, outcome in said if isinstance(outcome, Expiry)}
    for tick in tape:
        executions = by_tick[tick.ref.offset]
        assert sum(one.quantity for one in executions.values()) <= parameters.participation_max * tick.tick.volume
        for order_id, execution in executions.items():
            got[order_id] += execution.quantity
        for terms, after in made:
            assert got[terms.order_id] <= terms.quantity
            price = executions[terms.order_id].price if terms.order_id in executions else None
            if price is not None and terms.worst_price is not None:
                assert price >= terms.worst_price if terms.is_sale else price <= terms.worst_price
            for other, since in made:
                waits = (
                    terms.order_type == other.order_type == "LIMIT"
                    and terms.side == other.side
                    and terms.time_in_force == "GTC"
                    and after < tick.ref.offset
                    and got[terms.order_id] < terms.quantity
                    and terms.order_id not in ended
                )
                assert (
                    terms.limit_price is None
                    or other.limit_price is None
                    or terms is other
                    or not (waits and _is_before(terms, after, other, since) and other.order_id in executions)
                )


def _is_before(terms: OrderTerms, after: int, other: OrderTerms, since: int) -> bool:
    assert terms.limit_price is not None
    assert other.limit_price is not None
    better = terms.limit_price < other.limit_price if terms.is_sale else terms.limit_price > other.limit_price
    return better or (terms.limit_price == other.limit_price and after < since)


@settings(max_examples=60)
@given(books(), tapes(), costs, st.data())
def test_a_new_owner_goes_on_where_the_old_one_stopped(
    made: list[tuple[OrderTerms, int]], tape: list[TickAt], parameters: PaperParameters, data: st.DataObject
) -> None:
    """The old owner dies with any number of its reports made. The new one has of each order what the ledger knows, and
    what was given on each tick; it meets the tape from the beginning, and says what was not said yet, and no more.
    """
    whole = run(Book(parameters), [resting(terms, after) for terms, after in made], tape)
    known = whole[: data.draw(st.integers(0, len(whole)), label="reports made")]

    given_before: dict[int, Decimal] = defaultdict(Decimal)
    met: dict[str, int] = {}
    again = []
    for terms, after in made:
        mine = [(offset, outcome) for order_id, offset, outcome in known if order_id == terms.order_id]
        new = resting(terms, after)
        for offset, outcome in mine:
            if isinstance(outcome, Trigger):
                assert outcome.tick is not None
                new.triggered, new.since = True, outcome.tick
                met[terms.order_id] = offset - 1
            elif isinstance(outcome, Execution):
                new.leaves -= outcome.quantity
                given_before[offset] += outcome.quantity
                met[terms.order_id] = offset
        if mine and isinstance(mine[-1][1], Expiry):
            continue
        if new.filled and terms.time_in_force == "IOC":
            continue  # its expiry is said by execution.paper.resting.overdue
        again.append(new)

    rest = run(Book(parameters, given_before), again, tape, met)

    done = {order_id for order_id, _, _ in known}
    expected = [
        said
        for said in whole[len(known) :]
        if not (isinstance(said[2], Expiry) and said[0] in done and _filled(known, said[0]) and _is_ioc(made, said[0]))
    ]
    assert sorted(rest, key=_order) == sorted(expected, key=_order)


def _order(said: Said) -> tuple[int, str, str]:
    return said[1], said[0], type(said[2]).__name__


def _filled(known: Sequence[Said], order_id: str) -> bool:
    return any(said[0] == order_id and isinstance(said[2], Execution) for said in known)


def _is_ioc(made: list[tuple[OrderTerms, int]], order_id: str) -> bool:
    return any(terms.order_id == order_id and terms.time_in_force == "IOC" for terms, _ in made)


# Behind the venue


async def test_the_venue_runs_the_book_when_told_so() -> None:
    """With shared liquidity two orders of 80 get 80 and 20 of a tick's 100; without it each gets its 80."""
    for shared, expected in [(True, [80, 20]), (False, [80, 80])]:
        desk = await PaperDesk(TENTH, shared_liquidity=shared).open()
        made = [await desk.submit(order(name=name, quantity="80"), at(0, "1")) for name in ("a", "b")]
        tick = at(1, "100")
        for one in made:
            one.position = tick.ref

        if desk.venue.shares_liquidity:
            desk.venue.evaluate_together(made, [], tick)
        else:
            for one in made:
                desk.venue.evaluate(one, tick)

        assert [int(said.quantity) for _, said in desk.heard if isinstance(said, Execution)] == expected


async def test_a_late_order_gets_what_is_left() -> None:
    """It reads an old tick back of which 80 of 100 were given: 20 are left for it."""
    desk = await PaperDesk(TENTH, shared_liquidity=True).open()
    first, late = [await desk.submit(order(name=name, quantity="80"), at(0, "1")) for name in ("a", "b")]
    tick = at(1, "100")
    first.position = tick.ref
    desk.venue.evaluate_together([first], [], tick)

    (execution,) = desk.meet(late, tick)

    assert isinstance(execution, Execution)
    assert execution.quantity == 20


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ({"group_id": "g", "group_kind": "OCO"}, [("profit", "Execution"), ("loss", "Cancellation")]),
        ({"group_id": "g", "group_kind": "BRACKET", "parent_order_id": "p"}, [("profit", "Execution")]),
        ({"group_id": "g", "group_kind": "OTO", "parent_order_id": "p"}, [("profit", "Execution")]),
    ],
)
async def test_the_kind_of_group_says_what_a_fill_does(group: dict[str, str], expected: list[tuple[str, str]]) -> None:
    """100 units of 100 are sold at 111: an OCO leg ends; a bracket's exit of 150 has 50 left, an OTO's all of them."""
    desk = await PaperDesk(TENTH, shared_liquidity=True).open()
    made: list[Any] = [
        order("LIMIT", "SELL", name="profit", quantity="150", limit_price="110", **group),
        order("STOP", "SELL", name="loss", quantity="150", stop_price="90", **group),
    ]
    legs = [await desk.submit(terms, at(0, "1")) for terms in made]
    tick = at(1, "111")
    for leg in legs:
        leg.position = tick.ref

    desk.venue.evaluate_together(legs, [], tick)
    if not legs[1].ended:
        desk.meet(legs[1], at(2, "89", "2000"))

    sold = [int(said.quantity) for name, said in desk.heard if name == "loss" and isinstance(said, Execution)]
    assert [(name, type(said).__name__) for name, said in desk.heard][: len(expected)] == expected
    assert sold == {"OCO": [], "BRACKET": [50], "OTO": [150]}[group["group_kind"]]


def test_a_position_says_nothing_of_other_partitions() -> None:
    """The place in time is market time, then offset; an order that knows neither comes first."""
    unknown, known = (
        Resting(order(), Decimal(1)),
        Resting(order(name="two"), Decimal(1), since=TickRef(partition=0, offset=0, market_time_us=5)),
    )

    assert unknown.place < known.place
    with pytest.raises(AssertionError):
        Book(TENTH).meet(at(1, "100"), [unknown])
