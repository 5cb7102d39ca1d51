"""Goal: retries, ids, exact values and errors are right with either client.

Method: the server is a function, so that it can answer what a server seldom does. Bodies are written out by hand.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import NoneType
from typing import Any

import httpx
import pytest

from tapeledger_client import (
    Client,
    Conflict,
    NoAnswer,
    NotAuthenticated,
    NotFound,
    NotSent,
    Problem,
    Refused,
    Retries,
    TooManyRequests,
    Unavailable,
    UnexpectedAnswer,
)
from tapeledger_client.call import Call
from tapeledger_client.models import AccountRequest, CancelRequest, CashRequest, OrderRequest
from tests.client.conftest import Clients, Handler, answer, one_after_another

PLACE = {"topic": "trading.commands", "partition": 2, "offset": 1041}
ACCEPTED = {
    "command_id": "cmd_1",
    "account_id": "acc_1",
    "status_url": "/api/accounts/acc_1",
    "position": PLACE,
    "decision": None,
}
BUSY = {"code": "LEDGER_BEHIND", "detail": "the ledger lags", "request_id": "http_1"}
ORDER = OrderRequest(
    account_id="acc_1",
    client_order_id="c-1",
    symbol="AAPL",
    side="BUY",
    order_type="LIMIT",
    quantity=Decimal(10),
    limit_price=Decimal("45.10"),
)


def opened(client: Any) -> Any:
    return client.open_account(AccountRequest(account_id="acc_1", owner="Ada"))


def deposited(client: Any, **options: Any) -> Any:
    return client.deposit_cash("acc_1", CashRequest(amount=Decimal("100.00")), **options)


def keys(clients: Clients) -> list[str]:
    return [request.headers["idempotency-key"] for request in clients.requests]


def sent(clients: Clients) -> Any:
    (request,) = clients.requests
    return json.loads(request.content)


# Retries


def test_a_write_is_sent_again_with_the_same_key(clients: Clients) -> None:
    """The client makes the key itself; what was done by an attempt whose answer was lost is not done twice."""
    server = one_after_another(
        answer(503, BUSY, retry_after="2"), httpx.ReadTimeout("lost"), answer(502), answer(202, ACCEPTED)
    )

    accepted = clients.call(server, deposited)

    assert accepted.position.offset == 1041
    assert len(keys(clients)) == 4
    assert len(set(keys(clients))) == 1
    assert len({request.content for request in clients.requests}) == 1


def test_two_writes_have_two_keys(clients: Clients) -> None:
    """Else the second would be taken for the first."""
    for _ in range(2):
        clients.call(one_after_another(answer(202, ACCEPTED)), deposited)

    assert len(set(keys(clients))) == 2


def test_the_caller_s_key_goes_first(clients: Clients) -> None:
    """A key that outlives the process makes retries free after a crash, too."""
    clients.call(one_after_another(answer(202, ACCEPTED)), lambda client: deposited(client, idempotency_key="mine"))

    assert keys(clients) == ["mine"]


def test_retry_after_is_honoured(clients: Clients) -> None:
    """Never sooner than asked for, and not much later."""
    clients.call(one_after_another(answer(429, BUSY, retry_after="7"), answer(202, ACCEPTED)), opened)

    (slept,) = clients.slept
    assert 7.0 <= slept <= 7.1


def test_a_server_that_asks_for_too_long_is_not_waited_for(clients: Clients) -> None:
    """The caller learns at once, and how long it would have been."""
    with pytest.raises(Unavailable) as caught:
        clients.call(one_after_another(answer(503, BUSY, retry_after="31")), opened)

    assert clients.slept == []
    assert caught.value.retry_after_s == 31


def test_pauses_grow_and_end(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Retry-After a pause is drawn below a bound that doubles; after the last repeat the problem is raised."""
    drawn: list[tuple[float, float]] = []
    uniform = random.uniform
    monkeypatch.setattr(random, "uniform", lambda *bounds: drawn.append(bounds) or uniform(*bounds))
    retries = Retries(count=5, first_s=1.0, longest_s=4.0)
    with pytest.raises(Unavailable):
        clients.call(lambda _: answer(503, BUSY), opened, retries=retries)

    assert len(clients.requests) == 6
    assert drawn == [(0.0, bound) for bound in (1.0, 2.0, 4.0, 4.0, 4.0)]
    assert all(slept <= bound for slept, (_, bound) in zip(clients.slept, drawn, strict=True))
    assert len(set(clients.slept)) == 5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 422, 500])
def test_what_would_be_the_same_again_is_not_repeated(clients: Clients, status: int) -> None:
    """An error of the request stays one."""
    with pytest.raises(Problem):
        clients.call(one_after_another(answer(status, BUSY)), opened)


def test_a_key_under_way_is_asked_again(clients: Clients) -> None:
    """409 with Retry-After: the first attempt is still being worked on."""
    accepted = clients.call(one_after_another(answer(409, BUSY, retry_after="0"), answer(202, ACCEPTED)), opened)

    assert accepted.command_id == "cmd_1"
    assert len(set(keys(clients))) == 1


def test_without_a_connection_the_caller_knows_that_nothing_was_sent(clients: Clients) -> None:
    """`sent` tells a refused connection from a lost answer."""
    retries = Retries(count=1)
    with pytest.raises(NoAnswer) as refused:
        clients.call(one_after_another(*[httpx.ConnectError("no")] * 2), opened, retries=retries)
    with pytest.raises(NoAnswer) as lost:
        clients.call(one_after_another(*[httpx.ReadTimeout("slow")] * 2), opened, retries=retries)

    assert (refused.value.sent, lost.value.sent) == (False, True)


def test_a_write_without_an_id_is_repeated_only_where_nothing_was_done(clients: Clients) -> None:
    """429 and a refused connection say so; a 503, a 502 and a lost answer do not, with or without Retry-After."""
    call = Call("PUT", "/api/things/1", NoneType)
    for done in (answer(503, BUSY, retry_after="0"), answer(502, BUSY), answer(409, BUSY, retry_after="0")):
        with pytest.raises(Problem):
            clients.call(one_after_another(done), lambda client: client._send(call))
    with pytest.raises(NoAnswer):
        clients.call(one_after_another(httpx.ReadTimeout("lost")), lambda client: client._send(call))
    undone = one_after_another(answer(429, BUSY), httpx.ConnectError("no"), httpx.Response(204))

    assert clients.call(undone, lambda client: client._send(call)) is None
    assert len(clients.requests) == 7


def test_a_preview_is_a_read(clients: Clients) -> None:
    """It is asked for by POST and writes nothing: no key, and it may be repeated."""
    with pytest.raises(UnexpectedAnswer):
        clients.call(one_after_another(answer(503, BUSY), answer(200, {})), lambda client: client.preview_order(ORDER))

    assert len(clients.requests) == 2
    assert all("idempotency-key" not in request.headers for request in clients.requests)


# Exact values


def test_money_is_sent_as_decimal_strings(clients: Clients) -> None:
    """Without exponents, which the API refuses; what is not given is not sent."""
    order = OrderRequest(
        account_id="acc_1",
        client_order_id="c-1",
        symbol="AAPL",
        side="BUY",
        order_type="LIMIT",
        quantity=Decimal("1E+3"),
        limit_price=Decimal("1E-7"),
        time_in_force="GTD",
        expire_at=datetime(2011, 6, 30, 17, tzinfo=timezone(timedelta(hours=-4))),
    )
    submitted = {"order_id": "ord_1", "client_order_id": "c-1", "protection_price": None}

    clients.call(one_after_another(answer(202, ACCEPTED | submitted)), lambda client: client.submit_order(order))

    assert sent(clients) == {
        "account_id": "acc_1",
        "client_order_id": "c-1",
        "symbol": "AAPL",
        "side": "BUY",
        "order_type": "LIMIT",
        "quantity": "1000",
        "limit_price": "0.0000001",
        "time_in_force": "GTD",
        "expire_at": "2011-06-30T21:00:00.000000Z",
        "post_only": False,
        "reduce_only": False,
    }


@pytest.mark.parametrize(
    ("amount", "wanted"), [(5, "5"), ("0.10", "0.10"), (Decimal("12345678901234567.123456789"), None)]
)
def test_other_exact_forms_are_taken(clients: Clients, amount: Any, wanted: str | None) -> None:
    """An int and a decimal string say exactly what they mean."""
    clients.call(
        one_after_another(answer(202, ACCEPTED)),
        lambda client: client.deposit_cash("acc_1", CashRequest(amount=amount)),
    )

    assert sent(clients) == {"amount": wanted or str(amount), "currency": "USD"}


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.1, "it was the float 0.1 - at `$.amount`"),
        (Decimal("NaN"), "finite"),
        (True, "decimal"),
        ("ten", "decimal"),
        (None, "decimal"),
    ],
)
def test_what_is_not_exact_is_not_sent(clients: Clients, amount: Any, text: str) -> None:
    """A float is refused even where it looks exact, and the error names the field."""
    with pytest.raises(NotSent, match=r".*") as caught:
        clients.call(one_after_another(), lambda client: client.deposit_cash("acc_1", CashRequest(amount=amount)))

    assert text in str(caught.value)
    assert clients.requests == []


def test_a_time_without_a_zone_is_not_sent(clients: Clients) -> None:
    """It could mean any of 24 hours."""
    naive = datetime(2011, 6, 30, 17)  # noqa: DTZ001
    with pytest.raises(NotSent, match="time zone"):
        clients.call(one_after_another(), lambda client: client.list_signals(from_=naive))


@pytest.mark.parametrize("order_id", ["", ".", ".."])
def test_no_id_leads_to_another_path(clients: Clients, order_id: str) -> None:
    """`..` would cancel the dot segment's parent instead."""
    with pytest.raises(NotSent):
        clients.call(
            one_after_another(), lambda client: client.cancel_order(order_id, CancelRequest(account_id="acc_1"))
        )


def test_an_id_is_one_segment(clients: Clients) -> None:
    """Slashes and question marks are quoted."""
    with pytest.raises(NotFound):
        clients.call(one_after_another(answer(404, BUSY)), lambda client: client.get_order("a/b?c=d"))

    assert clients.requests[0].url.raw_path == b"/api/orders/a%2Fb%3Fc%3Dd"


# Answers


def signal(**changed: Any) -> dict[str, Any]:
    tick = {"partition": 0, "offset": 7, "market_time": "2011-06-30T20:00:00.000000Z"}
    return {
        "signal_id": "sig_1",
        "symbol": "AAPL",
        "direction": "BUY",
        "probabilities": {"BUY": 0.5, "SELL": 0.25, "HOLD": 0.25},
        "model_name": "m",
        "model_version": "1",
        "model_sha256": "",
        "price": "345.0000000000000000001",
        "features": {},
        "abstained": None,
        "requested_by_id": None,
        "first_tick": tick,
        "last_tick": tick,
        "outcome": None,
        "market_time": "2011-06-30T20:00:00.000001Z",
        "recorded_at": "2011-06-30T21:00:00.000000Z",
        "partition": 1,
        "record_offset": 3,
    } | changed


def test_answers_are_exact(clients: Clients) -> None:
    """Every digit of a decimal, every microsecond of a time."""
    page = {"data": [signal()], "has_more": False, "cursor": None}
    found = clients.call(one_after_another(answer(200, page)), lambda client: client.list_signals())

    assert found.data[0].price == Decimal("345.0000000000000000001")
    assert found.data[0].market_time == datetime(2011, 6, 30, 20, 0, 0, 1, tzinfo=UTC)


def test_what_a_newer_server_adds_does_not_matter(clients: Clients) -> None:
    """A field and a value that this version does not know."""
    page = {"data": [signal(direction="SHORT", mood="sunny")], "has_more": False, "cursor": None, "total": 1}
    found = clients.call(one_after_another(answer(200, page)), lambda client: client.list_signals())

    assert found.data[0].direction == "SHORT"


def test_pages_are_followed(clients: Clients) -> None:
    """Each page's cursor asks for the next, with the same filters."""
    pages = [
        {"data": [signal(signal_id="sig_1"), signal(signal_id="sig_2")], "has_more": True, "cursor": "c1"},
        {"data": [signal(signal_id="sig_3")], "has_more": True, "cursor": "c2"},
        {"data": [], "has_more": False, "cursor": None},
    ]
    found = clients.call(
        one_after_another(*(answer(200, page) for page in pages)),
        lambda client: client.iter_signals(symbol="AAPL", page_size=2),
    )

    assert [row.signal_id for row in found] == ["sig_1", "sig_2", "sig_3"]
    asked = [dict(request.url.params) for request in clients.requests]
    assert asked == [{"symbol": "AAPL", "limit": "2", **more} for more in ({}, {"cursor": "c1"}, {"cursor": "c2"})]


def test_how_an_answer_came(clients: Clients) -> None:
    """Status and headers, of the answer as a whole alone."""
    accepted = clients.call(
        one_after_another(answer(202, ACCEPTED, location="/x", idempotent_replayed="true", x_request_id="http_9")),
        opened,
    )

    received = accepted.received
    assert (received.status, received.location, received.replayed, received.request_id) == (202, "/x", True, "http_9")
    with pytest.raises(AttributeError, match="no whole answer"):
        _ = accepted.position.received


@pytest.mark.parametrize(
    "respond",
    [
        lambda _: httpx.Response(200, html="<h1>hello</h1>"),
        lambda _: httpx.Response(200, content=b'{"data": ', headers={"content-type": "application/json"}),
        lambda _: answer(200, {"data": [signal(price="dear")], "has_more": False, "cursor": None}),
        lambda _: answer(200, {"has_more": False}),
        lambda _: httpx.Response(200, text='{"data": [], "has_more": false, "cursor": null}'),
        lambda _: httpx.Response(302, headers={"location": "/login"}),
    ],
)
def test_what_is_no_answer_of_the_api_is_told(clients: Clients, respond: Handler) -> None:
    """Never a half-read body."""
    with pytest.raises(UnexpectedAnswer, match="GET /api/signals"):
        clients.call(respond, lambda client: client.list_signals())


# Errors


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, NotAuthenticated), (404, NotFound), (409, Conflict), (422, Refused), (429, TooManyRequests)],
)
def test_a_problem_is_an_exception_of_its_status(clients: Clients, status: int, kind: type[Problem]) -> None:
    """With its code, what is wrong where, and the ids that find it in the server's log."""
    body = {
        "code": "QUANTITY_NOT_POSITIVE",
        "detail": "expected more than 0",
        "request_id": "http_1",
        "trace_id": "abc",
        "errors": [{"code": "QUANTITY_NOT_POSITIVE", "detail": "it was -1", "pointer": "#/quantity"}],
    }
    with pytest.raises(kind) as caught:
        clients.call(one_after_another(answer(status, body)), opened, retries=Retries(count=0))

    problem = caught.value
    assert (problem.status, problem.code, problem.request_id, problem.trace_id) == (
        status,
        "QUANTITY_NOT_POSITIVE",
        "http_1",
        "abc",
    )
    assert problem.errors[0].pointer == "#/quantity"
    assert str(problem) == (
        f"{status} QUANTITY_NOT_POSITIVE: expected more than 0 (#/quantity: it was -1) [request http_1]"
    )


def test_an_error_of_something_between_is_a_problem_too(clients: Clients) -> None:
    """A proxy answers in HTML."""
    with pytest.raises(Problem) as caught:
        clients.call(one_after_another(httpx.Response(504, html="<h1>gone</h1>")), opened, retries=Retries(count=0))

    assert (caught.value.status, caught.value.code) == (504, "HTTP_504")
    assert "gone" in caught.value.detail


# The key


def test_the_key_is_sent_and_never_shown(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the constructor or the environment, in one header, and in no text of an error."""
    monkeypatch.setenv("TAPELEDGER_API_KEY", "from-environment")
    with pytest.raises(NotAuthenticated) as caught:
        clients.call(one_after_another(answer(401, BUSY)), opened)
    with pytest.raises(NotAuthenticated):
        clients.call(one_after_another(answer(401, BUSY)), opened, api_key="given")
    with pytest.raises(NotAuthenticated):
        clients.call(one_after_another(answer(401, BUSY)), opened, api_key="")

    sent_keys = [request.headers.get("authorization") for request in clients.requests]
    assert sent_keys == ["Bearer from-environment", "Bearer given", None]
    assert "from-environment" not in f"{caught.value!r} {caught.value} {vars(caught.value)}"


@pytest.mark.parametrize("api_key", ["a b", "a\nHost: evil", "ключ"])
def test_a_key_that_is_no_header_is_refused(api_key: str) -> None:
    """Before it could become a header of its own; the text does not repeat it."""
    with pytest.raises(ValueError, match="visible ASCII") as caught:
        Client(api_key=api_key)

    assert api_key not in str(caught.value)


def test_an_address_needs_a_scheme() -> None:
    """`localhost:8080` would be read as a scheme."""
    with pytest.raises(ValueError, match="expected an address"):
        Client("localhost:8080")
