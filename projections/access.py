"""access_users and access_keys.

A key counts only when its user is there at that place of the tape, and a removal kills the keys that were made before.
Order matters, so the records are applied in runs of one kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from domain.access import AccessRecord, KeyCreated, KeyRevoked, UserPut, UserRemoved, record_of
from domain.actions import ActionRecorded
from projections.rows import Cursor, Event, Row, execute, given, insert

USERS = {
    "user_id": "text",
    "role": "text",
    "accounts": "text[]",
    "put_by": "text",
    "put_at": "timestamptz",
    "partition": "integer",
    "record_offset": "bigint",
}
KEYS = {
    "user_id": "text",
    "key_id": "text",
    "sha256": "text",
    "scopes": "text[]",
    "label": "text",
    "limit_per_minute": "integer",
    "created_by": "text",
    "created_at": "timestamptz",
    "expires_at": "timestamptz",
    "partition": "integer",
    "record_offset": "bigint",
}
ENDED = {
    "user_id": "text",
    "key_id": "text",
    "ended_at": "timestamptz",
    "partition": "integer",
    "record_offset": "bigint",
}
TIME_US_MAX = 253_402_300_799_999_999  # the year 9999, which is the last that readers of times know
_PUT = f"""
{insert("access_users", USERS)}
on conflict (user_id) do update set role = excluded.role, accounts = excluded.accounts, put_by = excluded.put_by,
    put_at = excluded.put_at, removed_at = null, partition = excluded.partition, record_offset = excluded.record_offset
"""
_REMOVE = f"""
update access_users set removed_at = given.ended_at, partition = given.partition, record_offset = given.record_offset
from {given(ENDED)} where access_users.user_id = given.user_id and access_users.removed_at is null
"""
_REMOVE_KEYS = f"""
update access_keys set revoked_at = given.ended_at, partition = given.partition, record_offset = given.record_offset
from {given(ENDED)} where access_keys.user_id = given.user_id and access_keys.revoked_at is null
"""
_CREATE = f"""
{insert("access_keys", KEYS)}
where exists (select from access_users where access_users.user_id = given.user_id and removed_at is null)
on conflict (user_id, key_id) do nothing
"""
_REVOKE = f"""
update access_keys set revoked_at = given.ended_at, partition = given.partition, record_offset = given.record_offset
from {given(ENDED)}
where access_keys.user_id = given.user_id and access_keys.key_id = given.key_id and access_keys.revoked_at is null
"""


class Run(NamedTuple):
    """Records of one kind that stand together. rows: the first of a key's, or the last of a user's, as it counts."""

    kind: type[AccessRecord]
    rows: list[Row]


def runs(events: Sequence[Event]) -> Iterator[Run]:
    """What a batch says, in its order; rows of USERS, KEYS or ENDED."""
    found = [
        (record, event)
        for event in events
        if type(event.message) is ActionRecorded and (record := record_of(event.message)) is not None
    ]
    for kind, group in groupby(found, key=lambda pair: type(pair[0])):
        rows: dict[tuple[str, ...], Row] = {}
        for record, event in group:
            key = (record.user_id, getattr(record, "key_id", ""))
            if kind is UserPut or key not in rows:
                rows[key] = _row(record, event)
        yield Run(kind, list(rows.values()))


def _row(record: AccessRecord, event: Event) -> Row:
    place = (event.partition, event.offset)
    action: ActionRecorded = event.message
    match record:
        case UserPut(user_id=user_id, role=role, accounts=accounts):
            return (user_id, role, _array(accounts), action.actor, action.recorded_at_us, *place)
        case KeyCreated():
            return (
                *(record.user_id, record.key_id, record.sha256, _array(record.scopes), record.label),
                *(record.limit_per_minute, action.actor, action.recorded_at_us, expiry(record), *place),
            )
        case UserRemoved(user_id=user_id):
            return (user_id, "", action.recorded_at_us, *place)
        case KeyRevoked(user_id=user_id, key_id=key_id):
            return (user_id, key_id, action.recorded_at_us, *place)


def expiry(key: KeyCreated) -> int | None:
    """Microseconds since 1970 UTC."""
    return None if key.expires_at_us is None else min(key.expires_at_us, TIME_US_MAX)


def _array(names: Sequence[str]) -> str:
    """Names without commas, quotes and braces as PostgreSQL's text of an array."""
    return f"{{{','.join(names)}}}"


def apply(cursor: Cursor, events: Sequence[Event]) -> None:
    statements = {
        UserPut: (_PUT,),
        UserRemoved: (_REMOVE, _REMOVE_KEYS),
        KeyCreated: (_CREATE,),
        KeyRevoked: (_REVOKE,),
    }
    for kind, rows in runs(events):
        for statement in statements[kind]:
            execute(cursor, statement, rows)
