"""What the operations of security take and answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from api.fields import WHOLE, AccountId, Body, TimeIn, TimeOut, View

Role = Literal["viewer", "trader", "risk", "compliance", "admin"]
Scope = Literal["read", "trade", "risk", "compliance", "admin"]
UserId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$")]
Label = Annotated[str, StringConstraints(max_length=100, pattern=r"^[ -~]*$")]
RequestLimit = Annotated[int, Field(ge=0, le=1_000_000), WHOLE]
RefreshText = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,256}$")]


class Me(View):
    """Who a credential stands for, and what it may do."""

    user_id: str = Field(examples=["ada"])
    role: Role
    scopes: list[Scope] = Field(description="what the role and the credential both give")
    credential_id: str = Field(examples=["key_3f1c9a7e5b2d4806"])
    key_id: str = Field(description="the key behind the credential", examples=["key_3f1c9a7e5b2d4806"])
    granted_accounts: list[str] = Field(description="besides those that they own")
    sees_all_accounts: bool


class KeyRequest(Body):
    """A new key. It can do at most what its maker can, and lives at most as long as the maker's own key."""

    scopes: list[Scope] = Field(min_length=1, max_length=5, examples=[["read", "trade"]])
    label: Label = Field("", description="what it is for", examples=["rebalancing job"])
    expires_at: TimeIn | None = Field(None, description="null: as the maker's own key")
    user_id: UserId | None = Field(None, description="whose; null: one's own. Another's needs the admin scope")
    limit_per_minute: RequestLimit | None = Field(
        None, description="requests, a limit of its own, 0 for none; needs the admin scope"
    )


class KeyView(View):
    """A key that stands, without the key."""

    key_id: str = Field(examples=["key_3f1c9a7e5b2d4806"])
    user_id: str
    scopes: list[Scope]
    label: str
    limit_per_minute: int | None = Field(description="null: the user's limit")
    created_by: str
    created_at: TimeOut
    expires_at: TimeOut | None


class KeyMade(View):
    """The key itself, shown this once: only its SHA-256 is kept."""

    key_id: str = Field(examples=["key_3f1c9a7e5b2d4806"])
    key: str = Field(description="for `Authorization: Bearer`; keep it where secrets are kept")
    user_id: str
    scopes: list[Scope]
    expires_at: TimeOut | None
    is_usable: bool = Field(description="false: the record is on the log, and the key is good in a moment")


class KeyList(View):
    data: list[KeyView]


class UserRequest(Body):
    """A user, new or changed: what is said here stands in place of what was said before."""

    user_id: UserId = Field(examples=["ada"])
    role: Role
    accounts: list[AccountId] = Field([], max_length=500, description="granted besides the owned ones")
    reason: Label = Field("", description="why; it stands on the tape for ever")


class UserView(View):
    user_id: str = Field(examples=["ada"])
    role: Role
    accounts: list[str] = Field(description="granted besides the owned ones")


class UserList(View):
    data: list[UserView]


class Recorded(View):
    """It is on the log. is_done: everybody acts on it from now on; else in a moment."""

    subject: str = Field(examples=["user:ada"])
    is_done: bool


class TokenRequest(Body):
    """Exchange the API key of this request for an access token."""

    scopes: list[Scope] | None = Field(None, min_length=1, max_length=5, description="at most the key's; null: all")


class RefreshRequest(Body):
    refresh_token: RefreshText = Field(examples=["rt_" + "0" * 32 + "_" + "0" * 64])


class TokenView(View):
    """RFC 6749, section 5.1."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(description="seconds", examples=[900])
    scope: str = Field(description="separated by spaces", examples=["read trade"])
    refresh_token: str | None = Field(description="good once; null while Redis, which holds them, is away")


class SessionRequest(Body):
    """Sign in with the API key of this request."""


class SessionView(View):
    """The session's cookie is in the answer's Set-Cookie, out of reach for scripts."""

    session_id: str = Field(examples=["ses_3f1c9a7e5b2d48069a1be3c5d7f80246"])
    user_id: str
    csrf_token: str = Field(description="for the header X-CSRF-Token of requests that change something")
    expires_at: TimeOut = Field(description="in any case; sooner when it is not used")


class Ended(View):
    ended: bool = Field(description="false: there was nothing to end")
