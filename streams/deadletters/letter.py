"""A dead letter: a record that an agent could not read, as it came, with its place, the time and the reason.

On `ledger.deadletters` the key is the place, the value is the record's own, and so are the headers, behind which stand
the `deadletter-…` headers of whoever put it there. A restarted agent may put the same record there again: one place is
one dead letter, whose first copy counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from domain.errors import InvalidValue
from runtime.settings import Settings
from streams.codec import Headers, header
from streams.tape.reader import end_offsets, read_range
from streams.tape.record import TapeRecord

TOPIC = "ledger.deadletters"
PREFIX = "deadletter-"
SERVICE, PLACE, REASON, TIME, KEY, CUT = (
    PREFIX + name for name in ("service", "place", "reason", "time", "key", "cut-bytes")
)
RETRIED_FROM = "retried-from"
"""The header of a record that was sent again: the place of the dead letter that it was."""


class Place(NamedTuple):
    """Where the record stands. topic: its name on the broker."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Raises InvalidValue when it is no topic:partition:offset."""
        topic, *numbers = text.split(":")
        if not topic or len(numbers) != 2 or not all(n.isascii() and n.isdecimal() and len(n) < 20 for n in numbers):
            raise InvalidValue(
                "PLACE_INVALID", f"expected topic:partition:offset such as trading.commands:0:17, it was {text!r}"
            )
        return cls(topic, int(numbers[0]), int(numbers[1]))


class Letter(NamedTuple):
    """key, value, headers: the record's own. retried_from: the dead letter that the record was before, if it was one.

    cut_bytes: the record's size where it was too large to be kept beside its headers; then key, value and headers are
    only at its place.
    """

    place: Place
    service: str
    reason: str
    time: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    retried_from: Place | None
    cut_bytes: int | None

    @classmethod
    def of(cls, record: TapeRecord) -> Letter | None:
        """None when the record was not put there by an agent."""
        names = [name for name, _ in record.headers]
        if SERVICE not in names:
            return None
        begin = len(names) - 1 - names[::-1].index(SERVICE)  # the record may have been a dead letter's copy itself
        said = dict(record.headers[begin:])
        try:
            place = Place.parse(_text(said[PLACE]))
            cut = int(said[CUT]) if CUT in said else None
        except (KeyError, ValueError, InvalidValue):
            return None
        own = [(name, content) for name, content in record.headers[:begin] if not name.startswith(PREFIX)]
        return cls(
            place,
            _text(said.get(SERVICE)),
            _text(said.get(REASON)),
            _text(said.get(TIME)),
            said.get(KEY),
            record.value,
            own,
            _origin(own),
            cut,
        )


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode(errors="replace")


def _origin(headers: Headers) -> Place | None:
    raw = header(headers, RETRIED_FROM)
    try:
        return None if raw is None else Place.parse(_text(raw))
    except InvalidValue:
        return None  # somebody else's header of that name


def scan(settings: Settings, newest: int | None = None) -> Iterator[Letter]:
    """The dead letters of each partition in the order of their offsets, second copies included.

    newest: only so many records at the end of each partition. Raises UnavailableError.
    """
    topic = settings.topic(TOPIC)
    for partition, end in end_offsets(settings, topic).items():
        first = 0 if newest is None else max(0, end - newest)
        for record in read_range(settings, topic, partition, first, end):
            letter = Letter.of(record)
            if letter is not None:
                yield letter


def whole(settings: Settings, letter: Letter) -> Letter:
    """The letter with the record's own value and headers, read from its place where it was too large to be kept.

    Raises UnavailableError when the record is no longer there.
    """
    if letter.cut_bytes is None:
        return letter
    topic, partition, offset = letter.place
    (record,) = read_range(settings, topic, partition, offset, offset + 1)
    return letter._replace(key=record.key, value=record.value, headers=record.headers, cut_bytes=None)
