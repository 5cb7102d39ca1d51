"""Operations that exchange an API key: for an access token, or for a browser's session."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api.fields import time_of_us
from api.problems import ProblemError
from api.security.access import Access, address_of
from api.security.bodies import (
    Ended,
    RefreshRequest,
    SessionRequest,
    SessionView,
    TokenRequest,
    TokenView,
)
from api.security.credentials import find, invalid
from api.security.principal import Principal
from api.security.refresh import Grant
from api.security.rights import Caller, Rights
from api.security.sessions import csrf_token, drop_cookies, put_cookie
from api.security.trail import make
from domain import actions
from domain.access import ROLES, SCOPES

router = APIRouter(tags=["access"])


@router.post("/api/auth/token", operation_id="issue_token", summary="Exchange an API key for an access token")
async def issue_token(request: Request, caller: Caller, body: TokenRequest) -> TokenView:
    principal = _with_key(caller)
    scopes = principal.scopes if body.scopes is None else frozenset(body.scopes)
    if not scopes <= principal.scopes:
        raise caller.refused("SCOPE_MISSING", f"expected at most {_text(principal.scopes)}, it was {_text(scopes)}")
    token, token_id = caller.access.tokens.issue(principal.user_id, principal.key_id, scopes)
    grant = Grant(principal.user_id, principal.key_id, sorted(scopes))
    refresh = await caller.access.refresh_tokens.begin(grant)
    _note(request, caller.access, actions.TOKEN_ISSUED, principal.user_id, token_id, key_id=principal.key_id)
    return _token(caller.access, token, scopes, refresh)


@router.post(
    "/api/auth/refresh", operation_id="refresh_token", summary="Exchange a refresh token for the next access token"
)
async def refresh_token(request: Request, body: RefreshRequest) -> TokenView:
    """A refresh token is good once. One that comes twice has been in two hands: its family is dead then."""
    access: Access = request.app.state.access
    try:
        rotated = await access.refresh_tokens.rotate(body.refresh_token)
        grant, following = rotated
        if following is None:
            details = {"key_id": grant.key_id, "address": address_of(request)}
            subject = f"user:{grant.user_id}"
            access.trail.note(make(grant.user_id, actions.TOKENS_REVOKED, subject, details, "a token came twice"))
            raise invalid()
        standing = access.directory.standing(grant.user_id, grant.key_id)
        if standing is None:
            raise invalid()
    except ProblemError as problem:
        raise await access.refused(request, problem) from problem
    user, key = standing
    scopes = ROLES[user.role] & key.scopes & frozenset(grant.scopes)
    token, token_id = access.tokens.issue(grant.user_id, grant.key_id, scopes)
    _note(request, access, actions.TOKEN_ISSUED, grant.user_id, token_id, key_id=grant.key_id)
    return _token(access, token, scopes, following)


@router.post("/api/auth/revoke", operation_id="revoke_token", summary="End a refresh token and its family")
async def revoke_token(request: Request, body: RefreshRequest) -> Ended:
    """Who has the token may end it (RFC 7009). Access tokens end by themselves, or with their key."""
    access: Access = request.app.state.access
    try:
        return Ended(ended=await access.refresh_tokens.end(body.refresh_token))
    except ProblemError as problem:
        raise await access.refused(request, problem) from problem


@router.post("/api/auth/session", operation_id="open_session", summary="Sign a browser in with an API key")
async def open_session(request: Request, caller: Caller, body: SessionRequest) -> Response:
    principal, access = _with_key(caller), caller.access
    secret, session = await access.sessions.open(principal.user_id, principal.key_id)
    view = SessionView(
        session_id=session.session_id,
        user_id=session.user_id,
        csrf_token=csrf_token(secret),
        expires_at=time_of_us(session.expires_at_us),
    )
    response = JSONResponse(view.model_dump(mode="json"))
    put_cookie(request, response, secret, access.settings.auth_session_s)
    _note(request, access, actions.SESSION_OPENED, principal.user_id, session.session_id, key_id=principal.key_id)
    return response


@router.get("/api/auth/session", operation_id="get_session", summary="The session of this cookie")
async def get_session(request: Request, caller: Caller) -> SessionView:
    secret = _with_session(request, caller)
    session = await caller.access.sessions.find(secret)
    return SessionView(
        session_id=session.session_id,
        user_id=session.user_id,
        csrf_token=csrf_token(secret),
        expires_at=time_of_us(session.expires_at_us),
    )


@router.delete("/api/auth/session", operation_id="close_session", summary="Sign a browser out")
async def close_session(request: Request, caller: Caller) -> Response:
    secret = _with_session(request, caller)
    await caller.access.sessions.end(secret)
    principal = caller.principal
    _note(request, caller.access, actions.SESSION_CLOSED, principal.user_id, principal.credential_id)
    response = JSONResponse(Ended(ended=True).model_dump())
    drop_cookies(response)
    return response


def _with_key(caller: Rights) -> Principal:
    """Raises ProblemError 403 for a token or a session: what it stands for must not outlive it."""
    if not caller.principal.credential_id.startswith("key_"):
        raise caller.refused("KEY_REQUIRED", "expected an API key as the credential, it was a token or a session")
    return caller.principal


def _with_session(request: Request, caller: Rights) -> str:
    if not caller.principal.credential_id.startswith("ses_"):
        raise caller.refused("SESSION_REQUIRED", "expected a session's cookie as the credential, it was another one")
    return find(request).text


def _token(access: Access, token: str, scopes: frozenset[str], refresh: str | None) -> TokenView:
    return TokenView(
        access_token=token, expires_in=access.tokens.lifetime_s, scope=_text(scopes), refresh_token=refresh
    )


def _text(scopes: frozenset[str]) -> str:
    return " ".join(scope for scope in SCOPES if scope in scopes)


def _note(request: Request, access: Access, name: str, user_id: str, credential_id: str, **details: str) -> None:
    own = {
        "credential_id": credential_id,
        "address": address_of(request),
        "request_id": request.state.request_id,
        "trace_id": request.state.trace_id,
    }
    access.trail.note(make(user_id, name, f"user:{user_id}", own | details))
