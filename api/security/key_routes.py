"""Operations on keys and users. Each change is a record on `audit.logs`, answered when Kafka has it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from api.fields import time_of_us, us_of_time
from api.problems import refused
from api.security.access import Access, address_of
from api.security.bodies import (
    KeyList,
    KeyMade,
    KeyRequest,
    KeyView,
    Me,
    Recorded,
    UserId,
    UserList,
    UserRequest,
    UserView,
)
from api.security.directory import Key
from api.security.policy import unknown
from api.security.rights import Caller, Rights
from domain.access import SCOPES, SEES_ALL, AccessRecord, KeyCreated, KeyRevoked, UserPut, UserRemoved, subject
from runtime.clock import now_us
from streams.access import keys, records

router = APIRouter(tags=["access"])
_WAIT_S = 3.0
KeyPath = Annotated[str, Path(pattern=r"^key_[0-9a-f]{16}$", examples=["key_3f1c9a7e5b2d4806"])]
UserPath = Annotated[UserId, Path(examples=["ada"])]


@router.get("/api/me", operation_id="get_me", summary="Who calls, and what they may do")
async def get_me(caller: Caller) -> Me:
    principal = caller.principal
    return Me(
        user_id=principal.user_id,
        role=principal.role,
        scopes=_ordered(principal.scopes),
        credential_id=principal.credential_id,
        key_id=principal.key_id,
        granted_accounts=sorted(principal.accounts),
        sees_all_accounts=bool(principal.scopes & SEES_ALL),
    )


@router.post("/api/keys", operation_id="create_key", status_code=201, summary="Make an API key")
async def create_key(request: Request, caller: Caller, body: KeyRequest) -> KeyMade:
    """The key is in this answer and nowhere else."""
    record, made = _new_key(caller, body)
    await _put(request, caller, record)
    directory = caller.access.directory
    is_usable = await directory.wait_for(lambda: directory.key_of(made.text) is not None, _WAIT_S)
    return KeyMade(
        key_id=made.key_id,
        key=made.text,
        user_id=record.user_id,
        scopes=_ordered(frozenset(record.scopes)),
        expires_at=None if record.expires_at_us is None else time_of_us(record.expires_at_us),
        is_usable=is_usable,
    )


def _new_key(caller: Rights, body: KeyRequest) -> tuple[KeyCreated, keys.NewKey]:
    """Raises ProblemError 403 for more than the caller has, 404 for a user who is not there, 422."""
    principal, is_admin = caller.principal, "admin" in caller.principal.scopes
    user_id = principal.user_id if body.user_id is None else body.user_id
    if principal.credential_id.startswith("tok_"):
        raise caller.refused("KEY_REQUIRED", "expected an API key or a session: a key must not outlive a token")
    if not is_admin and user_id != principal.user_id:
        raise caller.refused("USER_FORBIDDEN", f"expected {principal.user_id}, it was {user_id}")
    if not frozenset(body.scopes) <= principal.scopes:
        have = " ".join(_ordered(principal.scopes)) or "none"
        raise caller.refused("SCOPE_MISSING", f"expected at most the caller's scopes ({have})")
    if body.limit_per_minute is not None and not is_admin:
        raise caller.refused("SCOPE_MISSING", "expected the admin scope for a limit of a key's own")
    own, wanted_us = _key(caller), None if body.expires_at is None else us_of_time(body.expires_at)
    end_us = own.expires_at_us if own is not None and user_id == principal.user_id else None
    if end_us is not None and (wanted_us is None or wanted_us > end_us):
        if wanted_us is not None:
            raise caller.refused("KEY_OUTLIVES_ITS_MAKER", "expected an expiry up to that of the caller's own key")
        wanted_us = end_us
    if wanted_us is not None and wanted_us <= now_us():
        raise refused("EXPIRY_PAST", "expected a time to come", "#/expires_at")
    if caller.access.directory.user(user_id) is None:
        raise unknown("USER_UNKNOWN", f"user {user_id}")
    made = keys.make()
    record = KeyCreated(
        user_id=user_id,
        key_id=made.key_id,
        sha256=made.sha256,
        scopes=tuple(_ordered(frozenset(body.scopes))),
        label=body.label,
        expires_at_us=wanted_us,
        limit_per_minute=body.limit_per_minute,
    )
    return record, made


def _key(caller: Rights) -> Key | None:
    found = caller.access.directory.standing(caller.principal.user_id, caller.principal.key_id)
    return None if found is None else found[1]


@router.get("/api/keys", operation_id="list_keys", summary="Keys that stand: one's own, and for admins all")
async def list_keys(caller: Caller) -> KeyList:
    found = [key for key in caller.access.directory.standing_keys() if _is_theirs(caller, key.user_id)]
    return KeyList(data=[_key_view(key) for key in found])


@router.delete("/api/keys/{key_id}", operation_id="revoke_key", summary="Revoke a key")
async def revoke_key(request: Request, caller: Caller, key_id: KeyPath) -> Recorded:
    """Dead here at once, everywhere within about two seconds, with its tokens and sessions."""
    directory = caller.access.directory
    found = next((key for key in directory.standing_keys() if key.key_id == key_id), None)
    if found is None or not _is_theirs(caller, found.user_id):
        raise unknown("KEY_UNKNOWN", f"key {key_id}")
    await _put(request, caller, KeyRevoked(user_id=found.user_id, key_id=key_id))
    directory.revoke(key_id)
    is_done = await directory.wait_for(lambda: not directory.has_key(key_id), _WAIT_S)
    return Recorded(subject=subject(found.user_id), is_done=is_done)


@router.post("/api/users", operation_id="put_user", status_code=201, summary="Put a user on record, new or changed")
async def put_user(request: Request, caller: Caller, body: UserRequest) -> Recorded:
    record = UserPut(user_id=body.user_id, role=body.role, accounts=tuple(sorted(set(body.accounts))))
    await _put(request, caller, record, body.reason)
    directory = caller.access.directory

    def is_there() -> bool:
        user = directory.user(body.user_id)
        return user is not None and (user.role, user.accounts) == (record.role, frozenset(record.accounts))

    return Recorded(subject=subject(body.user_id), is_done=await directory.wait_for(is_there, _WAIT_S))


@router.get("/api/users", operation_id="list_users", summary="Users and their roles")
async def list_users(caller: Caller) -> UserList:
    found = caller.access.directory.users()
    return UserList(
        data=[UserView(user_id=user.user_id, role=user.role, accounts=sorted(user.accounts)) for user in found]
    )


@router.delete("/api/users/{user_id}", operation_id="remove_user", summary="Remove a user and all their keys")
async def remove_user(request: Request, caller: Caller, user_id: UserPath) -> Recorded:
    """Their keys are dead for ever, also when a user of this name is put on record again."""
    directory = caller.access.directory
    if directory.user(user_id) is None:
        raise unknown("USER_UNKNOWN", f"user {user_id}")
    await _put(request, caller, UserRemoved(user_id=user_id))
    for key in directory.standing_keys():
        if key.user_id == user_id:
            directory.revoke(key.key_id)
    is_done = await directory.wait_for(lambda: directory.user(user_id) is None, _WAIT_S)
    return Recorded(subject=subject(user_id), is_done=is_done)


async def _put(request: Request, caller: Rights, record: AccessRecord, reason: str = "") -> None:
    access: Access = caller.access
    details = {
        "address": address_of(request),
        "credential_id": caller.principal.credential_id,
        "request_id": request.state.request_id,
        "trace_id": request.state.trace_id,
    }
    await access.trail.record(records.action(record, caller.principal.user_id, reason, **details))


def _is_theirs(caller: Rights, user_id: str) -> bool:
    return "admin" in caller.principal.scopes or user_id == caller.principal.user_id


def _key_view(key: Key) -> KeyView:
    return KeyView(
        key_id=key.key_id,
        user_id=key.user_id,
        scopes=_ordered(key.scopes),
        label=key.label,
        limit_per_minute=key.limit_per_minute,
        created_by=key.created_by,
        created_at=time_of_us(key.created_at_us),
        expires_at=None if key.expires_at_us is None else time_of_us(key.expires_at_us),
    )


def _ordered(scopes: frozenset[str]) -> list[str]:
    return [scope for scope in SCOPES if scope in scopes]
