"""Ticks that carry a split: what is one, how it travels, and that records from before it can be read."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain import schema
from domain.errors import InvalidValue
from domain.market import Tick


def tick(split: Decimal | None) -> Tick:
    return Tick(symbol="AAPL", market_time_us=1, price=Decimal("44.68"), volume=Decimal(1), split=split)


@pytest.mark.parametrize("ratio", ["0", "-2", "NaN", "sNaN", "Infinity", "-Infinity", "1000000.1", "9E-7", "1E+999999"])
def test_a_split_has_a_ratio_that_is_one(ratio: str) -> None:
    """A split by nothing, less, no number, or more than a million is refused where the tick is made, and so read."""
    with pytest.raises(InvalidValue, match="new units for one old; it was") as caught:
        tick(Decimal(ratio))

    assert caught.value.code == "TICK_SPLIT"


@pytest.mark.parametrize("ratio", [None, "2", "0.1", "1.5", "1000000", "0.000001"])
def test_a_split_travels_as_decimal_text(ratio: str | None) -> None:
    """New units for one old, exact: two for one, one for ten, three for two; most ticks have none."""
    message = tick(None if ratio is None else Decimal(ratio))

    type_, value = schema.encode(message)

    assert type_ == "tapeledger.Tick.v1"
    assert (b'"split":null' if ratio is None else f'"split":"{ratio}"'.encode()) in value
    assert schema.decode(type_, value) == message


def test_a_tick_from_before_splits_is_read() -> None:
    """A record that knows no splits is a tick without one: the version is the same."""
    older = b'{"symbol":"AAPL","market_time_us":1,"price":"44.68","volume":"1","bar":null,"halted":false}'

    assert schema.decode("tapeledger.Tick.v1", older) == tick(None)
