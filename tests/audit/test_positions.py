"""Positions as text: what `show` writes, `parse` reads, and what is not a position is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import positions
from domain.errors import InvalidValue

ANY = st.dictionaries(st.integers(0, 999), st.integers(-1, 10**15), min_size=1, max_size=5)


@given(ANY)
def test_what_is_shown_can_be_read(places: positions.Positions) -> None:
    """An export's positions can be given to the next one."""
    assert positions.parse(positions.show(places)) == places


@given(ANY, ANY)
def test_a_partition_that_is_not_named_stands_otherwise(ends: positions.Positions, named: positions.Positions) -> None:
    """Named partitions stand where they are told to, within what is projected; all others where `otherwise` says."""
    named = {partition: min(offset, ends[partition]) for partition, offset in named.items() if partition in ends}
    otherwise = dict.fromkeys(ends, positions.START)

    found = positions.resolve(positions.show(named) if named else None, ends, otherwise=otherwise)

    assert found == otherwise | named


@pytest.mark.parametrize("text", ["", "x", "0:", ":5", "0:-2", "0:5;1:4", "0:1.5", "0:5,", "-1:3", "0:5,0:5"])
def test_what_is_no_position_is_named(text: str) -> None:
    """The error says what was expected and what it was."""
    with pytest.raises(InvalidValue, match="the position was") as caught:
        positions.parse(text)

    assert repr(text) in str(caught.value)
    assert caught.value.code == "POSITION_INVALID"
