"""The latency model: a fixed part and a jitter that follows from the order's id."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from domain.ids import order_id
from domain.latency import delay_us


def test_without_jitter_it_is_the_fixed_part() -> None:
    """What was true before there was a jitter: 50 ms for every order."""
    assert {50_000} == {delay_us(order_id("acc_1", str(number)), 50_000, 0) for number in range(100)}


def test_the_delay_of_one_order_by_hand() -> None:
    """The first byte of the hash alone decides between 256 equal parts."""
    first = hashlib.sha256(b"latency:ord_1").digest()[0]

    assert 1_000 + first == delay_us("ord_1", 1_000, 255)


@given(st.text(max_size=50), st.integers(0, 10**9), st.integers(0, 10**9))
def test_it_stays_between_its_bounds(order: str, fixed: int, jitter: int) -> None:
    """Never earlier than the fixed part, never later than with all of the jitter, and always the same."""
    delay = delay_us(order, fixed, jitter)

    assert fixed <= delay <= fixed + jitter
    assert delay_us(order, fixed, jitter) == delay


def test_every_delay_occurs() -> None:
    """Of four possible delays each is that of about a quarter of 4,000 orders: 1,000, give or take five deviations."""
    seen = [delay_us(order_id("acc_1", str(number)), 10, 3) for number in range(4_000)]

    assert set(range(10, 14)) == set(seen)
    assert all(abs(seen.count(delay) - 1_000) < 5 * 28 for delay in range(10, 14))
