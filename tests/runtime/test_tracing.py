"""Traceparent in and out."""

from __future__ import annotations

import re

import pytest

from runtime import tracing

# The example of W3C Trace Context, section 3.2.4.
EXAMPLE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FORM = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]")


def test_a_parent_is_continued() -> None:
    """Below a given parent the trace id stays and the span id is new."""
    with tracing.span("work", EXAMPLE, order_id="ord_1"):
        inside = tracing.traceparent()

    assert FORM.fullmatch(inside)
    assert inside.split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
    assert inside.split("-")[2] != "b7ad6b7169203331"


def test_spans_nest() -> None:
    """A span inside a span belongs to the same trace; after both there is no current trace."""
    with tracing.span("outer"):
        outer = tracing.trace_id()
        with tracing.span("inner"):
            inner = tracing.trace_id()

    assert outer is not None
    assert outer == inner
    assert tracing.trace_id() is None


def test_outside_any_span_it_is_fresh() -> None:
    """Without a span each call gives a valid traceparent of another trace."""
    first, second = tracing.traceparent(), tracing.traceparent()

    assert FORM.fullmatch(first)
    assert first.split("-")[1] != second.split("-")[1]


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "garbage",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        EXAMPLE.upper(),
    ],
)
def test_a_bad_parent_starts_a_new_trace(bad: str) -> None:
    """What the standard calls invalid is not continued, and breaks nothing."""
    with tracing.span("work", bad):
        inside = tracing.traceparent()

    assert FORM.fullmatch(inside)
    assert inside.split("-")[1] not in bad.lower() or bad == ""
