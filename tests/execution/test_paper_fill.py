"""The fill model: what it must never do, and what it says of examples computed by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidValue
from domain.events import OrderTerms
from domain.market import TickAt
from domain.terms import Side
from execution.paper import PaperParameters, fill, recompute
from tests.execution.examples import NO_COSTS, PARAMETERS, ref, terms, tick_at

prices = st.decimals("0.01", "5000", places=4)
volumes = st.integers(0, 10**9).map(Decimal)
quantities = st.integers(1, 10**7).map(Decimal)
sides: st.SearchStrategy[Side] = st.sampled_from(["BUY", "SELL"])
shares = st.decimals("0.001", "1", places=3)
parameters = st.builds(
    PaperParameters,
    half_spread_bps=st.decimals("0", "50", places=2),
    impact_bps=st.decimals("0", "500", places=2),
    participation_max=shares,
    fee_bps=st.decimals("0", "30", places=2),
    spread_jitter=st.decimals("0", "1", places=2),
)


@st.composite
def ticks(draw: st.DrawFn) -> TickAt:
    return tick_at(draw(st.integers(0, 10**6)), str(draw(prices)), str(draw(volumes)))


@st.composite
def orders(draw: st.DrawFn) -> OrderTerms:
    worst = draw(st.sampled_from(["limit_price", "protection_price", None]))
    return terms(
        name=draw(st.text("abc123", min_size=1, max_size=8)),
        side=draw(sides),
        quantity=str(draw(quantities)),
        **cast(Any, {} if worst is None else {worst: draw(st.decimals("0.01", "6000", places=2))}),
    )


def test_a_purchase_pays_half_spread_and_square_root_impact() -> None:
    """100 of 10,000 units at 50.00: half spread 1 bp, impact 10 bp x sqrt(0.01) = 1 bp, so 50 x 1.0002 = 50.01."""
    costs = msgspec.structs.replace(PARAMETERS, spread_jitter=Decimal(0))

    got = fill(terms(), Decimal(100), tick_at(7, "50.00", "10000"), costs)

    assert got is not None
    assert (Decimal("100"), Decimal("50.0100")) == (got.quantity, got.price)


def test_a_sale_gets_as_much_less() -> None:
    """The same sale gets 50 x 0.9998 = 49.99."""
    costs = msgspec.structs.replace(PARAMETERS, spread_jitter=Decimal(0))

    got = fill(terms(side="SELL"), Decimal(100), tick_at(7, "50.00", "10000"), costs)

    assert got is not None
    assert Decimal("49.9900") == got.price


@pytest.mark.parametrize(("side", "expected"), [("BUY", "33.3400"), ("SELL", "33.3266")])
def test_rounding_is_against_the_trader(side: Side, expected: str) -> None:
    """33.3333 with 2 bp is 33.33996666 for a purchase, rounded up, and 33.32663334 for a sale, rounded down."""
    costs = msgspec.structs.replace(NO_COSTS, half_spread_bps=Decimal(2), spread_jitter=Decimal(0))

    got = fill(terms(side=side), Decimal(1), tick_at(0, "33.3333", "10"), costs)

    assert got is not None
    assert Decimal(expected) == got.price


def test_the_fee_is_rounded_up_to_the_cent() -> None:
    """1 bp of 3 x 33.3333 = 99.9999 is 0.00999999, which is one cent."""
    costs = msgspec.structs.replace(NO_COSTS, fee_bps=Decimal(1))

    got = fill(terms(), Decimal(3), tick_at(0, "33.3333", "10"), costs)

    assert got is not None
    assert Decimal("0.01") == got.fee


def test_a_tick_without_volume_fills_nothing() -> None:
    """Nothing traded, so there was nobody to trade with."""
    assert fill(terms(), Decimal(1), tick_at(0, volume="0"), PARAMETERS) is None


def test_the_cap_is_a_whole_number_of_units() -> None:
    """A tenth of 999 units is 99.9, of which 99 can be had."""
    got = fill(terms(), Decimal(500), tick_at(0, volume="999"), PARAMETERS)

    assert got is not None
    assert Decimal(99) == got.quantity


def test_a_limit_that_the_price_would_break_fills_nothing() -> None:
    """At 100 with costs a purchase pays more than 100, so a limit of 100 waits and one of 101 does not."""
    at = tick_at(0, "100", "1000")

    assert fill(terms(limit_price="100"), Decimal(10), at, PARAMETERS) is None
    assert fill(terms(limit_price="101"), Decimal(10), at, PARAMETERS) is not None


def test_a_limit_may_be_met_exactly() -> None:
    """Without costs a tick at the limit fills, for a purchase as for a sale."""
    for side in ("BUY", "SELL"):
        got = fill(terms(side=side, limit_price="100"), Decimal(10), tick_at(0, "100", "1000"), NO_COSTS)

        assert got is not None
        assert got.price == Decimal(100)


def test_the_evidence_says_what_was_left() -> None:
    """Of 500 units left 100 could be had: the evidence names the 500, from which the 100 follow."""
    got = fill(terms(), Decimal(500), tick_at(0, volume="1000"), PARAMETERS)

    assert got is not None
    assert got.evidence.parameters["leaves_quantity"] == "500"


def test_a_protected_sale_does_not_go_below_its_price() -> None:
    """At 100 with costs a sale gets less than 100, so protection at 100 waits and at 99 does not."""
    at = tick_at(0, "100", "1000")

    assert fill(terms(side="SELL", protection_price="100"), Decimal(10), at, PARAMETERS) is None
    assert fill(terms(side="SELL", protection_price="99"), Decimal(10), at, PARAMETERS) is not None


@given(orders(), ticks(), parameters)
def test_never_beyond_limit_protection_or_participation(order: OrderTerms, at: TickAt, costs: PaperParameters) -> None:
    """Whatever the market does, a fill is within the order's price, its quantity and its share of the volume."""
    got = fill(order, order.quantity, at, costs)

    if got is None:
        return
    assert 0 < got.quantity <= order.quantity
    assert got.quantity <= costs.participation_max * at.tick.volume
    assert got.quantity == got.quantity.to_integral_value()
    assert got.price == got.price.quantize(Decimal("0.0001"))
    assert got.price > 0
    assert got.fee >= 0
    worst = order.limit_price if order.order_type == "LIMIT" else order.protection_price
    if order.side == "BUY":
        assert got.price >= at.tick.price
        assert worst is None or got.price <= worst
    else:
        assert got.price <= at.tick.price
        assert worst is None or got.price >= worst


@given(ticks(), quantities, quantities, sides, parameters)
def test_more_costs_more(at: TickAt, one: Decimal, other: Decimal, side: Side, costs: PaperParameters) -> None:
    """A larger order never gets less, and never a better price, on the same tick."""
    order = terms(side=side)
    small, large = (fill(order, quantity, at, costs) for quantity in sorted((one, other)))

    if small is None or large is None:
        # Only a sale into nothing (price rounded to zero) can make a larger order go without.
        assert small is None or side == "SELL"
        return
    assert small.quantity <= large.quantity
    assert small.price <= large.price if side == "BUY" else small.price >= large.price


@given(orders(), ticks(), parameters)
def test_the_evidence_alone_gives_the_same_fill(order: OrderTerms, at: TickAt, costs: PaperParameters) -> None:
    """An auditor who has the evidence and the order's terms finds the very same quantity, price and fee."""
    got = fill(order, order.quantity, at, costs)

    if got is not None:
        read_back = msgspec.json.decode(
            msgspec.json.Encoder(decimal_format="string").encode(got.evidence), type=type(got.evidence)
        )
        assert got == recompute(read_back, order)


def test_evidence_of_another_order_is_refused() -> None:
    """The seed names the order, so evidence cannot be moved to another one."""
    got = fill(terms("one"), Decimal(10), tick_at(0), PARAMETERS)

    assert got is not None
    with pytest.raises(InvalidValue, match="expected seed"):
        recompute(got.evidence, terms("two"))


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "guesswork/1"},
        {"parameters": {}},
        {"parameters": {"leaves_quantity": "ten"}},
        {"tick": ref(1)},
    ],
)
def test_evidence_that_cannot_be_used_is_refused(changes: dict[str, object]) -> None:
    """Another model, missing parameters, or another tick than the seed's: an error, never a guess."""
    got = fill(terms(), Decimal(10), tick_at(0), PARAMETERS)

    assert got is not None
    with pytest.raises(InvalidValue):
        recompute(msgspec.structs.replace(got.evidence, **changes), terms())


def test_the_tick_moves_the_spread_a_little() -> None:
    """Half spread 1 bp give or take 20 %, and 10 bp x sqrt(10 / 1000) = 1 bp of impact: 1.8 to 2.2 bp, tick by tick."""
    prices_seen = {
        got.price for offset in range(20) if (got := fill(terms(), Decimal(10), tick_at(offset, "5000"), PARAMETERS))
    }

    assert len(prices_seen) > 10
    assert Decimal("5000.9000") <= min(prices_seen) < max(prices_seen) <= Decimal("5001.1000")
