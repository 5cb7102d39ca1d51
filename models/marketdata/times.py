"""A row's time as text -> the trading day, and of a bar within a day its start and end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

from models.marketdata.bars import day_of
from models.marketdata.declared import Declared, zone_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_PER_UNIT = {"epoch_s": (1_000_000, 1), "epoch_ms": (1_000, 1), "epoch_us": (1, 1), "epoch_ns": (1, 1_000)}


class When(NamedTuple):
    """start_us, end_us: None for a day's bar."""

    date: date
    start_us: int | None
    end_us: int | None


class TimeOfDay(ValueError):
    """A row of a source of days that has a time of day: is it a day at all, and which?"""


def reader(declared: Declared) -> Callable[[str], When]:
    """The function that reads times as declared. It raises ValueError saying what was expected, TimeOfDay see there."""
    parse = _parser(declared.time_format)
    zone = zone_of(declared.zone) if declared.zone else None
    if declared.interval_us is None:
        return _day_reader(parse, zone, iso=not declared.time_format)
    return _span_reader(parse, zone or UTC, declared.interval_us, declared.stamped == "start")


def _day_reader(parse: Callable[[str], datetime], zone: tzinfo | None, *, iso: bool) -> Callable[[str], When]:
    def read(text: str) -> When:
        if iso and len(text) == 10 and text[4] == text[7] == "-":
            try:
                return When(date.fromisoformat(text), None, None)
            except ValueError:
                pass  # `parse` explains it
        at = parse(text)
        if zone is not None and at.tzinfo is not None:
            at = at.astimezone(zone)
        if (at.hour, at.minute, at.second, at.microsecond) != (0, 0, 0, 0):
            raise TimeOfDay(
                f"expected a day, it was {text!r} with a time of day; declare the interval of bars within a day "
                "(interval=1h, say), or the zone whose midnight it is (zone=America/New_York, say)"
            )
        return When(at.date(), None, None)

    return read


def _span_reader(
    parse: Callable[[str], datetime], zone: tzinfo, interval_us: int, at_start: bool
) -> Callable[[str], When]:
    def read(text: str) -> When:
        at = parse(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=zone)
            if at.utcoffset() != at.replace(fold=1).utcoffset():
                raise ValueError(f"{text!r} exists twice or not at all in {zone}; expected a time with its offset")
        stamp = (at - _EPOCH) // _US
        start = stamp if at_start else stamp - interval_us
        return When(day_of(start + interval_us), start, start + interval_us)

    return read


def _parser(time_format: str) -> Callable[[str], datetime]:
    if not time_format:
        return _iso
    if time_format in _PER_UNIT:
        times, over = _PER_UNIT[time_format]

        def from_epoch(text: str) -> datetime:
            try:
                return _EPOCH + int(text) * times // over * _US
            except (ValueError, OverflowError) as error:
                raise ValueError(f"expected {time_format}, a whole number, it was {text!r}") from error

        return from_epoch

    def from_pattern(text: str) -> datetime:
        try:
            return datetime.strptime(text, time_format)  # noqa: DTZ007 (the zone is declared)
        except ValueError as error:
            raise ValueError(f"expected a time like {time_format}, it was {text!r}") from error

    return from_pattern


def _iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f"expected a day or time of ISO 8601 like 2011-01-31, it was {text!r} "
            "(declare another form: time=%d.%m.%Y, say)"
        ) from error
