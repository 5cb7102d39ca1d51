"""Fewer points for a chart without hiding a peak, a fall or a gap."""

from __future__ import annotations

from collections.abc import Sequence

from audit.report.model import Bar, Point

POINTS_MAX = 1_500


def points(series: Sequence[Point], most: int = POINTS_MAX) -> list[Point]:
    """At most about `most` points: of each run of neighbours the lowest and the highest, and the two ends."""
    if len(series) <= most:
        return list(series)
    run = -(-len(series) // max(1, (most - 2) // 2))
    kept = {0, len(series) - 1}
    for start in range(0, len(series), run):
        span = range(start, min(start + run, len(series)))
        kept.add(min(span, key=lambda index: series[index].value))
        kept.add(max(span, key=lambda index: series[index].value))
    return [series[index] for index in sorted(kept)]


def candles(series: Sequence[Bar], most: int = POINTS_MAX) -> tuple[list[Bar], int]:
    """At most `most` candles, neighbours merged into one, and how many days one candle then holds."""
    days = max(1, -(-len(series) // most))
    if days == 1:
        return list(series), 1
    merged = []
    for start in range(0, len(series), days):
        run = series[start : start + days]
        merged.append(
            Bar(
                day=run[0].day,
                open=run[0].open,
                high=max(bar.high for bar in run),
                low=min(bar.low for bar in run),
                close=run[-1].close,
                volume=sum((bar.volume for bar in run[1:]), run[0].volume),
                close_time=run[-1].close_time,
            )
        )
    return merged, days
