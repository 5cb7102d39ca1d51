"""What a fill says of itself: enough for an auditor to find it again, and too much to be bent."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from domain.errors import InvalidValue
from domain.market import TickAt
from domain.reports import FillEvidence
from domain.terms import OrderTerms
from execution.paper import BOOK_MODEL, MODEL, Book, recompute
from execution.paper.trigger import first_met
from execution.venue import Execution, Trigger
from tests.execution.examples import PARAMETERS
from tests.execution.paper_desk import PaperDesk, at, order, us
from tests.execution.test_paper_book import COSTLY, books, resting, run
from tests.execution.test_paper_book import tapes as short_tapes
from tests.execution.test_paper_restart import orders, played, tapes

_encode = msgspec.json.Encoder(decimal_format="string").encode


def assert_found_again(terms: OrderTerms, execution: Execution) -> None:
    assert execution.evidence is not None
    read_back = msgspec.json.decode(_encode(execution.evidence), type=FillEvidence)
    found = recompute(read_back, terms)
    assert found is not None
    assert (execution.quantity, execution.price, execution.fee, execution.liquidity, execution.evidence) == (
        found.quantity,
        found.price,
        found.fee,
        found.liquidity,
        found.evidence,
    )


@settings(deadline=None)
@given(orders(), tapes())
def test_the_evidence_of_every_kind_gives_the_same_fill(terms: OrderTerms, tape: list[TickAt]) -> None:
    """Evidence and terms alone, read from JSON, give quantity, price, fee and role again."""
    for outcome in asyncio.run(played(terms, tape, [])):
        if isinstance(outcome, Execution):
            assert_found_again(terms, outcome)


@given(books(), short_tapes())
def test_the_evidence_of_a_shared_tick_gives_the_same_fill(
    made: list[tuple[OrderTerms, int]], tape: list[TickAt]
) -> None:
    """It says what others were given before, so that the auditor needs no other order."""
    by_id = {terms.order_id: terms for terms, _ in made}
    for order_id, _, outcome in run(Book(COSTLY), [resting(terms, after) for terms, after in made], tape):
        if isinstance(outcome, Execution):
            assert_found_again(by_id[order_id], outcome)


@settings(deadline=None)
@given(orders(), tapes())
def test_a_trigger_is_found_again_on_the_tape(terms: OrderTerms, tape: list[TickAt]) -> None:
    """The ticks since the order was active show an auditor which of them met its stop, if any did in its time."""
    triggers = [said for said in asyncio.run(played(terms, tape, [])) if isinstance(said, Trigger)]
    if terms.has_trigger and triggers:
        met = first_met(terms, (tick for tick in tape if tick.ref.market_time_us > (terms.active_from_us or 0)))

        assert met is not None
        assert triggers == [Trigger(met.tick.price, met.ref.market_time_us, met.ref)]


async def evidence_of(terms: OrderTerms, *ticks: TickAt) -> FillEvidence:
    desk = await PaperDesk(PARAMETERS).open()
    desk.meet(await desk.submit(terms, at(0, "101", time="2012-01-11T13:00")), *ticks)
    (execution,) = [said for said in desk.outcomes(terms) if isinstance(said, Execution)]
    assert execution.evidence is not None
    return execution.evidence


@pytest.mark.parametrize(
    ("terms", "model"),
    [
        (order(quantity="10"), MODEL),
        (order("LIMIT", quantity="10", limit_price="105"), MODEL),
        (order(quantity="10", time_in_force="DAY"), BOOK_MODEL),
        (order("STOP", quantity="10", stop_price="100"), BOOK_MODEL),
    ],
)
async def test_plain_orders_keep_their_model(terms: OrderTerms, model: str) -> None:
    """What was on record before this book is as it was: market and limit orders, good till cancelled."""
    evidence = await evidence_of(terms, at(1, "101", time="2012-01-11T15:00"))

    assert evidence.model == model
    if model == MODEL:
        assert set(evidence.parameters) == {
            "half_spread_bps",
            "impact_bps",
            "participation_max",
            "fee_bps",
            "spread_jitter",
            "quantity_increment",
            "leaves_quantity",
        }


@pytest.mark.parametrize(
    ("terms", "time", "changes", "code"),
    [
        (order("STOP", quantity="10", stop_price="100"), "15:00", {"triggered": "false"}, "EVIDENCE_NOT_TRIGGERED"),
        (order(quantity="10", time_in_force="IOC"), "15:00", {"liquidity": "MAKER"}, "EVIDENCE_ROLE_INVALID"),
        (order(quantity="10", time_in_force="IOC"), "15:00", {"liquidity": "BOTH"}, "EVIDENCE_PARAMETERS_INVALID"),
        (order(quantity="10", time_in_force="IOC"), "15:00", {"given_quantity": "few"}, "EVIDENCE_PARAMETERS_INVALID"),
        (
            order(quantity="10", time_in_force="AT_OPEN"),
            "14:30",
            {"session_open_us": str(us("2012-01-11T14:31"))},
            "EVIDENCE_TIME_INVALID",
        ),
        (
            order(quantity="10", time_in_force="AT_CLOSE"),
            "21:00",
            {"session_close_us": str(us("2012-01-11T21:01"))},
            "EVIDENCE_TIME_INVALID",
        ),
        (
            order(quantity="10", time_in_force="DAY"),
            "15:00",
            {"session_close_us": str(us("2012-01-10T21:00"))},
            "EVIDENCE_TIME_INVALID",
        ),
        (
            order(quantity="10", time_in_force="GTD", expire_at_us=us("2012-01-11T16:00")),
            "15:00",
            {"terms": {"expire_at_us": us("2012-01-11T14:00")}},
            "EVIDENCE_TIME_INVALID",
        ),
    ],
)
async def test_evidence_that_contradicts_the_order_is_refused(
    terms: OrderTerms, time: str, changes: dict[str, Any], code: str
) -> None:
    """A stop that was not met, a role it cannot have, a time at which it could not trade: an error, never a guess."""
    evidence = await evidence_of(terms, at(1, "101", time=f"2012-01-11T{time}"))
    terms = msgspec.structs.replace(terms, **changes.pop("terms", {}))
    bent = msgspec.structs.replace(evidence, parameters=evidence.parameters | changes)

    with pytest.raises(InvalidValue) as caught:
        recompute(bent, terms)
    assert caught.value.code == code


async def test_evidence_without_its_session_is_refused() -> None:
    """An order for a day needs the day's hours to be judged."""
    terms = order(quantity="10", time_in_force="DAY")
    evidence = await evidence_of(terms, at(1, "101", time="2012-01-11T15:00"))
    left = {name: value for name, value in evidence.parameters.items() if not name.startswith("session_")}

    with pytest.raises(InvalidValue) as caught:
        recompute(msgspec.structs.replace(evidence, parameters=left), terms)
    assert caught.value.code == "EVIDENCE_PARAMETERS_INVALID"


async def test_more_given_before_leaves_less() -> None:
    """Bent evidence gives another fill, which an auditor sees: 95 of 100 given to others leave 5 of 10."""
    terms = order(quantity="10", time_in_force="IOC")
    evidence = await evidence_of(terms, at(1, "101", time="2012-01-11T15:00"))

    found = recompute(
        msgspec.structs.replace(evidence, parameters=evidence.parameters | {"given_quantity": "95"}), terms
    )

    assert found is not None
    assert found.quantity == Decimal(5)
