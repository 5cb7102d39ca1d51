"""What is decided by a request's first line: methods, HEAD, OPTIONS, the length of the URL, parameters given twice."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from runtime.http.edge import URL_BYTES_MAX, Resources
from tests.api.test_bad_input import LIMIT

ORDER = f"/api/orders/ord_{'0' * 32}"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/livez", "GET, HEAD, OPTIONS"),
        ("TRACE", "/api/tapes", "GET, HEAD, OPTIONS"),
        ("QUERY", "/api/orders", "GET, HEAD, OPTIONS, POST"),
        ("PROPFIND", "/api/orders", "GET, HEAD, OPTIONS, POST"),
        ("HEAD", "/api/orders/batch", "OPTIONS, POST"),
        ("DELETE", ORDER, "GET, HEAD, OPTIONS, PATCH"),
        ("PATCH", "/api/orders/batch", "OPTIONS, POST"),
        ("GET", "/api/orders/preview", "OPTIONS, POST"),
    ],
)
async def test_a_method_that_a_path_does_not_have(
    offline: httpx.AsyncClient, method: str, path: str, allow: str
) -> None:
    """405 names those that it has, whatever the body and its type; a fixed path is never taken for an id."""
    answer = await offline.request(method, path, content=b"no json")

    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    if method != "HEAD":
        assert answer.json()["code"] == "METHOD_NOT_ALLOWED"


async def test_nothing_can_be_written_to_a_path_that_is_none(offline: httpx.AsyncClient) -> None:
    """404 before anybody looks at the body; a line break at the end makes another path."""
    for path in ("/api/nothing", "/api/orders%0A", "/api/orders/"):
        answer = await offline.post(path, content=b"no json")

        assert (answer.status_code, answer.json()["code"]) == (404, "PATH_NOT_FOUND")


async def test_options_names_the_methods(offline: httpx.AsyncClient) -> None:
    """OPTIONS is answered 204 with Allow (RFC 9110, section 9.3.7)."""
    answer = await offline.options(ORDER)

    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS, PATCH")
    assert answer.headers["x-request-id"]


async def test_head_is_get_without_content(offline: httpx.AsyncClient) -> None:
    """The same status and headers, problems as well, counted under HEAD and the path's template (RFC 9110, 9.3.2)."""
    for path in ("/livez", "/api/portfolio/acc_1?points=0", "/api/metrics"):
        head, get = await offline.head(path), await offline.get(path)

        assert (head.status_code, head.content) == (get.status_code, b"")
        assert head.headers["content-type"] == get.headers["content-type"]
        assert head.headers["x-request-id"]
    assert 'http_requests_total{method="HEAD",route="/livez",status="200"}' in (await offline.get("/api/metrics")).text


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=1&limit=2", "limit"),
        ("limit=1&limit=1", "limit"),
        ("symbol=AAPL&%73ymbol=IBM", "symbol"),
        ("from=&from=", "from"),
    ],
)
async def test_a_parameter_given_twice(offline: httpx.AsyncClient, query: str, name: str) -> None:
    """Refused, however it is spelled: which value counts would be a guess."""
    answer = await offline.get(f"/api/orders?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, "PARAMETER_REPEATED")
    assert [error["parameter"] for error in answer.json()["errors"]] == [f"query:{name}"]


async def test_a_list_may_be_given_as_often_as_it_has_members(offline: httpx.AsyncClient) -> None:
    """`position` of an order book is repeated by design: here each is read, and the second is what is wrong."""
    answer = await offline.get("/api/orderbook/AAPL?position=1:2&position=x")

    assert [error["parameter"] for error in answer.json()["errors"]] == ["query:position.1"]


async def test_the_length_of_a_url_is_bounded(offline: httpx.AsyncClient) -> None:
    """One byte more than allowed is 414."""
    path = "/api/orders?cursor="
    longest = await offline.get(path + "A" * (URL_BYTES_MAX - len(path) + 1))
    longer = await offline.get(path + "A" * (URL_BYTES_MAX - len(path) + 2))

    assert longest.status_code == 422
    assert (longer.status_code, longer.json()["code"]) == (414, "URL_TOO_LONG")


async def test_an_operation_without_a_body_needs_no_type(offline: httpx.AsyncClient) -> None:
    """The document names no body for cancelling a rebalance, so none need be sent; the path is what is wrong here."""
    path = "/api/portfolio/acc_1/rebalances/pln_1/cancel"
    empty, nonsense = await offline.post(path), await offline.post(path, content=b"x")

    assert [error["parameter"] for error in empty.json()["errors"]] == ["path:plan_id"]
    assert nonsense.status_code == 415


BROKEN = ["%00", "%FF", "%C3%28", "%ED%A0%80", "%F4%90%80%80", "%E2%80%AE"]


@pytest.mark.parametrize("text", BROKEN)
async def test_what_is_no_text_in_paths_and_queries(offline: httpx.AsyncClient, text: str) -> None:
    """NUL, broken UTF-8, surrogates and signs of control are refused; the problem's instance is a URI reference."""
    for path in (f"/api/orders/{text}", f"/api/orders?symbol={text}", f"/api/bars/{text}"):
        answer = await offline.get(path)

        assert answer.status_code == 422, answer.text
        assert answer.json()["instance"].isascii()
        assert "\x00" not in answer.json()["instance"]


async def test_only_one_key_counts(offline: httpx.AsyncClient) -> None:
    """A header that names a request comes once."""
    headers = httpx.Headers([("Idempotency-Key", "a"), ("Idempotency-Key", "b")])

    answer = await offline.post("/api/orders", json=LIMIT, headers=headers)

    assert answer.status_code == 422
    assert [error["parameter"] for error in answer.json()["errors"]] == ["header:Idempotency-Key"]


def test_the_most_concrete_path_is_meant() -> None:
    """Whatever the order in the document (OpenAPI 3.1, section 4.8.8.2), and signs of patterns mean themselves."""
    item: dict[str, Any] = {"get": {"responses": {}}}
    resources = Resources({"paths": {"/{a}/{b}": item, "/{a}/x.y": {"put": {}}, "/one/{b}": {"post": {}}}})

    def allow(path: str) -> str | None:
        found = resources.find(path)
        return found and found.allow

    assert allow("/two/x.y") == "OPTIONS, PUT"
    assert allow("/two/xzy") == "GET, HEAD, OPTIONS"
    assert allow("/one/2") == "OPTIONS, POST"
    assert allow("/one/2/3") is None
    assert allow("/one/") is None
