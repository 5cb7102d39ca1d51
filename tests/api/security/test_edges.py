"""What stands before every operation: where a credential may be, sizes, times, headers, TLS."""

from __future__ import annotations

import asyncio
import datetime
import re
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import FastAPI

from api.app import create_app
from api.security import policy
from runtime.http.middleware import JsonGuard, TimeLimit
from runtime.http.wire import HEAD_BYTES_MAX, HEADERS_BYTES_MAX
from runtime.settings import Settings
from tests.api.security.people import client_of
from tests.api.test_worker import free_port, start, wait_for
from tests.keys import ROOT, ROOT_KEY

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "query",
    [
        f"?access_token={ROOT_KEY}",
        "?token=anything",
        "?api_key=anything",
        "?API%5FKEY=anything",
        f"?symbol={ROOT_KEY}",
        f"?symbol={TOKEN}",
        "?symbol=rt_" + "0" * 32 + "_" + "0" * 64,
        "?symbol=ts_" + "0" * 64,
        f"?a=1&b={ROOT_KEY}&c=2",
    ],
)
@pytest.mark.parametrize("path", ["/api/orders", "/livez"])
async def test_no_credential_in_the_url(offline: httpx.AsyncClient, path: str, query: str) -> None:
    """Refused with 400 everywhere, also with a good credential in the header, and not repeated in the answer."""
    answer = await offline.get(path + query)

    assert (answer.status_code, answer.json()["code"]) == (400, "CREDENTIAL_IN_URL")
    assert ROOT_KEY not in answer.text


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "CREDENTIAL_MISSING"),
        ({"Authorization": ROOT_KEY}, "CREDENTIAL_MALFORMED"),
        ({"Authorization": "Basic cm9vdDpyb290"}, "CREDENTIAL_MALFORMED"),
        ({"Authorization": "Bearer "}, "CREDENTIAL_MALFORMED"),
        ({"Authorization": "Bearer no-key"}, "CREDENTIAL_INVALID"),
        ({"Authorization": f"Bearer {ROOT_KEY[:-1]}6"}, "CREDENTIAL_INVALID"),
        ({"Authorization": f"Bearer {ROOT_KEY}0"}, "CREDENTIAL_INVALID"),
        ({"Authorization": f"Bearer {TOKEN}"}, "CREDENTIAL_INVALID"),
        ({"X-API-Key": ""}, "CREDENTIAL_INVALID"),
        ({"X-API-Key": "tk_ä", "Authorization": "Bearer other"}, "CREDENTIAL_AMBIGUOUS"),
        ({"Authorization": f"Bearer {ROOT_KEY}", "X-API-Key": "other"}, "CREDENTIAL_AMBIGUOUS"),
    ],
)
async def test_what_is_no_credential(offline_app: FastAPI, headers: dict[str, str], code: str) -> None:
    """401 with a code that says what is wrong with its form, and with nothing about which keys there are."""
    async with client_of(offline_app) as client:
        encoded = {name: value.encode() for name, value in headers.items()}
        answer = await client.get("/api/me", headers=encoded)  # type: ignore[arg-type]

    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["www-authenticate"].startswith('Bearer realm="tapeledger"')


@pytest.mark.parametrize("headers", [{"Authorization": f"bearer {ROOT_KEY}"}, {"X-API-Key": ROOT_KEY}, ROOT])
async def test_where_a_key_may_stand(offline_app: FastAPI, headers: dict[str, str]) -> None:
    """In Authorization, whatever the case of the scheme, or in X-API-Key."""
    async with client_of(offline_app) as client:
        answer = await client.get("/api/me", headers=headers)

    assert answer.json()["user_id"] == "root"


async def test_keys_cannot_be_judged_before_they_were_read(offline_app: FastAPI) -> None:
    """Without a database ever read, a well-formed key is not refused: the answer is 503, try again."""
    async with client_of(offline_app, "tk_" + "0" * 16 + "_" + "0" * 64) as client:
        answer = await client.get("/api/me")

    assert (answer.status_code, answer.json()["code"]) == (503, "USERS_UNKNOWN")


async def test_every_answer_has_the_security_headers(offline: httpx.AsyncClient) -> None:
    """Good ones, refused ones and unknown paths alike; nothing may be kept by a cache."""
    for path in ("/livez", "/api/me", "/api/no/such/thing", "/api/me?token=1", "/openapi.json"):
        headers = (await offline.get(path)).headers

        assert headers["x-content-type-options"] == "nosniff", path
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin", path
        assert headers["referrer-policy"] == "no-referrer", path
        assert headers["cache-control"] == "no-store", path
        assert "server" not in headers, path
        assert "strict-transport-security" not in headers, "over plain HTTP it means nothing"


async def test_only_named_origins_may_read(offline_settings: Settings) -> None:
    """CORS is for the exact origins of API_CORS_ORIGINS, with credentials; for others there are no headers of it."""
    app = create_app(offline_settings.model_copy(update={"api_cors_origins": "https://desk.example"}))
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "X-CSRF-Token, Idempotency-Key"}
    async with client_of(app) as client:
        asked = await client.options("/api/orders", headers=ask | {"Origin": "https://desk.example"})
        other = await client.options("/api/orders", headers=ask | {"Origin": "https://evil.example"})
        read = await client.get("/livez", headers={"Origin": "https://desk.example"})
        refused = await client.get("/api/me", headers={"Origin": "https://desk.example"})

    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, "https://desk.example")
    assert asked.headers["access-control-allow-credentials"] == "true"
    assert "access-control-allow-origin" not in other.headers
    assert "RateLimit" in read.headers["access-control-expose-headers"]
    assert refused.headers["access-control-allow-origin"] == "https://desk.example", "a page may read why"


async def test_headers_that_are_too_large(offline: httpx.AsyncClient) -> None:
    """431 with a problem, before anybody asks whose the key is."""
    answer = await offline.get("/api/me", headers={"X-Filler": "a" * HEADERS_BYTES_MAX})

    assert (answer.status_code, answer.json()["code"]) == (431, "HEADERS_TOO_LARGE")


async def test_a_body_that_does_not_come(offline_settings: Settings) -> None:
    """A body that stops half-way is given up at the limit with 408, and the connection is closed."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if sent or receive_calls:
            await asyncio.Event().wait()
        receive_calls.append(1)
        return {"type": "http.request", "body": b"{", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(*_: Any) -> None:
        raise AssertionError("the body has not come")

    receive_calls: list[int] = []
    scope = {"type": "http", "method": "POST", "path": "/x", "headers": [(b"content-type", b"application/json")]}
    await JsonGuard(app, timeout_s=0.05)(scope, receive, send)  # type: ignore[arg-type]

    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_an_answer_that_does_not_come() -> None:
    """A request that is not answered in time ends with 503; one whose answer has begun goes on."""

    async def never(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    async def begun(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.1)
        await send({"type": "http.response.body", "body": b"late"})

    for app, status, messages in ((never, 503, 2), (begun, 200, 2)):
        sent: list[Any] = []

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message)

        await TimeLimit(app, timeout_s=0.05)({"type": "http", "path": "/x"}, None, send)  # type: ignore[arg-type]
        assert (sent[0]["status"], len(sent)) == (status, messages)


async def test_metrics_are_open_to_this_machine_where_the_setting_says_so(offline_settings: Settings) -> None:
    """By default a stranger gets none; with API_OPEN_METRICS one on this machine does, another's does not."""
    async with client_of(create_app(offline_settings)) as client:
        assert (await client.get("/api/metrics")).status_code == 401
    app = create_app(offline_settings.model_copy(update={"api_open_metrics": True}))
    for address, status in (("127.0.0.1", 200), ("10.0.0.9", 401)):
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            assert (await client.get("/api/metrics")).status_code == status, address


def test_an_operation_without_a_policy_stops_the_start() -> None:
    """An operation or a WebSocket that nobody has thought about is not served, nor an account that nobody checks."""
    for path, operation_id in (("/api/new", "new"), ("/api/accounts/{account_id}/new", "list_orders")):
        app = FastAPI()

        @app.get(path, operation_id=operation_id)
        async def new() -> None: ...

        with pytest.raises(policy.PolicyMissing):
            policy.check(app.routes)
    app = FastAPI()

    @app.websocket("/api/socket")
    async def socket_() -> None: ...

    with pytest.raises(policy.PolicyMissing, match="SOCKETS"):
        policy.check(app.routes)


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for localhost and its key, made now."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{name}.crt", folder / f"{name}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def test_it_serves_https(offline_settings: Settings, tmp_path: Path) -> None:
    """With API_TLS_CERT and _KEY: TLS for who trusts the certificate, HSTS, and no plain HTTP on that port."""
    cert, key = certificate(tmp_path, "localhost")
    port = free_port()
    trusting = ssl.create_default_context(cafile=str(cert))
    process = start(
        offline_settings, API_PORT=str(port), API_TLS_CERT=str(cert), API_TLS_KEY=str(key), API_ROOT_KEY=ROOT_KEY
    )
    try:
        answer = _until(f"https://localhost:{port}/livez", trusting)
        me = httpx.get(f"https://localhost:{port}/api/me", headers=ROOT, verify=trusting, timeout=20)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"https://localhost:{port}/livez", timeout=20)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://localhost:{port}/livez", timeout=20)
    finally:
        process.kill()
        process.communicate()

    assert (answer.status_code, me.json()["user_id"]) == (200, "root")
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


def _until(url: str, context: ssl.SSLContext) -> httpx.Response:
    deadline = time.monotonic() + 90
    while True:
        try:
            return httpx.get(url, verify=context, timeout=20)
        except httpx.TransportError:
            assert time.monotonic() < deadline, f"nothing answers at {url}"
            time.sleep(0.1)


def test_a_head_that_does_not_end_is_cut_off(offline_settings: Settings) -> None:
    """Bytes of headers without an end: at the bound the connection is answered 431 and closed."""
    port = free_port()
    process: subprocess.Popen[bytes] = start(offline_settings, API_PORT=str(port))
    try:
        wait_for(f"http://127.0.0.1:{port}/livez", 90)
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
            filler = b"X-A: " + b"a" * 1_000 + b"\r\n"
            answer = b""
            try:
                for _ in range(20 * HEAD_BYTES_MAX // len(filler)):
                    connection.sendall(filler)
                answer = connection.recv(1_000)
            except (BrokenPipeError, ConnectionResetError):
                answer = b"HTTP/1.1 431"  # it was closed while we were sending
    finally:
        process.kill()
        process.communicate()

    assert re.match(rb"HTTP/1.1 431", answer)
