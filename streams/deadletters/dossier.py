"""All there is to know of one dead letter: the record, why it could not be read, what was done, what it came from."""

from __future__ import annotations

import base64

import msgspec

from domain.actions import ActionRecorded
from domain.errors import InvalidValue
from runtime.settings import Settings
from streams.auditlog.follow import Entry
from streams.codec import rfc3339
from streams.deadletters.hexdump import dump, escaped, is_plain
from streams.deadletters.letter import Letter, Place, scan, whole
from streams.deadletters.listing import followed

BYTES_MAX = 2_048


class Bytes(msgspec.Struct, frozen=True, kw_only=True):
    """base64: all of them; text: escaped, so that it can be shown."""

    size: int
    text: str
    base64: str

    @classmethod
    def of(cls, raw: bytes) -> Bytes:
        return cls(size=len(raw), text=escaped(raw), base64=base64.b64encode(raw).decode())


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """content: None for a header without one."""

    name: str
    content: Bytes | None


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `audit.logs` on the place. code: empty, or why it was refused; reason: what was said then."""

    action: str
    actor: str
    at: str
    reason: str
    code: str
    details: dict[str, str]
    tape: str


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """Another dead letter and what became of it, in words."""

    place: str
    standing: str


class Dossier(msgspec.Struct, frozen=True, kw_only=True):
    """came_from: the letter that this one is a retry of. came_back_as: letters that are retries of this one."""

    place: str
    time: str
    service: str
    reason: str
    status: str
    standing: str
    copies: int
    key: Bytes | None
    value: Bytes | None
    headers: list[Header]
    history: list[Done]
    came_from: Link | None
    came_back_as: list[Link]


def dossier(settings: Settings, place: Place) -> Dossier:
    """Raises InvalidValue when the place is no dead letter's; UnavailableError, ChainError."""
    found: dict[Place, Letter] = {}
    copies = 0
    for letter in scan(settings):
        if place in (letter.place, letter.retried_from):
            copies += letter.place == place
            found.setdefault(letter.place, letter)
    if place not in found:
        raise InvalidValue(
            "DEADLETTER_UNKNOWN", f"there is no dead letter {place}; `tape deadletters list` shows those that there are"
        )
    standings = followed(settings, [place])
    letter = whole(settings, found.pop(place))
    standing = standings.of(place)

    def link(other: Place) -> Link:
        return Link(place=str(other), standing=escaped(standings.of(other).text()))

    return Dossier(
        place=str(place),
        time=escaped(letter.time),
        service=escaped(letter.service),
        reason=escaped(letter.reason),
        status=standing.status,
        standing=escaped(standing.text()),
        copies=copies,
        key=None if letter.key is None else Bytes.of(letter.key),
        value=None if letter.value is None else Bytes.of(letter.value),
        headers=[Header(name=escaped(n), content=None if c is None else Bytes.of(c)) for n, c in letter.headers],
        history=[_done(entry) for entry in standings.history(place)],
        came_from=None if letter.retried_from is None else link(letter.retried_from),
        came_back_as=[link(other) for other in found],
    )


def _done(entry: Entry) -> Done:
    event = entry.event
    if isinstance(event, ActionRecorded):
        at_us, reason, code, details = event.issued_at_us, event.reason, "", event.details
    else:
        at_us, reason, code, details = event.recorded_at_us, event.text, event.code, event.values
    return Done(
        action=event.action,
        actor=escaped(event.actor),
        at=rfc3339(at_us),
        reason=escaped(reason),
        code=code,
        details={escaped(name): escaped(value) for name, value in details.items()},
        tape=f"audit.logs/{entry.partition} offset {entry.offset}",
    )


def lines(found: Dossier, bytes_max: int = BYTES_MAX) -> list[str]:
    """The dossier for people. bytes_max: how much of key, value and each header is shown."""
    shown = [
        f"Dead letter   {found.place}",
        f"Standing      {found.standing}",
        f"Kept          {found.time} by {found.service}" + (f", {found.copies} copies" if found.copies > 1 else ""),
        f"Reason        {found.reason}",
    ]
    if found.came_from is not None:
        shown.append(f"Came from     {found.came_from.place}, {found.came_from.standing}")
    shown += [f"Came back as  {link.place}, {link.standing}" for link in found.came_back_as]
    shown += ["", "Headers"]
    shown += [f"  {header.name}: {_short(header.content, bytes_max)}" for header in found.headers] or ["  none"]
    shown += ["", f"Key    {_short(found.key, bytes_max)}", "", "Value", *_content(found.value, bytes_max)]
    shown += ["", "History"]
    shown += [f"  {_told(one)}" for one in found.history] or ["  nothing was done with it"]
    return shown


def _short(content: Bytes | None, bytes_max: int) -> str:
    if content is None:
        return "(none)"
    return content.text if len(content.text) <= bytes_max else f"{content.text[:bytes_max]}… ({content.size:,} bytes)"


def _content(content: Bytes | None, bytes_max: int) -> list[str]:
    """The value: as text, and as a dump where it is more than text."""
    if content is None:
        return ["  (none)"]
    raw = base64.b64decode(content.base64)
    part = raw[:bytes_max]
    more = [f"  … {len(raw) - len(part):,} more of {len(raw):,} bytes"] if len(raw) > len(part) else []
    if is_plain(raw):
        return [*(f"  {escaped(line)}" for line in part.decode(errors="replace").splitlines() or [""]), *more]
    return [f"  {escaped(part)}", "", *(f"  {line}" for line in dump(part)), *more]


def _told(one: Done) -> str:
    details = "".join(f", {name} {value}" for name, value in one.details.items())
    refused = f"REFUSED {one.code}: " if one.code else ""
    reason = f": {one.reason}" if one.reason else ""
    return f"{one.at} {refused}{one.action} by {one.actor}{reason} ({one.tape}{details})"
