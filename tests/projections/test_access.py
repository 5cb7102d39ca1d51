"""access_users and access_keys: who has which rights follows from the order of one user's records alone."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import KeyCreated, KeyRevoked, UserPut, UserRemoved, details_of, record_of
from domain.actions import KEY_CREATED, USER_PUT, ActionRecorded
from projections import access
from projections.rows import Event
from runtime.settings import Settings

pytestmark = pytest.mark.integration
SHA = "ab" * 32


def key(number: int) -> str:
    return f"key_{number:016x}"


def put(user: str, role: str, *accounts: str) -> UserPut:
    return UserPut(user_id=user, role=role, accounts=accounts)


def made(user: str, number: int, **changes: Any) -> KeyCreated:
    return KeyCreated(user_id=user, key_id=key(number), sha256=SHA, scopes=("read",), **changes)


# One user's records, each line of the comment saying what stands afterwards.
STORY = [
    made("ada", 1),  # no user yet: no key
    put("ada", "viewer"),
    made("ada", 2),
    made("ada", 3, label="second", limit_per_minute=0),
    made("ada", 2, label="again"),  # the id is taken: the first stands
    KeyRevoked(user_id="ada", key_id=key(3)),
    put("ada", "trader", "acc_1", "acc_2"),  # key 2 stands
    UserRemoved(user_id="ada"),  # none stands
    made("ada", 4),  # of nobody: no key
    UserRemoved(user_id="ada"),
    KeyRevoked(user_id="ada", key_id=key(2)),  # it is dead already, since offset 7
    put("ada", "risk"),
    made("ada", 5, expires_at_us=1_900_000_000_000_000),
    put("bob", "admin"),
    made("bob", 6),
]
USERS = [("ada", "risk", [], None, 11), ("bob", "admin", [], None, 13)]
KEYS = [
    ("ada", key(2), "", None, 7, 7),
    ("ada", key(3), "second", 0, 5, 5),
    ("ada", key(5), "", None, None, 12),
    ("bob", key(6), "", None, None, 14),
]
"""key, label, limit, second of the end, newest record: worked out by hand from the comments above."""


def events() -> list[Event]:
    found = []
    for offset, record in enumerate(STORY):
        name, details = details_of(record)
        action = ActionRecorded(
            action_id=f"act-{offset}",
            actor="carol",
            action=name,
            subject=f"user:{record.user_id}",
            reason="",
            details=details,
            issued_at_us=0,
            recorded_at_us=offset * 1_000_000,
        )
        found.append(Event(0, offset, action.action_id, action, b"{}"))
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 5, len(STORY)])
def test_rights_do_not_depend_on_how_the_tape_was_cut(ledger_settings: Settings, size: int) -> None:
    """The tables hold the hand-worked rows, whatever the batches."""
    with psycopg.connect(ledger_settings.database_url) as connection, connection.cursor() as cursor:
        for begin in range(0, len(STORY), size):
            access.apply(cursor, events()[begin : begin + size])
        users = cursor.execute(
            "select user_id, role, accounts, removed_at, record_offset from access_users order by 1"
        ).fetchall()
        keys = cursor.execute(
            """select user_id, key_id, label, limit_per_minute, extract(epoch from revoked_at)::int, record_offset
               from access_keys order by 1, 2"""
        ).fetchall()

    assert users == USERS
    assert keys == KEYS


RECORDS = st.one_of(
    st.builds(
        UserPut,
        user_id=st.just("ada"),
        role=st.sampled_from(["viewer", "trader", "risk", "compliance", "admin"]),
        accounts=st.lists(st.sampled_from(["acc_1", "acc_2", "a.b-c"]), unique=True).map(lambda a: tuple(sorted(a))),
    ),
    st.just(UserRemoved(user_id="ada")),
    st.builds(
        KeyCreated,
        user_id=st.just("ada"),
        key_id=st.just(key(1)),
        sha256=st.just(SHA),
        scopes=st.sampled_from([("read",), ("read", "trade"), ("admin",)]),
        label=st.sampled_from(["", "a label, with commas"]),
        expires_at_us=st.none() | st.integers(0, 253_402_300_799_999_999),
        limit_per_minute=st.none() | st.integers(0, 1_000_000),
    ),
    st.just(KeyRevoked(user_id="ada", key_id=key(1))),
)


@given(record=RECORDS)
def test_a_record_is_read_as_it_was_written(record: Any) -> None:
    """What details_of puts into an action, record_of finds there."""
    name, details = details_of(record)
    assert record_of(action(name, details)) == record


@pytest.mark.parametrize(
    ("name", "details", "subject"),
    [
        (USER_PUT, {"role": "emperor", "accounts": ""}, "user:ada"),
        (USER_PUT, {"accounts": ""}, "user:ada"),
        (USER_PUT, {"role": "admin", "accounts": "a b"}, "user:ada"),
        (USER_PUT, {"role": "admin", "accounts": ""}, "user:root"),
        (USER_PUT, {"role": "admin", "accounts": ""}, "user:a b"),
        (USER_PUT, {"role": "admin", "accounts": ""}, "ada"),
        (KEY_CREATED, {"key_id": key(1), "sha256": "ab", "scopes": "read"}, "user:ada"),
        (KEY_CREATED, {"key_id": key(1), "sha256": SHA, "scopes": "everything"}, "user:ada"),
        (KEY_CREATED, {"key_id": "key_root", "sha256": SHA, "scopes": "read"}, "user:ada"),
        (KEY_CREATED, {"key_id": key(1), "sha256": SHA, "scopes": "read", "expires_at_us": "soon"}, "user:ada"),
        (KEY_CREATED, {"key_id": key(1), "sha256": SHA, "scopes": "read", "limit_per_minute": "-1"}, "user:ada"),
        ("access.denied", {"role": "admin", "accounts": ""}, "user:ada"),
    ],
)
def test_what_is_not_well_formed_grants_nothing(name: str, details: dict[str, str], subject: str) -> None:
    """The tape may hold anything; a record with a fault is no record."""
    assert record_of(action(name, details, subject)) is None


def action(name: str, details: dict[str, str], subject: str = "user:ada") -> ActionRecorded:
    return ActionRecorded(
        action_id="a",
        actor="c",
        action=name,
        subject=subject,
        reason="",
        details=details,
        issued_at_us=0,
        recorded_at_us=0,
    )
