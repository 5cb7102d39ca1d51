"""Operations of access, to be awaited.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from typing import Any

from tapeledger_client.call import AsyncSender, Call
from tapeledger_client.models import (
    Ended,
    KeyList,
    KeyMade,
    KeyRequest,
    Me,
    Recorded,
    RefreshRequest,
    SessionRequest,
    SessionView,
    TokenRequest,
    TokenView,
    UserList,
    UserRequest,
)
from tapeledger_client.wire import path


class AsyncAccessOperations(AsyncSender):
    """Access."""

    async def close_session(self) -> Any:
        """Sign a browser out.

        Problems: 400, 401, 403, 404, 422, 429, 431, 500, 503.
        """
        return await self._send(Call("DELETE", "/api/auth/session", object))

    async def create_key(self, body: KeyRequest) -> KeyMade:
        """Make an API key.

        The key is in this answer and nowhere else.

        Problems: 400, 401, 403, 404, 408, 413, 415, 422, 429, 431, 500, 503.
        """
        return await self._send(Call("POST", "/api/keys", KeyMade, body=body))

    async def get_me(self) -> Me:
        """Who calls, and what they may do.

        Problems: 400, 401, 403, 404, 422, 429, 431, 500, 503.
        """
        return await self._send(Call("GET", "/api/me", Me, safe=True))

    async def get_session(self) -> SessionView:
        """The session of this cookie.

        Problems: 400, 401, 403, 404, 422, 429, 431, 500, 503.
        """
        return await self._send(Call("GET", "/api/auth/session", SessionView, safe=True))

    async def issue_token(self, body: TokenRequest) -> TokenView:
        """Exchange an API key for an access token.

        Problems: 400, 401, 403, 404, 408, 413, 415, 422, 429, 431, 500, 503.
        """
        return await self._send(Call("POST", "/api/auth/token", TokenView, body=body))

    async def list_keys(self) -> KeyList:
        """Keys that stand: one's own, and for admins all.

        Problems: 400, 401, 403, 404, 422, 429, 431, 500, 503.
        """
        return await self._send(Call("GET", "/api/keys", KeyList, safe=True))

    async def list_users(self) -> UserList:
        """Users and their roles.

        Needs the scope `admin`.

        Problems: 400, 401, 403, 404, 422, 429, 431, 500, 503.
        """
        return await self._send(Call("GET", "/api/users", UserList, safe=True))

    async def open_session(self, body: SessionRequest) -> Any:
        """Sign a browser in with an API key.

        Problems: 400, 401, 403, 404, 408, 413, 415, 422, 429, 431, 500, 503.
        """
        return await self._send(Call("POST", "/api/auth/session", object, body=body))

    async def put_user(self, body: UserRequest) -> Recorded:
        """Put a user on record, new or changed.

        Needs the scope `admin`.

        Problems: 400, 401, 403, 404, 408, 413, 415, 422, 429, 431, 500, 503.
        """
        return await self._send(Call("POST", "/api/users", Recorded, body=body))

    async def refresh_token(self, body: RefreshRequest) -> TokenView:
        """Exchange a refresh token for the next access token.

        A refresh token is good once. One that comes twice has been in two hands: its family is dead then.

        Problems: 400, 401, 404, 408, 413, 415, 422, 429, 431, 500, 503.
        """
        return await self._send(Call("POST", "/api/auth/refresh", TokenView, body=body))

    async def remove_user(self, user_id: str) -> Recorded:
        """Remove a user and all their keys.

        Their keys are dead for ever, also when a user of this name is put on record again.

        Needs the scope `admin`.

        Problems: 400, 401, 403, 404, 422, 429, 431, 500, 503.
        """
        return await self._send(Call("DELETE", path("/api/users/{}", user_id), Recorded))

    async def revoke_key(self, key_id: str) -> Recorded:
        """Revoke a key.

        Dead here at once, everywhere within about two seconds, with its tokens and sessions.

        Problems: 400, 401, 403, 404, 422, 429, 431, 500, 503.
        """
        return await self._send(Call("DELETE", path("/api/keys/{}", key_id), Recorded))

    async def revoke_token(self, body: RefreshRequest) -> Ended:
        """End a refresh token and its family.

        Who has the token may end it (RFC 7009). Access tokens end by themselves, or with their key.

        Problems: 400, 401, 404, 408, 413, 415, 422, 429, 431, 500, 503.
        """
        return await self._send(Call("POST", "/api/auth/revoke", Ended, body=body))
