"""Who may do what: roles, scopes, and the records of users and keys that stand on `audit.logs`.

The subject of each record is `user:<user_id>`, that of keys too: all that concerns one user's rights stands on one
partition, in order. So a removed user's keys are dead for ever, also when a user of that name is put on record again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from domain import actions
from domain.actions import ActionRecorded

SCOPES = ("read", "trade", "risk", "compliance", "admin")
ROLES: Mapping[str, frozenset[str]] = {
    "viewer": frozenset({"read"}),
    "trader": frozenset({"read", "trade"}),
    "risk": frozenset({"read", "risk"}),
    "compliance": frozenset({"read", "compliance"}),
    "admin": frozenset(SCOPES),
}
"""What each role may be granted. A credential has of these what it was made with."""
SEES_ALL = frozenset({"risk", "compliance", "admin"})
"""Scopes that read every account."""
ROOT_USER = "root"
ACCOUNTS_CHARACTERS_MAX = 1_000
_USER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
_KEY_ID = re.compile(r"key_[0-9a-f]{16}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ACCOUNT = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_COUNT = re.compile(r"[0-9]{1,18}")  # microseconds up to the year 9999 have 18


class UserPut(msgspec.Struct, frozen=True, kw_only=True):
    """A user, new or changed: what it says stands in place of what was said before. accounts: granted, sorted."""

    user_id: str
    role: str
    accounts: tuple[str, ...] = ()


class UserRemoved(msgspec.Struct, frozen=True, kw_only=True):
    """A user is no more, and all their keys are dead."""

    user_id: str


class KeyCreated(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a user. sha256: of the whole key, hex. expires_at_us: microseconds since 1970 UTC; None: never.

    limit_per_minute: requests, the key's own limit in place of the user's; 0: none.
    """

    user_id: str
    key_id: str
    sha256: str
    scopes: tuple[str, ...]
    label: str = ""
    expires_at_us: int | None = None
    limit_per_minute: int | None = None


class KeyRevoked(msgspec.Struct, frozen=True, kw_only=True):
    """A key is dead from now on."""

    user_id: str
    key_id: str


AccessRecord = UserPut | UserRemoved | KeyCreated | KeyRevoked


def subject(user_id: str) -> str:
    return f"user:{user_id}"


def is_user_id(text: str) -> bool:
    """1 to 64 letters, digits and `_.@-`, the first a letter or a digit."""
    return _USER_ID.fullmatch(text) is not None


def is_account(text: str) -> bool:
    return _ACCOUNT.fullmatch(text) is not None


def details_of(record: AccessRecord) -> tuple[str, dict[str, str]]:
    """The name of the action that puts a record on the tape, and its details."""
    match record:
        case UserPut(role=role, accounts=accounts):
            return actions.USER_PUT, {"role": role, "accounts": ",".join(accounts)}
        case UserRemoved():
            return actions.USER_REMOVED, {}
        case KeyRevoked(key_id=key_id):
            return actions.KEY_REVOKED, {"key_id": key_id}
        case KeyCreated():
            found = {"key_id": record.key_id, "sha256": record.sha256, "scopes": " ".join(record.scopes)}
            if record.label:
                found["label"] = record.label
            if record.expires_at_us is not None:
                found["expires_at_us"] = str(record.expires_at_us)
            if record.limit_per_minute is not None:
                found["limit_per_minute"] = str(record.limit_per_minute)
            return actions.KEY_CREATED, found


def record_of(action: ActionRecorded) -> AccessRecord | None:
    """The record that an action puts down; None for another action, and for one that is not well formed.

    What is not well formed grants nothing; it stands in `audit_actions` as it was sent.
    """
    name, _, user_id = action.subject.partition(":")
    if name != "user" or not is_user_id(user_id):
        return None
    details = action.details
    match action.action:
        case actions.USER_PUT:
            return _user(user_id, details)
        case actions.USER_REMOVED:
            return UserRemoved(user_id=user_id)
        case actions.KEY_CREATED:
            return _key(user_id, details)
        case actions.KEY_REVOKED if _KEY_ID.fullmatch(details.get("key_id", "")):
            return KeyRevoked(user_id=user_id, key_id=details["key_id"])
    return None


def _user(user_id: str, details: Mapping[str, str]) -> UserPut | None:
    accounts = tuple(sorted({name for name in details.get("accounts", "").split(",") if name}))
    if user_id == ROOT_USER or details.get("role") not in ROLES or not all(map(is_account, accounts)):
        return None
    return UserPut(user_id=user_id, role=details["role"], accounts=accounts)


def _key(user_id: str, details: Mapping[str, str]) -> KeyCreated | None:
    scopes = tuple(scope for scope in SCOPES if scope in details.get("scopes", "").split(" "))
    expires, limit = details.get("expires_at_us"), details.get("limit_per_minute")
    if (
        not _KEY_ID.fullmatch(details.get("key_id", ""))
        or not _SHA256.fullmatch(details.get("sha256", ""))
        or not scopes
        or not all(number is None or _COUNT.fullmatch(number) for number in (expires, limit))
        or int(limit or 0) > 1_000_000
    ):
        return None
    return KeyCreated(
        user_id=user_id,
        key_id=details["key_id"],
        sha256=details["sha256"],
        scopes=scopes,
        label=details.get("label", ""),
        expires_at_us=None if expires is None else int(expires),
        limit_per_minute=None if limit is None else int(limit),
    )
