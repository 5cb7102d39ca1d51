"""Which prices are told: by hand, and against a list of all that was seen."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from domain.world import MarkedPrice
from streams.marks.book import MarkBook


def price(symbol: str, text: str, at_us: int) -> MarkedPrice:
    return MarkedPrice(symbol=symbol, price=Decimal(text), market_time_us=at_us)


def test_a_price_is_told_when_it_has_moved_far_enough() -> None:
    """10 basis points of 100 are 0.10: less than that is not told, also when it adds up, until it is 0.10 away."""
    book = MarkBook(Decimal(10))
    told = []
    for at_us, text in enumerate(["100", "100.09", "99.91", "100.10", "100.10", "100.05", "99.99"]):
        book.take(price("IBM", text, at_us))
        told.append([str(one.price) for one in book.due()])

    assert told == [["100"], [], [], ["100.10"], [], [], ["99.99"]]


def test_the_newest_price_counts_and_each_symbol_once() -> None:
    """Of several prices the newest is told; one that came back is not; an older one changes nothing."""
    book = MarkBook(Decimal(1))
    book.take(price("IBM", "100", 1))
    book.take(price("AAPL", "50", 1))
    assert [one.symbol for one in book.due()] == ["AAPL", "IBM"]
    for one in (price("IBM", "101", 2), price("IBM", "102", 3), price("IBM", "90", 2), price("AAPL", "51", 2)):
        book.take(one)
    book.take(price("AAPL", "50", 3))

    assert [(one.symbol, str(one.price)) for one in book.due()] == [("IBM", "102")]
    assert book.due() == ()


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(9_900, 10_100), st.booleans()), max_size=40),
    st.integers(0, 50),
)
def test_what_was_told_is_never_further_away_than_the_threshold(
    seen: list[tuple[int, int, bool]], move_bps: int
) -> None:
    """After each time of telling, the newest price is less than the threshold from what was told, or was told."""
    book = MarkBook(Decimal(move_bps))
    newest: tuple[int, int] | None = None
    told: int | None = None
    for at_us, cents, tell in seen:
        book.take(price("IBM", f"{cents // 100}.{cents % 100:02d}", at_us))
        if newest is None or at_us > newest[0]:
            newest = (at_us, cents)
        if not tell:
            continue
        for one in book.due():
            told = int(one.price * 100)
            assert told == newest[1]
        assert told is not None
        assert newest[1] == told or Fraction(abs(newest[1] - told) * 10_000, told) < move_bps
