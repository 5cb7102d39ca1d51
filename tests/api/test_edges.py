"""Problems, ids, metrics and the guard before the body is read."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.app import create_app
from api.problems import ProblemError
from api.security.hosts import check_host
from domain.errors import InvalidValue
from runtime.http.middleware import BODY_BYTES_MAX, check_json
from runtime.settings import Settings
from tests.api.test_bad_input import LIMIT
from tests.keys import ROOT

JSON = {"Content-Type": "application/json"}
BODIES = [
    (b"", JSON, 400, "JSON_MALFORMED"),
    (b"{", JSON, 400, "JSON_MALFORMED"),
    (b"{'a': 1}", JSON, 400, "JSON_MALFORMED"),
    (b'{"quantity": NaN}', JSON, 400, "JSON_MALFORMED"),
    (b'{"a": -Infinity}', JSON, 400, "JSON_MALFORMED"),
    (b'{"quantity": "1", "quantity": "2"}', JSON, 400, "JSON_MALFORMED"),
    (b'"\xff"', JSON, 400, "JSON_MALFORMED"),
    (b'\xef\xbb\xbf{"a": 1}', JSON, 400, "JSON_MALFORMED"),
    (b"[" * 60_000, JSON, 400, "JSON_TOO_DEEP"),
    (b'{"a":' * 12_000 + b"1" + b"}" * 12_000, JSON, 413, "BODY_TOO_LARGE"),
    (b'{"a": 1' + b"0" * 5_000 + b"}", JSON, 400, "JSON_MALFORMED"),
    (b" " * (BODY_BYTES_MAX + 1), JSON, 413, "BODY_TOO_LARGE"),
    (b"{}", {"Content-Type": "text/plain"}, 415, "CONTENT_TYPE_NOT_JSON"),
    (b"{}", {}, 415, "CONTENT_TYPE_NOT_JSON"),
    (b"account_id=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "CONTENT_TYPE_NOT_JSON"),
]


@pytest.mark.parametrize(("body", "headers", "status", "code"), BODIES)
async def test_bodies_that_are_no_json(
    offline: httpx.AsyncClient, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    """What is not one small JSON text is refused before anything else looks at it."""
    answer = await offline.post("/api/orders", content=body, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_body_without_a_length_is_bounded_too(offline: httpx.AsyncClient) -> None:
    """A chunked body that never ends is cut off at the limit."""
    taken = 0

    async def endless():  # type: ignore[no-untyped-def]
        nonlocal taken
        while taken < 100 * BODY_BYTES_MAX:
            taken += 8_192
            yield b" " * 8_192

    answer = await offline.post("/api/orders", content=endless(), headers=JSON)

    assert answer.status_code == 413
    assert taken <= 2 * BODY_BYTES_MAX


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_json_or_a_problem(body: bytes) -> None:
    """The guard never fails in another way, and lets nothing through that a JSON reader does not read."""
    try:
        json.loads(body.decode())
        reads = True
    except ValueError:
        reads = False

    status = 200
    try:
        check_json(body)
    except ProblemError as problem:
        status = problem.status

    assert status in ((200, 400) if reads else (400,))


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "allow"),
    [
        ("GET", "/nothing/here", 404, "PATH_NOT_FOUND", None),
        ("GET", "/api/orders/", 404, "PATH_NOT_FOUND", None),
        ("DELETE", "/api/orders", 405, "METHOD_NOT_ALLOWED", "GET, HEAD, OPTIONS, POST"),
        ("GET", f"/api/orders/ord_{'0' * 32}/cancel", 405, "METHOD_NOT_ALLOWED", "OPTIONS, POST"),
    ],
)
async def test_paths_and_methods(
    offline: httpx.AsyncClient, method: str, path: str, status: int, code: str, allow: str | None
) -> None:
    """Unknown paths and methods give problems with every member of RFC 9457 and ours; 405 lists all methods."""
    answer = await offline.request(method, path)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.headers.get("allow") == allow
    problem = answer.json()
    assert problem["type"] == f"urn:tapeledger:problem:{code}"
    assert (problem["status"], problem["code"], problem["instance"]) == (status, code, path)
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{32}", problem["trace_id"])


async def test_an_unexpected_error_tells_nothing_of_the_inside(offline_settings: Settings) -> None:
    """500 is a problem with the request's id; the error itself stays in the log."""
    app = create_app(offline_settings)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("secret of the inside")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=ROOT) as client:
        answer = await client.get("/broken", headers={"X-Request-Id": "r-1"})
        counted = (await client.get("/api/metrics")).text

    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert (answer.json()["code"], answer.json()["request_id"]) == ("INTERNAL_ERROR", "r-1")
    assert "secret" not in answer.text
    assert 'http_request_errors_total{method="GET",route="/broken",status="500"} 1.0' in counted


async def test_ids_go_in_and_out(offline: httpx.AsyncClient) -> None:
    """A request's id comes back, and its trace goes on under a new span (W3C Trace Context)."""
    given_trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"X-Request-Id": "my-request.1", "traceparent": f"00-{given_trace}-b7ad6b7169203331-01"}

    answer = await offline.get("/livez", headers=headers)

    assert answer.headers["x-request-id"] == "my-request.1"
    _, trace, span, _ = answer.headers["traceparent"].split("-")
    assert trace == given_trace
    assert span != "b7ad6b7169203331"


@pytest.mark.parametrize(
    "headers",
    [{"X-Request-Id": "a b"}, {"X-Request-Id": "x" * 65}, {"traceparent": "00-" + "0" * 32 + "-b7ad6b7169203331-01"}],
)
async def test_ids_that_are_malformed_are_replaced(offline: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """What a log could not hold, or what is no trace, is not taken over."""
    answer = await offline.get("/livez", headers=headers)

    assert answer.status_code == 200
    assert re.fullmatch(r"http_[0-9a-f]{32}", answer.headers["x-request-id"])
    assert "0" * 32 not in answer.headers["traceparent"]


async def test_requests_are_counted_under_their_template(offline: httpx.AsyncClient) -> None:
    """Ids in paths make no series of their own, and unknown paths are one."""

    def count(text: str, labels: str) -> float:
        found = re.search(rf"^http_requests_total{re.escape(labels)} ([0-9.]+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    template = '{method="GET",route="/api/portfolio/{account_id}",status="422"}'
    unmatched = '{method="GET",route="unmatched",status="404"}'
    before = (await offline.get("/api/metrics")).text
    await offline.get("/api/portfolio/acc_1?points=0")
    await offline.get("/api/portfolio/acc_2?points=0")
    await offline.get("/wp-login.php")
    after = (await offline.get("/api/metrics")).text

    assert count(after, template) - count(before, template) == 2
    assert count(after, unmatched) - count(before, unmatched) == 1
    assert "http_request_duration_ms_bucket" in after
    assert "wp-login" not in after


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "example.com", ""])
def test_no_other_machine_without_tls(host: str, tmp_path: Path) -> None:
    """Keys do not travel in clear text: a host other than loopback is refused without TLS, here or at a proxy."""
    pem = tmp_path / "any.pem"
    pem.touch()
    settings = Settings(_env_file=None, api_host=host)

    with pytest.raises(InvalidValue) as caught:
        check_host(settings)

    assert caught.value.code == "API_HOST_WITHOUT_TLS"
    check_host(settings.model_copy(update={"api_trusted_proxies": "10.1.0.0/16"}))
    check_host(settings.model_copy(update={"api_tls_cert": pem, "api_tls_key": pem}))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_is_served(host: str) -> None:
    """The loopback addresses need no permission."""
    check_host(Settings(_env_file=None, api_host=host))


def test_the_default_is_loopback() -> None:
    """A fresh installation is reachable from its own machine only."""
    assert Settings(_env_file=None).api_host == "127.0.0.1"
    assert Settings(_env_file=None).api_root_key.get_secret_value() == ""


async def test_when_kafka_is_silent_the_outcome_is_unknown_and_a_retry_safe(
    offline_settings: Settings, silent: str
) -> None:
    """Kafka's silence ends in 503 with Retry-After by the gateway's own bound, even with Redis gone too.

    That of Kafka's client would be five minutes; how long a busy machine takes is no matter of this test.
    """
    from tests.api.conftest import serving

    mute = offline_settings.model_copy(update={"kafka_bootstrap_servers": silent})
    async with serving(mute) as client, asyncio.timeout(30):
        answer = await client.post("/api/orders", json=LIMIT)

    assert (answer.status_code, answer.json()["code"]) == (503, "KAFKA_OUTCOME_UNKNOWN")
    assert answer.headers["retry-after"] == "2"
    assert "safe" in answer.json()["detail"]


async def test_without_a_broker_nothing_is_sent(offline_settings: Settings) -> None:
    """Once it is known that no broker can be reached, commands are answered so at once, and nothing is reserved."""
    from tests.api.conftest import serving

    async with serving(offline_settings) as client, asyncio.timeout(30):
        while (answer := await client.post("/api/orders", json=LIMIT)).json()["code"] == "KAFKA_OUTCOME_UNKNOWN":
            pass
        signal = await client.post("/api/signals", json={"symbol": "AAPL"})

    assert (answer.status_code, answer.json()["code"]) == (503, "KAFKA_UNAVAILABLE")
    assert "nothing was sent" in answer.json()["detail"]
    assert answer.headers["retry-after"]
    assert (signal.status_code, signal.json()["code"]) == (503, "KAFKA_UNAVAILABLE")


async def test_readiness_names_what_is_missing(offline_settings: Settings) -> None:
    """/readyz says which dependencies cannot be reached; /livez does not depend on them."""
    from tests.api.conftest import serving

    async with serving(offline_settings) as client:
        ready, alive = await client.get("/readyz"), await client.get("/livez")

    assert (ready.status_code, alive.status_code) == (503, 200)
    assert {error["parameter"] for error in ready.json()["errors"]} == {
        "dependency:kafka",
        "dependency:database",
        "dependency:redis",
    }
