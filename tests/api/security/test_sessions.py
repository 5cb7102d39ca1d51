"""Sessions of browsers: the cookie, the CSRF token, and every way in which a session ends."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from api.problems import ProblemError
from runtime.clients import redis_sync
from runtime.settings import Settings
from tests.api.conftest import CLOSED
from tests.api.security.people import client_of, put, started

pytestmark = pytest.mark.integration
CHANGE = {"json": {"account_id": "acc_new"}}
"""A request that changes something."""


def key_of(settings: Settings, role: str = "trader", **key: Any) -> tuple[str, str]:
    """A key and its id."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        made = put(connection, "tara", role, **key)
    return made.text, made.key_id


async def sign_in(app: FastAPI, key: str, base_url: str = "http://127.0.0.1") -> tuple[httpx.AsyncClient, str]:
    """A browser with the session's cookie, and the CSRF token."""
    async with client_of(app, key, base_url) as client:
        answer = await client.post("/api/auth/session", json={})
    assert answer.status_code == 200, answer.text
    browser = client_of(app, None, base_url)
    browser.cookies = answer.cookies
    return browser, answer.json()["csrf_token"]


@pytest.mark.parametrize(
    ("base_url", "name", "secure"),
    [("http://127.0.0.1", "tape_session", False), ("https://desk.example", "__Host-tape_session", True)],
)
async def test_the_cookie_is_out_of_reach(ledger_settings: Settings, base_url: str, name: str, secure: bool) -> None:
    """HttpOnly, SameSite=Strict, for the whole host and no other; Secure where the connection is."""
    key, _ = key_of(ledger_settings)
    async with started(ledger_settings) as app, client_of(app, key, base_url) as client:
        answer = await client.post("/api/auth/session", json={})
    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()

    assert cookie.key == name
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "strict", "/", "")
    assert bool(cookie["secure"]) is secure
    assert cookie.value.startswith("ts_")
    assert len(cookie.value) == 3 + 64
    assert cookie.value not in answer.text, "a script must not read it"
    assert ("strict-transport-security" in answer.headers) is secure


async def test_no_session_in_clear_text_between_machines(ledger_settings: Settings) -> None:
    """Plain HTTP from another machine gets no cookie."""
    key, _ = key_of(ledger_settings)
    async with started(ledger_settings) as app:
        transport = httpx.ASGITransport(app, client=("10.0.0.9", 1234))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://desk.example", headers={"X-API-Key": key}
        ) as client:
            answer = await client.post("/api/auth/session", json={})

    assert (answer.status_code, answer.json()["code"]) == (403, "TLS_REQUIRED")
    assert "set-cookie" not in answer.headers


async def test_what_changes_something_needs_the_csrf_token(ledger_settings: Settings) -> None:
    """Reads go without it; a command without it, with a wrong one or with another session's is refused."""
    key, _ = key_of(ledger_settings)
    async with started(ledger_settings) as app:
        browser, csrf = await sign_in(app, key)
        other, others = await sign_in(app, key)
        assert (await browser.get("/api/me")).json()["credential_id"].startswith("ses_")
        for token in (None, "", "0" * 64, others):
            headers = {} if token is None else {"X-CSRF-Token": token}
            refused = await browser.post("/api/accounts", headers=headers, **CHANGE)
            assert (refused.status_code, refused.json()["code"]) == (403, "CSRF_TOKEN_INVALID"), token
        assert (await browser.post("/api/accounts", headers={"X-CSRF-Token": csrf}, **CHANGE)).status_code == 202
        assert (await other.get("/api/auth/session")).json()["csrf_token"] == others
        await browser.aclose(), await other.aclose()


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 202),
        ("http://127.0.0.1", 202),
        ("https://desk.example", 202),
        ("https://evil.example", 403),
        ("https://127.0.0.1", 403),
        ("http://127.0.0.1.evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
async def test_another_site_s_page_is_refused(ledger_settings: Settings, origin: str | None, status: int) -> None:
    """An Origin that is neither our own nor an allowed one is refused even with the right token."""
    key, _ = key_of(ledger_settings)
    async with started(ledger_settings, api_cors_origins="https://desk.example") as app:
        browser, csrf = await sign_in(app, key)
        headers = {"X-CSRF-Token": csrf} | ({} if origin is None else {"Origin": origin})
        answer = await browser.post("/api/accounts", headers=headers, **CHANGE)
        await browser.aclose()

    assert answer.status_code == status
    assert status == 202 or answer.json()["code"] == "ORIGIN_FORBIDDEN"


async def test_a_session_ends_when_its_owner_signs_out(ledger_settings: Settings) -> None:
    """After DELETE the cookie opens nothing, and the browser is told to forget it."""
    key, _ = key_of(ledger_settings)
    async with started(ledger_settings) as app:
        browser, csrf = await sign_in(app, key)
        secret = browser.cookies["tape_session"]
        ended = await browser.delete("/api/auth/session", headers={"X-CSRF-Token": csrf})
        assert ended.json() == {"ended": True}
        assert 'tape_session=""' in ended.headers["set-cookie"]
        browser.cookies.set("tape_session", secret)
        assert (await browser.get("/api/me")).status_code == 401
        await browser.aclose()


async def test_a_session_ends_with_its_key(ledger_settings: Settings) -> None:
    """When the key is revoked, the session is worth nothing at once."""
    key, key_id = key_of(ledger_settings)
    async with started(ledger_settings) as app:
        browser, _ = await sign_in(app, key)
        assert (await browser.get("/api/me")).status_code == 200
        app.state.access.directory.revoke(key_id)
        assert (await browser.get("/api/me")).status_code == 401
        await browser.aclose()


async def test_a_session_ends_idle_and_in_any_case(ledger_settings: Settings) -> None:
    """Its entry in Redis lives for the idle time from each use; its absolute end is in the entry, whatever it lives."""
    key, _ = key_of(ledger_settings)
    async with started(ledger_settings, auth_session_idle_s=500, auth_session_s=1_000) as app:
        browser, _ = await sign_in(app, key)
        with redis_sync(ledger_settings) as redis:
            (name,) = redis.keys("session:*")
            redis.expire(name, 100)
            assert (await browser.get("/api/me")).status_code == 200
            assert 490 <= redis.ttl(name) <= 500
            entry = redis.get(name)
            begun = int(entry.split('"created_at_us":')[1].split(",")[0])
            redis.set(name, entry.replace(f'"expires_at_us":{begun + 1_000_000_000}', f'"expires_at_us":{begun}'))
            assert (await browser.get("/api/me")).status_code == 401
            redis.set(name, "not a session")
            assert (await browser.get("/api/me")).status_code == 401
            redis.delete(name)
            assert (await browser.get("/api/me")).status_code == 401
            assert browser.cookies["tape_session"] not in name + entry, "Redis does not know the secret"
        await browser.aclose()


async def test_a_stream_that_is_open_does_not_keep_a_session_from_being_idle(ledger_settings: Settings) -> None:
    """Its credential is asked about every few seconds, which is no use: whoever has left is signed out in time."""
    key, _ = key_of(ledger_settings)
    async with started(ledger_settings, auth_session_idle_s=500) as app:
        browser, _ = await sign_in(app, key)
        cookie = f"tape_session={browser.cookies['tape_session']}".encode()
        scope = {"type": "http", "method": "GET", "path": "/api/stream", "query_string": b"", "client": ("::1", 1)}
        stream = HTTPConnection({**scope, "headers": [(b"cookie", cookie)]})
        with redis_sync(ledger_settings) as redis:
            (name,) = redis.keys("session:*")
            redis.expire(name, 100)
            assert (await app.state.access.authenticate_again(stream)).user_id == "tara"
            assert redis.ttl(name) <= 100
            redis.delete(name)
            with pytest.raises(ProblemError) as refused:
                await app.state.access.authenticate_again(stream)
            assert refused.value.status == 401
        await browser.aclose()


async def test_without_redis_keys_and_tokens_work_and_sessions_say_so(ledger_settings: Settings) -> None:
    """Sessions and refresh tokens are 503; a key works, and so does a token made from one."""
    key, _ = key_of(ledger_settings)
    async with started(ledger_settings, redis_url=f"redis://{CLOSED}/0") as app, client_of(app, key) as client:
        opened = await client.post("/api/auth/session", json={})
        issued = (await client.post("/api/auth/token", json={})).json()
        refreshed = await client.post("/api/auth/refresh", json={"refresh_token": "rt_" + "0" * 32 + "_" + "0" * 64})
        async with client_of(app, issued["access_token"]) as by_token:
            assert (await by_token.get("/api/me")).json()["user_id"] == "tara"

    assert (opened.status_code, opened.json()["code"]) == (503, "SESSIONS_UNAVAILABLE")
    assert "retry-after" in opened.headers
    assert issued["refresh_token"] is None
    assert refreshed.status_code == 503


async def test_a_refresh_token_is_good_once(ledger_settings: Settings) -> None:
    """The next one works; the old one again kills the family, the newest one with it."""
    key, _ = key_of(ledger_settings)
    async with started(ledger_settings) as app, client_of(app, key) as owner, client_of(app) as client:
        issued = (await owner.post("/api/auth/token", json={"scopes": ["read"]})).json()
        first = issued["refresh_token"]
        again = await client.post("/api/auth/refresh", json={"refresh_token": first})
        second = again.json()["refresh_token"]
        assert (again.status_code, again.json()["scope"]) == (200, "read")
        assert second != first
        async with client_of(app, again.json()["access_token"]) as by_token:
            me = (await by_token.get("/api/me")).json()
            assert (me["user_id"], me["scopes"]) == ("tara", ["read"])
            denied = await by_token.post("/api/accounts", **CHANGE)
            assert (denied.status_code, denied.json()["code"]) == (403, "SCOPE_MISSING")
            assert (await by_token.post("/api/keys", json={"scopes": ["read"]})).json()["code"] == "KEY_REQUIRED"
            assert (await by_token.post("/api/auth/session", json={})).json()["code"] == "KEY_REQUIRED"
        for token in (first, second):
            refused = await client.post("/api/auth/refresh", json={"refresh_token": token})
            assert (refused.status_code, refused.json()["code"]) == (401, "CREDENTIAL_INVALID"), token


async def test_tokens_end_with_their_key_and_by_revocation(ledger_settings: Settings) -> None:
    """An ended refresh token gives nothing; a token of a revoked key is refused before it expires."""
    key, key_id = key_of(ledger_settings)
    async with started(ledger_settings) as app, client_of(app, key) as owner, client_of(app) as client:
        one, two = [(await owner.post("/api/auth/token", json={})).json() for _ in range(2)]
        ended = await client.post("/api/auth/revoke", json={"refresh_token": one["refresh_token"]})
        assert ended.json() == {"ended": True}
        once_more = await client.post("/api/auth/revoke", json={"refresh_token": one["refresh_token"]})
        assert once_more.json() == {"ended": False}
        refused = await client.post("/api/auth/refresh", json={"refresh_token": one["refresh_token"]})
        assert refused.status_code == 401
        app.state.access.directory.revoke(key_id)
        assert (await client.post("/api/auth/refresh", json={"refresh_token": two["refresh_token"]})).status_code == 401
        async with client_of(app, two["access_token"]) as by_token:
            assert (await by_token.get("/api/me")).status_code == 401


async def test_a_token_has_at_most_its_key_s_scopes(ledger_settings: Settings) -> None:
    """More is refused; and the role bounds what the key says."""
    key, _ = key_of(ledger_settings, "viewer")
    async with started(ledger_settings) as app, client_of(app, key) as client:
        assert (await client.get("/api/me")).json()["scopes"] == ["read"]
        refused = await client.post("/api/auth/token", json={"scopes": ["read", "trade"]})
        issued = (await client.post("/api/auth/token", json={})).json()

    assert (refused.status_code, refused.json()["code"]) == (403, "SCOPE_MISSING")
    assert (issued["scope"], issued["token_type"], issued["expires_in"]) == ("read", "Bearer", 900)
