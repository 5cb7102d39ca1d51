"""Two pictures and their differences: each planted difference gives exactly its break, equal pictures give none."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from execution.reconcile.compare import compare
from tests.execution.reconcile.pictures import execution, fill, ledger, names, ours, theirs, venue


def test_equal_pictures_have_no_differences() -> None:
    """Whatever words each side uses for it: the same orders, the same executions."""
    mine = ledger(ours("a"), ours("b", "3"), fills=(fill("x"), fill("y", "b")))

    assert compare(mine, venue(theirs("a"), theirs("b", "3.0"), executions=(execution("x"), execution("y", "b")))) == {}


def test_an_order_that_the_venue_has_not() -> None:
    """It acknowledged the order, and does not work it."""
    (found,) = compare(ledger(ours("a"), ours("b")), venue(theirs("b"))).values()

    assert (found.kind, found.order_id, found.account_id) == ("ORDER_MISSING_AT_VENUE", "ord_a", "acc")
    assert (found.expected, found.actual) == ("BUY 10, NEW", "no such open order")


def test_an_order_that_was_never_acknowledged_is_not_missed() -> None:
    """It is on its way, waits for its parent, or is dispatched anew: nobody has said that the venue has it."""
    assert compare(ledger(ours("a", is_held=False, status="PENDING_NEW")), venue()) == {}


def test_an_order_that_nobody_knows() -> None:
    """Somebody placed it by hand: it belongs to no account."""
    (found,) = compare(ledger(), venue(theirs("by_hand", "5"))).values()

    assert (found.kind, found.order_id, found.account_id) == ("ORDER_UNKNOWN_TO_LEDGER", "ord_by_hand", None)
    assert (found.expected, found.actual, found.symbol) == ("no such order", "buy 5, new", "AAPL")


def test_an_order_that_has_ended_in_the_ledger_and_is_worked() -> None:
    """The account is known, and the break is its own."""
    (found,) = compare(ledger(ours("a", is_open=False, is_held=False, status="CANCELED")), venue(theirs("a"))).values()

    assert (found.kind, found.account_id, found.expected) == ("ORDER_UNKNOWN_TO_LEDGER", "acc", "BUY 10, CANCELED")


def test_another_quantity() -> None:
    """8 at the venue, 10 in the ledger."""
    (found,) = compare(ledger(ours("a")), venue(theirs("a", "8"))).values()

    assert (found.kind, found.expected, found.actual) == ("ORDER_QUANTITY_DIFFERS", "BUY 10, NEW", "buy 8, new")


def test_two_orders_at_the_venue_for_one_of_ours() -> None:
    """Each is of the right quantity, together they buy twice."""
    both = venue(theirs("a", venue_order_id="first"), theirs("a", venue_order_id="second"))

    (found,) = compare(ledger(ours("a")), both).values()

    assert (found.kind, found.actual) == ("ORDER_QUANTITY_DIFFERS", "buy 10, new and buy 10, new")


def test_a_quantity_that_is_being_changed_is_not_compared() -> None:
    """Either is right until the venue has answered."""
    assert compare(ledger(ours("a", is_changing=True)), venue(theirs("a", "8"))) == {}


def test_a_venue_that_keeps_no_quantities_is_not_asked_for_them() -> None:
    """The paper venue's watermarks have none."""
    assert compare(ledger(ours("a")), venue(theirs("a", None))) == {}


def test_an_execution_that_the_books_have_not() -> None:
    """It names the account through its order."""
    (found,) = compare(ledger(ours("a")), venue(theirs("a"), executions=(execution("x"),))).values()

    assert (found.kind, found.order_id, found.execution_id) == ("EXECUTION_MISSING_IN_LEDGER", "ord_a", "exe_x")
    assert (found.account_id, found.expected, found.actual) == ("acc", "no such execution", "buy 5 at 10.01")


def test_an_execution_of_an_order_that_nobody_knows() -> None:
    """It belongs to no account either."""
    (found,) = compare(ledger(), venue(executions=(execution("x", "by_hand"),))).values()

    assert (found.kind, found.account_id) == ("EXECUTION_MISSING_IN_LEDGER", None)


def test_an_execution_that_the_venue_has_not() -> None:
    """One that it was not asked for is no difference."""
    early = fill("early", is_due=False)

    (found,) = compare(ledger(fills=(fill("x"), early)), venue()).values()

    assert (found.kind, found.execution_id, found.expected) == ("EXECUTION_UNKNOWN_TO_VENUE", "exe_x", "BUY 5 at 10.01")


def test_an_execution_at_another_price_of_another_quantity_or_order() -> None:
    """Each is a difference; digits that say the same number are none."""
    mine = ledger(fills=(fill("p"), fill("q"), fill("o"), fill("same", price="10.0100")))
    at_venue = venue(
        executions=(
            execution("p", price="10.02"),
            execution("q", quantity="6"),
            execution("o", order="b"),
            execution("same"),
        )
    )

    found = {one.execution_id: one.actual for one in compare(mine, at_venue).values()}

    assert found == {
        "exe_p": "buy 5 at 10.02",
        "exe_q": "buy 6 at 10.01",
        "exe_o": "buy 5 at 10.01, of order ord_b",
    }


def test_what_the_venue_says_is_cut_and_escaped() -> None:
    """Names that no ledger would take are made such that it does, and always the same way."""
    (found,) = compare(ledger(), venue(theirs("\x00" + "n" * 200))).values()

    assert found.order_id.isprintable()
    assert len(found.order_id) <= 128


NAMES = st.sets(st.sampled_from("abcdefgh"))
PRICES = st.dictionaries(st.sampled_from("stuvwxyz"), st.tuples(st.sampled_from("12"), st.sampled_from("34")))


@settings(max_examples=300, deadline=None)
@given(mine=NAMES, held=NAMES, at_venue=NAMES, half=NAMES, filled=PRICES, executed=PRICES)
def test_the_differences_are_those_of_sets(
    mine: set[str],
    held: set[str],
    at_venue: set[str],
    half: set[str],
    filled: dict[str, tuple[str, str]],
    executed: dict[str, tuple[str, str]],
) -> None:
    """Any two pictures, against sets of names: what is on one side alone, and what is on both with other numbers."""
    found = compare(
        ledger(
            *(ours(name, is_held=name in held) for name in mine),
            fills=tuple(fill(name, quantity=quantity, price=price) for name, (quantity, price) in filled.items()),
        ),
        venue(
            *(theirs(name, "5" if name in half else "10") for name in at_venue),
            executions=tuple(
                execution(name, quantity=quantity, price=price) for name, (quantity, price) in executed.items()
            ),
        ),
    )

    expected: set[tuple[str, str, str | None]] = set()
    expected |= {("ORDER_MISSING_AT_VENUE", f"ord_{name}", None) for name in (mine & held) - at_venue}
    expected |= {("ORDER_UNKNOWN_TO_LEDGER", f"ord_{name}", None) for name in at_venue - mine}
    expected |= {("ORDER_QUANTITY_DIFFERS", f"ord_{name}", None) for name in mine & at_venue & half}
    expected |= {("EXECUTION_MISSING_IN_LEDGER", "ord_a", f"exe_{n}") for n in executed.keys() - filled.keys()}
    expected |= {("EXECUTION_UNKNOWN_TO_VENUE", "ord_a", f"exe_{n}") for n in filled.keys() - executed.keys()}
    both = filled.keys() & executed.keys()
    expected |= {("EXECUTION_DIFFERS", "ord_a", f"exe_{n}") for n in both if filled[n] != executed[n]}
    assert names(found) == expected
    assert all(break_id == one.break_id for break_id, one in found.items())
    assert all(Decimal(one.at_us or 7) == 7 for one in found.values())
