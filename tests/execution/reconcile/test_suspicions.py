"""When a difference becomes a break: seen in every look for the grace, and after the projection has caught up."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from execution.reconcile.compare import Difference
from execution.reconcile.suspicions import AGAIN_S, Look, Suspicions, Verdict

GRACE_S = 10.0


def difference(name: str) -> Difference:
    return Difference("ORDER_UNKNOWN_TO_LEDGER", f"ord_{name}", None, "acc", "AAPL", "nothing", "buy 5")


def look(
    at_s: float,
    differ: Iterable[str] = (),
    on_record: Iterable[str] = (),
    end: int = 0,
    projected: int = 0,
    judged: Iterable[str] | None = None,
) -> Look:
    """One partition; names of orders stand for the breaks about them."""
    is_open = frozenset(difference(name).break_id for name in on_record)
    seen = is_open if judged is None else frozenset(difference(name).break_id for name in judged)
    found = {one.break_id: one for one in map(difference, differ)}
    return Look(at_s, int(at_s * 1_000_000), {0: end}, {0: projected}, found, is_open, seen)


def found(verdict: Verdict) -> set[str]:
    return {one.order_id.removeprefix("ord_") for one, _ in verdict.found.values()}


def test_a_difference_counts_after_the_grace() -> None:
    """Not at once, not a little later, but when it was there all the time; it says since when."""
    suspicions = Suspicions(GRACE_S)

    assert found(suspicions.look(look(0, "a"))) == set()
    assert found(suspicions.look(look(9.9, "a"))) == set()
    verdict = suspicions.look(look(10, "a"))
    assert found(verdict) == {"a"}
    assert [seen_at_us for _, seen_at_us in verdict.found.values()] == [0]


def test_without_a_grace_two_looks_are_needed() -> None:
    """One look is two moments."""
    suspicions = Suspicions(0)

    assert found(suspicions.look(look(0, "a"))) == set()
    assert found(suspicions.look(look(0, "a"))) == {"a"}


def test_a_difference_that_was_gone_in_between_begins_anew() -> None:
    """Two reports that were on their way at two times are no break."""
    suspicions = Suspicions(GRACE_S)
    suspicions.look(look(0, "a"))
    suspicions.look(look(5))

    assert found(suspicions.look(look(10, "a"))) == set()


def test_a_projection_that_is_behind_proves_nothing() -> None:
    """At the first look the tape ended at 7: until all up to there is projected, it may hold what is missed."""
    suspicions = Suspicions(GRACE_S)
    suspicions.look(look(0, "a", end=7, projected=5))

    assert found(suspicions.look(look(60, "a", end=9, projected=6))) == set()
    assert found(suspicions.look(look(65, "a", end=20, projected=7))) == {"a"}


def test_what_is_on_record_is_not_said_again() -> None:
    """It is open; nothing is new."""
    suspicions = Suspicions(GRACE_S)
    suspicions.look(look(0, "a"))
    suspicions.look(look(10, "a"))

    assert suspicions.look(look(20, "a", on_record="a")) == Verdict({}, [])


def test_what_was_said_and_is_not_on_record_is_said_again_after_a_while() -> None:
    """The ledger may have refused it as outdated, and it may be true again since."""
    suspicions = Suspicions(GRACE_S)
    suspicions.look(look(0, "a"))
    suspicions.look(look(10, "a"))

    assert found(suspicions.look(look(10 + AGAIN_S - 1, "a"))) == set()
    assert found(suspicions.look(look(10 + AGAIN_S, "a"))) == {"a"}


def test_a_break_is_resolved_by_the_same_rule() -> None:
    """Gone for the grace, and the projection has caught up."""
    suspicions = Suspicions(GRACE_S)
    suspicions.look(look(0, on_record="a", end=3))

    assert suspicions.look(look(10, on_record="a", end=3, projected=2)).resolved == []
    assert suspicions.look(look(15, on_record="a", projected=3)).resolved == [difference("a").break_id]


def test_what_a_look_cannot_see_is_not_resolved() -> None:
    """An execution from before the time that the venue is asked for."""
    suspicions = Suspicions(GRACE_S)
    for at_s in (0, 10, 20):
        assert suspicions.look(look(at_s, on_record="a", judged="")).resolved == []


@settings(max_examples=200, deadline=None)
@given(looks=st.lists(st.tuples(st.integers(1, 8), st.sets(st.sampled_from("abc"))), max_size=30))
def test_what_is_found_was_there_all_the_time(looks: list[tuple[int, set[str]]]) -> None:
    """Any series of looks: a difference is found exactly when all looks for ten seconds at least had it."""
    suspicions, at_s, past, said = Suspicions(GRACE_S), 0, [], {}
    for step, differ in looks:
        at_s += step
        past.append((at_s, differ))
        expected = set()
        for name in differ:
            run = []
            for moment, names in reversed(past):
                if name not in names:
                    break
                run.append(moment)
            began = run[-1]
            fresh = said.get((name, began), -AGAIN_S) + AGAIN_S <= at_s
            if len(run) > 1 and at_s - began >= GRACE_S and fresh:
                expected.add(name)
                said[name, began] = at_s

        assert found(suspicions.look(look(at_s, differ))) == expected
