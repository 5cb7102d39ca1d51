"""Putting users and keys on record: the actions, and sending them."""

from __future__ import annotations

from uuid import uuid4

from domain import access
from domain.access import ROLES, AccessRecord, KeyCreated, UserPut
from domain.actions import RecordAction
from domain.errors import InvalidValue
from runtime.clock import now_us

LABEL_CHARACTERS_MAX = 100


def action(record: AccessRecord, actor: str, reason: str = "", **details: str) -> RecordAction:
    """The action that puts a record on `audit.logs`. details: what else a reader wants to know, such as the address.

    Raises InvalidValue where the record is not one that grants what it says.
    """
    _check(record)
    name, own = access.details_of(record)
    return RecordAction(
        action_id=f"act_{uuid4().hex}",
        actor=actor,
        action=name,
        subject=access.subject(record.user_id),
        issued_at_us=now_us(),
        reason=reason,
        details=own | details,
    )


def _check(record: AccessRecord) -> None:
    if not access.is_user_id(record.user_id) or record.user_id == access.ROOT_USER:
        raise InvalidValue(
            "USER_ID_INVALID",
            "expected 1 to 64 letters, digits and `_.@-`, the first a letter or a digit, and not `root`; "
            f"it was {record.user_id!r}",
            user_id=record.user_id,
        )
    if isinstance(record, UserPut):
        _check_user(record)
    if isinstance(record, KeyCreated):
        _check_key(record)


def _check_user(user: UserPut) -> None:
    if user.role not in ROLES:
        raise InvalidValue("ROLE_UNKNOWN", f"expected one of {', '.join(ROLES)}, it was {user.role!r}", role=user.role)
    strange = next((name for name in user.accounts if not access.is_account(name)), None)
    if strange is not None:
        raise InvalidValue("ACCOUNT_INVALID", f"expected ids of accounts, one was {strange!r}", account_id=strange)
    length = len(",".join(user.accounts))
    if length > access.ACCOUNTS_CHARACTERS_MAX:
        raise InvalidValue(
            "ACCOUNTS_TOO_MANY",
            f"expected at most {access.ACCOUNTS_CHARACTERS_MAX} characters of granted accounts, it was {length}: "
            "whoever needs more of them owns them, or has a role that reads all",
            characters=str(length),
        )


def _check_key(key: KeyCreated) -> None:
    unknown = next((scope for scope in key.scopes if scope not in access.SCOPES), None)
    if unknown is not None or not key.scopes:
        raise InvalidValue(
            "SCOPES_INVALID", f"expected some of {', '.join(access.SCOPES)}, it was {' '.join(key.scopes)!r}"
        )
    if len(key.label) > LABEL_CHARACTERS_MAX or not (key.label or "-").isprintable():
        raise InvalidValue("LABEL_INVALID", f"expected at most {LABEL_CHARACTERS_MAX} printable characters")
