"""Bodies of access.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias

from tapeledger_client.model import Model, Open

Role: TypeAlias = Open[Literal["viewer", "trader", "risk", "compliance", "admin"]]


Scopes: TypeAlias = Open[Literal["read", "trade", "risk", "compliance", "admin"]]


TokenType: TypeAlias = Open[Literal["Bearer"]]


class Ended(Model, frozen=True, kw_only=True):
    """Ended."""

    ended: bool
    """false: there was nothing to end"""


class KeyList(Model, frozen=True, kw_only=True):
    """Key list."""

    data: tuple[KeyView, ...]


class KeyMade(Model, frozen=True, kw_only=True):
    """The key itself, shown this once: only its SHA-256 is kept."""

    key_id: str
    key: str
    """for `Authorization: Bearer`; keep it where secrets are kept"""
    user_id: str
    scopes: tuple[Scopes, ...]
    expires_at: datetime | None
    is_usable: bool
    """false: the record is on the log, and the key is good in a moment"""


class KeyRequest(Model, frozen=True, kw_only=True):
    """A new key. It can do at most what its maker can, and lives at most as long as the maker's own key."""

    scopes: Sequence[Scopes]
    label: str = ""
    """what it is for"""
    expires_at: datetime | None = None
    """null: as the maker's own key"""
    user_id: str | None = None
    """whose; null: one's own. Another's needs the admin scope"""
    limit_per_minute: int | None = None
    """requests, a limit of its own, 0 for none; needs the admin scope"""


class KeyView(Model, frozen=True, kw_only=True):
    """A key that stands, without the key."""

    key_id: str
    user_id: str
    scopes: tuple[Scopes, ...]
    label: str
    limit_per_minute: int | None
    """null: the user's limit"""
    created_by: str
    created_at: datetime
    expires_at: datetime | None


class Me(Model, frozen=True, kw_only=True):
    """Who a credential stands for, and what it may do."""

    user_id: str
    role: Role
    scopes: tuple[Scopes, ...]
    """what the role and the credential both give"""
    credential_id: str
    key_id: str
    """the key behind the credential"""
    granted_accounts: tuple[str, ...]
    """besides those that they own"""
    sees_all_accounts: bool


class Recorded(Model, frozen=True, kw_only=True):
    """It is on the log. is_done: everybody acts on it from now on; else in a moment."""

    subject: str
    is_done: bool


class RefreshRequest(Model, frozen=True, kw_only=True):
    """Refresh request."""

    refresh_token: str


class SessionRequest(Model, frozen=True, kw_only=True):
    """Sign in with the API key of this request."""


class SessionView(Model, frozen=True, kw_only=True):
    """The session's cookie is in the answer's Set-Cookie, out of reach for scripts."""

    session_id: str
    user_id: str
    csrf_token: str
    """for the header X-CSRF-Token of requests that change something"""
    expires_at: datetime
    """in any case; sooner when it is not used"""


class TokenRequest(Model, frozen=True, kw_only=True):
    """Exchange the API key of this request for an access token."""

    scopes: Sequence[Scopes] | None = None
    """at most the key's; null: all"""


class TokenView(Model, frozen=True, kw_only=True):
    """RFC 6749, section 5.1."""

    access_token: str
    token_type: TokenType
    expires_in: int
    """seconds"""
    scope: str
    """separated by spaces"""
    refresh_token: str | None
    """good once; null while Redis, which holds them, is away"""


class UserList(Model, frozen=True, kw_only=True):
    """User list."""

    data: tuple[UserView, ...]


class UserRequest(Model, frozen=True, kw_only=True):
    """A user, new or changed: what is said here stands in place of what was said before."""

    user_id: str
    role: Role
    accounts: Sequence[str] = ()
    """granted besides the owned ones"""
    reason: str = ""
    """why; it stands on the tape for ever"""


class UserView(Model, frozen=True, kw_only=True):
    """User view."""

    user_id: str
    role: Role
    accounts: tuple[str, ...]
    """granted besides the owned ones"""
