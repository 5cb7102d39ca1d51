"""The queue between accounts: in order within one, in turn between them, and nothing lost at the bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.ledger.fairness import FairQueue


def keys(queue: FairQueue[int], count: int) -> list[str]:
    return [queued.key for queued in queue.peek(count)]


def test_each_account_gives_one_in_turn() -> None:
    """An account with a flood of orders does not keep another's single order waiting."""
    queue: FairQueue[int] = FairQueue()
    for number in range(5):
        queue.put("flood", f"f{number}", number)
    queue.put("other", "o0", 0)

    assert keys(queue, 4) == ["f0", "o0", "f1", "f2"]
    assert len(queue) == 6


def test_the_turn_goes_on_where_it_was() -> None:
    """When there is room for one at a time, accounts still take turns."""
    queue: FairQueue[int] = FairQueue()
    for account in ("a", "b"):
        for number in range(2):
            queue.put(account, f"{account}{number}", number)
    sent = []
    while queue:
        (first,) = queue.peek(1)
        queue.done(first)
        sent.append(first.key)

    assert sent == ["a0", "b0", "a1", "b1"]


def test_what_took_the_place_stays() -> None:
    """A newer dispatch of an order keeps the order's place, and is not forgotten with the one that was sent."""
    queue: FairQueue[int] = FairQueue()
    queue.put("a", "x", 1)
    queue.put("a", "y", 1)
    (sent,) = queue.peek(1)
    queue.put("a", "x", 2)
    queue.done(sent)

    assert [(queued.key, queued.item) for queued in queue.peek(9)] == [("x", 2), ("y", 1)]
    queue.remove("a", "x")
    queue.remove("a", "x")
    assert (len(queue), keys(queue, 9)) == (1, ["y"])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), max_size=60), st.integers(1, 7))
def test_nothing_is_lost_and_each_account_keeps_its_order(puts: list[tuple[str, int]], room: int) -> None:
    """Whatever is put in, and however little room there is: each key comes out once, in the order of its account."""
    queue: FairQueue[int] = FairQueue()
    for account, key in puts:
        queue.put(account, str(key), key)
    out: list[tuple[str, str]] = []
    while queue:
        chunk = queue.peek(10)
        for queued in chunk[:room]:
            queue.done(queued)
            out.append((queued.account, queued.key))

    for name in "abc":
        expected = list(dict.fromkeys(str(key) for account, key in puts if account == name))
        assert [key for account, key in out if account == name] == expected
