"""Executions are told in order, each once, whatever the order and number of their arrivals."""

from __future__ import annotations

from decimal import Decimal
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.alpaca.wire import Fill, VenueStatus
from execution.alpaca.working import Contradiction, Working, ending_of
from execution.venue import Cancellation, Expiry, Refusal
from tests.execution.examples import terms
from tests.execution.examples import working as order_of

VENUE_ID = "904837e3-3b76-47ec-b432-046db621571b"


def fill(begin: int | str, end: int | str, name: str = "") -> Fill:
    """The execution that covers (begin, end] of its order."""
    quantity, cumulative = Decimal(end) - Decimal(begin), Decimal(end)
    name = name or f"exec-{end}"
    return Fill(name, VENUE_ID, "AAPL", "buy", quantity, cumulative, Decimal(100), 1_000)


def following(quantity: str = "100", known: str = "0", offset: str = "0", **more: str) -> Working:
    order = order_of(terms(quantity=quantity, **more))
    return Working(
        order=order, terms=order.terms, told=Decimal(known), said=Decimal(known), offsets={VENUE_ID: Decimal(offset)}
    )


def status(word: str, filled: str = "0") -> VenueStatus:
    no = None
    return VenueStatus(
        VENUE_ID, "ord_1", "AAPL", "buy", "market", "gtc", word, Decimal(100), Decimal(filled), no, no, no, 5, 7_000, no
    )


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Fill], list[Fill], int]:
    """Executions end to end, the sequence in which they arrive (each at least once), and how many the ledger has."""
    sizes = draw(st.lists(st.integers(1, 50), min_size=1, max_size=8))
    ends = [0, *accumulate(sizes)]
    executions = [fill(begin, end) for begin, end in pairwise(ends)]
    again = draw(st.lists(st.sampled_from(executions), max_size=8))
    return executions, draw(st.permutations([*executions, *again])), draw(st.integers(0, len(executions)))


@given(deliveries())
def test_each_execution_is_told_once_and_in_order(drawn: tuple[list[Fill], list[Fill], int]) -> None:
    """What the ledger does not have comes out once, end to end, however it arrived; what it has does not."""
    executions, arriving, known = drawn
    begun = executions[known - 1].cumulative if known else Decimal(0)
    working = following("1000", str(begun))

    told = [execution for arrived in arriving for execution in working.take(arrived)]

    assert [execution.execution_id for execution in told] == [e.execution_id for e in executions[known:]]
    assert working.told == executions[-1].cumulative
    assert working.waiting == {}


@given(deliveries())
def test_the_same_execution_under_two_names_counts_once(drawn: tuple[list[Fill], list[Fill], int]) -> None:
    """The quantities decide, not the ids: a source that names executions otherwise changes no sum."""
    executions, arriving, _ = drawn
    working = following("1000")

    told = [
        execution
        for arrived in arriving
        for name in ("stream", "activity")
        for execution in working.take(arrived._replace(execution_id=f"{name} {arrived.execution_id}"))
    ]

    assert sum(execution.quantity for execution in told) == executions[-1].cumulative


def test_an_execution_behind_a_gap_waits() -> None:
    """The second of two comes first: nothing is told, then both are."""
    working = following()

    assert working.take(fill(4, 10)) == []
    assert [execution.quantity for execution in working.take(fill(0, 4))] == [Decimal(4), Decimal(6)]


def test_fractions_are_exact() -> None:
    """Three thirds of a share in nine digits, whose sum a float would miss."""
    working = following("1")
    parts = ["0.333333333", "0.666666666", "1"]

    told = [e for begin, end in pairwise(["0", *parts]) for e in working.take(fill(begin, end))]

    assert [str(execution.quantity) for execution in told] == ["0.333333333", "0.333333333", "0.333333334"]


@pytest.mark.parametrize(("begin", "end"), [(3, 8), (0, 5)])
def test_an_execution_across_what_was_told_is_a_contradiction(begin: int, end: int) -> None:
    """Part of it was told: neither telling nor leaving it out would be right, so it is an error."""
    working = following(known="4")

    with pytest.raises(Contradiction):
        working.take(fill(begin, end))


def test_a_successors_count_begins_where_the_predecessor_ended() -> None:
    """An order that replaced one of which 4 were executed, and counts from nothing: its 6 are units 5 to 10."""
    working = following(known="4", offset="4")

    (execution,) = working.take(fill(0, 6))

    assert execution.quantity == Decimal(6)
    assert working.told == Decimal(10)


def test_a_busted_execution_counts_nothing() -> None:
    """After a bust the venue counts on from less, and a repeat of the void execution is still a repeat."""
    working = following()
    working.take(fill(0, 4, "first"))
    working.amend("first", "bust", Decimal(0))

    assert working.told == Decimal(0)
    (execution,) = working.take(fill(0, 6, "second"))
    assert execution.quantity == Decimal(6)
    assert working.take(fill(0, 6, "second")) == []


def test_a_repeat_is_a_repeat_after_the_venue_counts_from_less() -> None:
    """0 to 4 and 4 to 10 are executed, the first is void, so 6 are; the second comes once more as it was: 4 to 10."""
    working = following()
    working.take(fill(0, 4, "first"))
    working.take(fill(4, 10, "second"))
    working.amend("first", "bust", Decimal(0))

    assert working.take(fill(4, 10, "second")) == []
    assert working.told == Decimal(6)


@pytest.mark.parametrize(
    ("word", "force", "expected"),
    [
        ("canceled", "GTC", Cancellation("by the venue: no reason given")),
        ("canceled", "DAY", Cancellation("by the venue: no reason given")),
        ("canceled", "IOC", Expiry("nothing_immediate", 7_000)),
        ("canceled", "FOK", Expiry("nothing_immediate", 7_000)),
        ("canceled", "AT_OPEN", Expiry("auction_over", 7_000)),
        ("canceled", "AT_CLOSE", Expiry("auction_over", 7_000)),
        ("expired", "DAY", Expiry("day_over", 7_000)),
        ("expired", "GTC", Expiry("venue_age_limit", 7_000)),
        (
            "rejected",
            "GTC",
            Refusal("VENUE_REJECTED", "Alpaca rejected the order after it had taken it: no reason given"),
        ),
        ("new", "GTC", None),
        ("done_for_day", "GTC", None),
        ("pending_cancel", "GTC", None),
        ("filled", "GTC", None),
        ("replaced", "GTC", None),
        ("a word of next year", "GTC", None),
    ],
)
def test_endings(word: str, force: str, expected: object) -> None:
    """What each status says of the order. docs.alpaca.markets: an IOC, FOK or auction order's rest is `canceled`."""
    assert ending_of(following(time_in_force=force), status(word), None) == expected


def test_a_cancellation_that_was_asked_for_says_so() -> None:
    """The ledger asked, the venue answers: the reason is not the venue's."""
    working = following(time_in_force="IOC")
    working.cancel_wanted = True

    assert ending_of(working, status("canceled"), "anything") == Cancellation("requested")


def test_the_venues_own_reason_is_passed_on() -> None:
    """Such as CORPORATE_ACTION, which Alpaca publishes."""
    assert ending_of(following(), status("canceled"), "CORPORATE_ACTION") == Cancellation(
        "by the venue: CORPORATE_ACTION"
    )


def test_a_rejection_after_an_execution_is_a_cancellation() -> None:
    """What was executed stands, so the order as a whole was not refused."""
    assert ending_of(following(known="4"), status("rejected", "4"), None) == Cancellation("rejected by the venue")
