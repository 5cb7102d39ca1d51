"""Which dead letters there are, by what was asked for: one for each place, newest first, bounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from runtime.settings import Settings
from streams.codec import rfc3339
from streams.deadletters.hexdump import escaped
from streams.deadletters.letter import TOPIC, Letter, Place, scan
from streams.deadletters.standing import Standing, Standings, Status
from streams.tape.reader import end_offsets

NEWEST = 10_000
"""How many records at the end of each partition are looked at where nobody says otherwise."""


class Filter(NamedTuple):
    """topic: as declared or as on the broker; empty texts and no statuses: all."""

    topic: str = ""
    service: str = ""
    statuses: tuple[Status, ...] = ()

    def takes(self, settings: Settings, letter: Letter) -> bool:
        """Whether a letter is of the topic and service."""
        topics = ("", letter.place.topic)
        return (self.topic in topics or settings.topic(self.topic) in topics) and self.service in ("", letter.service)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter in a list. time: when it was kept first; copies: how often; by, at, note: of its status."""

    place: str
    time: str
    service: str
    reason: str
    status: str
    by: str
    at: str
    note: str
    sent_to: str
    retried_from: str
    copies: int


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """rows: newest first. matching: how many there are with those that the limit left out. older: records that were not
    looked at, at the beginning of the partitions."""

    rows: list[Row]
    matching: int
    older: int


def listing(settings: Settings, chosen: Filter, limit: int, newest: int = NEWEST) -> Listing:
    """Raises ChainError, UnavailableError."""
    letters, copies = select(settings, chosen, newest)
    standings = followed(settings)
    matching = [
        (letter, standing)
        for letter in sorted(letters, key=lambda letter: (letter.time, letter.place), reverse=True)
        if (standing := standings.of(letter.place)).status in (chosen.statuses or (standing.status,))
    ]
    rows = [_row(letter, standing, copies[letter.place]) for letter, standing in matching[:limit]]
    return Listing(rows=rows, matching=len(matching), older=unseen(settings, newest))


def select(settings: Settings, chosen: Filter, newest: int) -> tuple[list[Letter], dict[Place, int]]:
    """The first copy of each letter of a topic and service, without its content; and how many copies there are."""
    found: dict[Place, Letter] = {}
    copies: dict[Place, int] = {}
    for letter in scan(settings, newest):
        if chosen.takes(settings, letter):
            copies[letter.place] = copies.get(letter.place, 0) + 1
            found.setdefault(letter.place, _without_content(letter))
    return list(found.values()), copies


def unseen(settings: Settings, newest: int) -> int:
    """How many records of `ledger.deadletters` lie before the newest of each partition."""
    return sum(max(0, end - newest) for end in end_offsets(settings, settings.topic(TOPIC)).values())


def fetch(settings: Settings, places: Sequence[Place], *, content: bool) -> dict[Place, Letter]:
    """The first copies of these, with or without values and headers; a place that is no dead letter's is left out."""
    wanted, found = set(places), dict[Place, Letter]()
    for letter in scan(settings):
        if letter.place in wanted:
            found.setdefault(letter.place, letter if content else _without_content(letter))
    return found


def followed(settings: Settings, historic: Sequence[Place] = ()) -> Standings:
    """The standings as `audit.logs` has them now."""
    standings = Standings(settings, historic)
    try:
        standings.follower.catch_up()
    finally:
        standings.follower.close()
    return standings


def _without_content(letter: Letter) -> Letter:
    return letter._replace(value=None, headers=[])


def _row(letter: Letter, standing: Standing, copies: int) -> Row:
    return Row(
        place=str(letter.place),
        time=escaped(letter.time),
        service=escaped(letter.service),
        reason=escaped(letter.reason),
        status=standing.status,
        by=escaped(standing.by),
        at=rfc3339(standing.at_us) if standing.at_us else "",
        note=escaped(standing.reason),
        sent_to=escaped(standing.sent_to),
        retried_from=str(letter.retried_from or ""),
        copies=copies,
    )
