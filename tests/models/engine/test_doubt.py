"""When a model abstains: too long after its training, or in another market."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from models.engine.doubt import doubt

TRAINED_TO = date(2010, 12, 31)


def at(*day: int) -> int:
    return int(datetime(*day, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("time_us", "drift", "expected"),
    [
        (at(2011, 1, 3, 21), None, None),
        (at(2011, 1, 10, 23), None, None),  # the tenth day after the last that it learnt from, still
        (at(2011, 1, 11), None, "model_stale"),
        (at(2011, 1, 3), 0.99, None),
        (at(2011, 1, 3), 1.0, None),
        (at(2011, 1, 3), 1.01, "model_drifted"),
        (at(2012, 1, 3), 5.0, "model_stale"),
        (0, None, None),  # before its training: a replay of the past is not stale
    ],
)
def test_the_reason_to_abstain(time_us: int, drift: float | None, expected: str | None) -> None:
    """Ten days of market time are allowed here; drift counts above its limit."""
    assert doubt(TRAINED_TO, 10, time_us, drift) == expected
