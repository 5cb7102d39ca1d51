"""Bad input, case by case: the status, the code, and the place that the problem names."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

KEY = {"Idempotency-Key": "key-1"}
LIMIT = {
    "account_id": "acc_1",
    "client_order_id": "c-1",
    "symbol": "AAPL",
    "side": "BUY",
    "order_type": "LIMIT",
    "quantity": "10",
    "limit_price": "45.10",
}
MARKET = {name: value for name, value in LIMIT.items() if name != "limit_price"} | {"order_type": "MARKET"}
STOP = MARKET | {"order_type": "STOP", "stop_price": "45.00", "protection_price": "46"}
OPEN = {"account_id": "acc_1", "owner": "Ada"}
OPEN_MARGIN = OPEN | {
    "currencies": ["EUR", "JPY"],
    "lot_method": "HIFO",
    "margin": {"long_maintenance": "0.30"},
    "fee_schedule": {"per_unit": "0.005", "order_minimum": "1.00"},
}
CONVERT = {"from_currency": "USD", "to_currency": "EUR", "amount": "10", "rate": "0.9", "source": "ECB"}
SEND = {"to_account_id": "acc_2", "amount": "10"}
ORDER_ID = "ord_" + "0" * 32


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != name}


def leg(name: str, side: str, **fields: str) -> dict[str, Any]:
    order_type = {"order_type": "STOP"} if "stop_price" in fields else {"order_type": "LIMIT"}
    return {"client_order_id": name, "symbol": "AAPL", "side": side, "quantity": "10"} | order_type | fields


BRACKET: dict[str, Any] = {
    "account_id": "acc_1",
    "client_group_id": "g-1",
    "kind": "BRACKET",
    "orders": [
        leg("entry", "BUY", limit_price="45"),
        leg("profit", "SELL", limit_price="49"),
        leg("loss", "SELL", stop_price="43"),
    ],
}


def bracket(**legs: dict[str, Any]) -> dict[str, Any]:
    """The bracket with other legs of these names."""
    return BRACKET | {"orders": [legs.get(order["client_order_id"], order) for order in BRACKET["orders"]]}


HUGE = {"quantity": "1" + "0" * 16}
GROUPS = [
    (BRACKET | {"kind": "TRIO"}, "FIELD_NOT_ALLOWED", "#/kind"),
    (BRACKET | {"orders": BRACKET["orders"][:1]}, "FIELD_INVALID", "#/orders"),
    (BRACKET | {"orders": BRACKET["orders"][:2]}, "GROUP_INVALID", "#/orders"),
    (BRACKET | {"orders": [BRACKET["orders"][0]] * 3}, "GROUP_INVALID", "#/orders"),
    (without(BRACKET, "client_group_id"), "FIELD_MISSING", "#/client_group_id"),
    (bracket(loss=leg("loss", "SELL", stop_price="49.50")), "GROUP_LEGS_CROSS", "#/orders"),
    (bracket(loss=leg("loss", "SELL", stop_price="43", quantity="9")), "GROUP_LEGS_DIFFER", "#/orders"),
    (bracket(profit=leg("profit", "SELL", limit_price="49.001")), "PRICE_OFF_INCREMENT", "#/orders/1/limit_price"),
    (
        bracket(entry=leg("entry", "BUY", limit_price="45", quantity="1" + "0" * 16)),
        "QUANTITY_OUT_OF_RANGE",
        "#/orders/0/quantity",
    ),
    (bracket(loss=leg("loss", "SELL", stop_price="1" + "0" * 16)), "PRICE_OUT_OF_RANGE", "#/orders/2/stop_price"),
    (bracket(entry=leg("entry", "BUY", limit_price="45", symbol="TSLA")), "INSTRUMENT_UNKNOWN", "#/orders/0/symbol"),
]
REPLACEMENTS = [
    ({"account_id": "acc_1"}, "REPLACE_CHANGES_NOTHING", None),
    ({"account_id": "acc_1", "quantity": 5}, "DECIMAL_NOT_STRING", "#/quantity"),
    ({"account_id": "acc_1", "symbol": "IBM"}, "FIELD_UNKNOWN", "#/symbol"),
    ({"quantity": "5"}, "FIELD_MISSING", "#/account_id"),
]
ORDERS = [
    (LIMIT | {"symbol": "TSLA"}, "INSTRUMENT_UNKNOWN", "#/symbol"),
    (LIMIT | {"symbol": "aapl"}, "FIELD_INVALID", "#/symbol"),
    (LIMIT | {"quantity": "0"}, "QUANTITY_NOT_POSITIVE", "#/quantity"),
    (LIMIT | {"quantity": "-1"}, "QUANTITY_NOT_POSITIVE", "#/quantity"),
    (LIMIT | {"quantity": "0.5"}, "QUANTITY_OVER_PRECISE", "#/quantity"),
    (LIMIT | {"quantity": "1" + "0" * 16}, "QUANTITY_OUT_OF_RANGE", "#/quantity"),
    (LIMIT | {"quantity": 10}, "DECIMAL_NOT_STRING", "#/quantity"),
    (LIMIT | {"quantity": True}, "DECIMAL_NOT_STRING", "#/quantity"),
    (LIMIT | {"quantity": None}, "DECIMAL_NOT_STRING", "#/quantity"),
    (LIMIT | {"quantity": "1e3"}, "DECIMAL_UNREADABLE", "#/quantity"),
    (LIMIT | {"quantity": "NaN"}, "DECIMAL_UNREADABLE", "#/quantity"),
    (LIMIT | {"quantity": "١٠"}, "DECIMAL_UNREADABLE", "#/quantity"),
    (LIMIT | {"quantity": "10\n"}, "DECIMAL_UNREADABLE", "#/quantity"),
    (LIMIT | {"limit_price": 45.1}, "DECIMAL_NOT_STRING", "#/limit_price"),
    (LIMIT | {"limit_price": "45.105"}, "PRICE_OFF_INCREMENT", "#/limit_price"),
    (LIMIT | {"limit_price": "0"}, "PRICE_NOT_POSITIVE", "#/limit_price"),
    (without(LIMIT, "limit_price"), "PRICE_REQUIRED", "#/limit_price"),
    (LIMIT | {"protection_price": "46"}, "PRICE_NOT_ALLOWED", "#/protection_price"),
    (MARKET | {"limit_price": "45"}, "PRICE_NOT_ALLOWED", "#/limit_price"),
    (MARKET, "PRICE_REQUIRED", "#/protection_price"),
    (MARKET | {"protection_price": "45.001"}, "PRICE_OFF_INCREMENT", "#/protection_price"),
    (MARKET | {"side": "SELL", "protection_price": "-1"}, "PRICE_NOT_POSITIVE", "#/protection_price"),
    (without(LIMIT, "client_order_id"), "FIELD_MISSING", "#/client_order_id"),
    (LIMIT | {"client_order_id": ""}, "FIELD_INVALID", "#/client_order_id"),
    (LIMIT | {"client_order_id": "x" * 49}, "FIELD_INVALID", "#/client_order_id"),
    (LIMIT | {"client_order_id": "a\u0000b"}, "FIELD_INVALID", "#/client_order_id"),
    (LIMIT | {"side": "HOLD"}, "FIELD_NOT_ALLOWED", "#/side"),
    (LIMIT | {"account_id": "acc/1"}, "FIELD_INVALID", "#/account_id"),
    (LIMIT | {"time/in~force": "GTC"}, "FIELD_UNKNOWN", "#/time~1in~0force"),
    (STOP | {"stop_price": "45.001"}, "PRICE_OFF_INCREMENT", "#/stop_price"),
    (without(STOP, "stop_price"), "PRICE_REQUIRED", "#/stop_price"),
    (STOP | {"protection_price": "44"}, "STOP_WRONG_SIDE", "#/stop_price"),
    (STOP | {"trail_bps": "10"}, "PRICE_NOT_ALLOWED", "#/trail_bps"),
    (STOP | {"time_in_force": "IOC"}, "TIME_IN_FORCE_NOT_ALLOWED", "#/time_in_force"),
    (without(STOP, "stop_price") | {"order_type": "TRAILING_STOP"}, "TRAIL_INVALID", "#/trail_amount"),
    (LIMIT | {"time_in_force": "GTD"}, "EXPIRY_REQUIRED", "#/expire_at"),
    (LIMIT | {"expire_at": "2011-06-30T21:00:00Z"}, "EXPIRY_NOT_ALLOWED", "#/expire_at"),
    (LIMIT | {"time_in_force": "GTD", "expire_at": "tomorrow"}, "TIME_UNREADABLE", "#/expire_at"),
    (LIMIT | {"time_in_force": "FOREVER"}, "FIELD_NOT_ALLOWED", "#/time_in_force"),
    (LIMIT | {"time_in_force": "FOK", "post_only": True}, "POST_ONLY_NOT_ALLOWED", "#/post_only"),
    (LIMIT | {"trader_id": "a b"}, "FIELD_INVALID", "#/trader_id"),
    ([LIMIT], "FIELD_TYPE", "#"),
    ("text", "FIELD_TYPE", "#"),
]


@pytest.mark.parametrize(("body", "code", "pointer"), ORDERS)
async def test_an_order_that_breaks_a_rule(offline: httpx.AsyncClient, body: Any, code: str, pointer: str) -> None:
    """Each rule that needs no state is checked at the edge, with the ledger's code and the field's pointer."""
    answer = await offline.post("/api/orders", json=body)

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    problem = answer.json()
    assert problem["code"] == code
    assert [(error["code"], error["pointer"]) for error in problem["errors"]] == [(code, pointer)]


@pytest.mark.parametrize(("body", "code", "pointer"), GROUPS)
async def test_a_group_that_breaks_a_rule(offline: httpx.AsyncClient, body: Any, code: str, pointer: str) -> None:
    """What can be known without the account is said at the edge, and which order of the group it is about."""
    answer = await offline.post("/api/order-groups", json=body)

    assert answer.status_code == 422
    assert [(error["code"], error["pointer"]) for error in answer.json()["errors"]] == [(code, pointer)]


@pytest.mark.parametrize(("body", "code", "pointer"), REPLACEMENTS)
async def test_a_replacement_that_breaks_a_rule(
    offline: httpx.AsyncClient, body: Any, code: str, pointer: str | None
) -> None:
    """Nothing to change, no decimal text, a field that cannot change, no account."""
    answer = await offline.patch(f"/api/orders/{ORDER_ID}", json=body)

    assert answer.status_code == 422
    assert [(error["code"], error.get("pointer")) for error in answer.json()["errors"]] == [(code, pointer)]


CASH = [
    ({"amount": "0"}, "AMOUNT_NOT_POSITIVE", "#/amount"),
    ({"amount": "-5"}, "AMOUNT_NOT_POSITIVE", "#/amount"),
    ({"amount": "1.005"}, "AMOUNT_OVER_PRECISE", "#/amount"),
    ({"amount": "1" + "0" * 15}, "AMOUNT_OUT_OF_RANGE", "#/amount"),
    ({"amount": 100}, "DECIMAL_NOT_STRING", "#/amount"),
    ({"amount": "100", "currency": "usd"}, "FIELD_INVALID", "#/currency"),
    ({}, "FIELD_MISSING", "#/amount"),
]


@pytest.mark.parametrize("kind", ["deposits", "withdrawals"])
@pytest.mark.parametrize(("body", "code", "pointer"), CASH)
async def test_cash_that_breaks_a_rule(
    offline: httpx.AsyncClient, kind: str, body: Any, code: str, pointer: str
) -> None:
    """Deposits and withdrawals are checked alike."""
    answer = await offline.post(f"/api/accounts/acc_1/{kind}", json=body, headers=KEY)

    assert answer.status_code == 422
    assert [(error["code"], error["pointer"]) for error in answer.json()["errors"]] == [(code, pointer)]


OTHERS = [
    ("/api/accounts", OPEN | {"account_id": "demo"}, {}, 422, "FIELD_INVALID", "#/account_id"),
    ("/api/accounts", OPEN | {"owner": ""}, {}, 422, "FIELD_INVALID", "#/owner"),
    ("/api/accounts", OPEN | {"owner": "\u200b"}, {}, 422, "OWNER_INVALID", "#/owner"),
    ("/api/accounts", OPEN | {"lot_method": "NEWEST"}, {}, 422, "FIELD_NOT_ALLOWED", "#/lot_method"),
    ("/api/accounts", OPEN | {"fee_bps": "-1"}, {}, 422, "FEE_INVALID", "#/fee_bps"),
    ("/api/accounts", OPEN | {"fee_bps": "10001"}, {}, 422, "FEE_INVALID", "#/fee_bps"),
    ("/api/accounts", OPEN | {"currencies": ["USD"]}, {}, 422, "CURRENCY_INVALID", "#/currency"),
    ("/api/accounts", OPEN | {"currencies": "EUR"}, {}, 422, "FIELD_INVALID", "#/currencies"),
    ("/api/accounts", OPEN | {"margin": {"long_initial": "0.2"}}, {}, 422, "MARGIN_INVALID", "#/margin"),
    ("/api/accounts", OPEN | {"margin": {"long": "0.5"}}, {}, 422, "FIELD_UNKNOWN", "#/margin/long"),
    ("/api/accounts", OPEN | {"fee_schedule": {"bps": "-1"}}, {}, 422, "FEE_SCHEDULE_INVALID", "#/fee_schedule"),
    ("/api/accounts/acc_1/conversions", CONVERT | {"rate": "0"}, KEY, 422, "RATE_NOT_POSITIVE", "#/rate"),
    (
        *("/api/accounts/acc_1/conversions", CONVERT | {"to_currency": "USD"}),
        *(KEY, 422, "CONVERSION_SAME_CURRENCY", "#/to_currency"),
    ),
    ("/api/accounts/acc_1/conversions", CONVERT | {"amount": "0.001"}, KEY, 422, "AMOUNT_OVER_PRECISE", "#/amount"),
    ("/api/accounts/acc_1/conversions", CONVERT | {"source": ""}, KEY, 422, "FIELD_INVALID", "#/source"),
    ("/api/accounts/acc_1/conversions", CONVERT, {}, 400, "FIELD_MISSING", "header:Idempotency-Key"),
    (
        *("/api/accounts/acc_1/transfers", SEND | {"to_account_id": "acc_1"}),
        *(KEY, 422, "TRANSFER_TO_ITSELF", "#/to_account_id"),
    ),
    ("/api/accounts/acc_1/transfers", SEND | {"amount": "-1"}, KEY, 422, "AMOUNT_NOT_POSITIVE", "#/amount"),
    ("/api/accounts/acc_1/transfers", SEND | {"reason": "\u200b"}, KEY, 422, "TEXT_INVALID", "#/reason"),
    ("/api/accounts/acc_1/transfers", SEND, {}, 400, "FIELD_MISSING", "header:Idempotency-Key"),
    ("/api/signals", {"symbol": "TSLA"}, {}, 422, "INSTRUMENT_UNKNOWN", "#/symbol"),
    ("/api/signals", {}, {}, 422, "FIELD_MISSING", "#/symbol"),
    (f"/api/orders/{ORDER_ID}/cancel", {}, {}, 422, "FIELD_MISSING", "#/account_id"),
    ("/api/orders/42/cancel", {"account_id": "acc_1"}, {}, 422, "FIELD_INVALID", "path:order_id"),
    ("/api/accounts/acc_1/deposits", {"amount": "1"}, {}, 400, "FIELD_MISSING", "header:Idempotency-Key"),
    (
        "/api/accounts/acc_1/deposits",
        {"amount": "1"},
        {"Idempotency-Key": "a b"},
        422,
        "FIELD_INVALID",
        "header:Idempotency-Key",
    ),
    ("/api/accounts/a%20b/deposits", {"amount": "1"}, KEY, 422, "FIELD_INVALID", "path:account_id"),
]


@pytest.mark.parametrize(("path", "body", "headers", "status", "code", "place"), OTHERS)
async def test_other_commands(
    offline: httpx.AsyncClient, path: str, body: Any, headers: dict[str, str], status: int, code: str, place: str
) -> None:
    """Accounts, signals, cancellations and parameters: the place is a pointer, or the parameter's name."""
    answer = await offline.post(path, json=body, headers=headers)

    assert answer.status_code == status
    [error] = answer.json()["errors"]
    assert (error["code"], error.get("pointer") or error["parameter"]) == (code, place)


READS = [
    ("/api/orders?limit=0", 422, "FIELD_INVALID", "query:limit"),
    ("/api/orders?limit=10001", 422, "FIELD_INVALID", "query:limit"),
    ("/api/orders?status=OPEN", 422, "FIELD_NOT_ALLOWED", "query:status"),
    ("/api/orders?state=NEW", 422, "FIELD_UNKNOWN", "query:state"),
    ("/api/orders?symbol=%00", 422, "FIELD_INVALID", "query:symbol"),
    ("/api/orders?from=yesterday", 422, "TIME_UNREADABLE", "query:from"),
    ("/api/orders?from=2011-01-01T00:00:00", 422, "TIME_UNREADABLE", "query:from"),
    ("/api/orders?to=2011-13-01T00:00:00Z", 422, "TIME_UNREADABLE", "query:to"),
    ("/api/orders?cursor=AAAA", 400, "CURSOR_INVALID", "query:cursor"),
    ("/api/signals?cursor=AAAAAAAAAAAAAAAA", 400, "CURSOR_INVALID", "query:cursor"),
    ("/api/signals?direction=UP", 422, "FIELD_NOT_ALLOWED", "query:direction"),
    ("/api/orders/a%00b", 422, "FIELD_INVALID", "path:order_id"),
    ("/api/portfolio/a%27b", 422, "FIELD_INVALID", "path:account_id"),
    ("/api/portfolio/acc_1?points=601", 422, "FIELD_INVALID", "query:points"),
    ("/api/accounts/acc_1/transfers?status=LOST", 422, "FIELD_NOT_ALLOWED", "query:status"),
    ("/api/accounts/acc_1/transfers?cursor=AAAA", 400, "CURSOR_INVALID", "query:cursor"),
    ("/api/bars/aapl", 422, "FIELD_INVALID", "path:symbol"),
    ("/api/bars/AAPL?interval=2m", 422, "FIELD_NOT_ALLOWED", "query:interval"),
    ("/api/ticks/aapl", 422, "FIELD_INVALID", "path:symbol"),
    ("/api/ticks/AAPL?interval=1m", 422, "FIELD_UNKNOWN", "query:interval"),
    ("/api/ticks/AAPL?cursor=AAAA", 400, "CURSOR_INVALID", "query:cursor"),
]


@pytest.mark.parametrize(("path", "status", "code", "place"), READS)
async def test_reads(offline: httpx.AsyncClient, path: str, status: int, code: str, place: str) -> None:
    """A parameter that breaks a rule never reaches the database."""
    answer = await offline.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    [error] = answer.json()["errors"]
    assert (error["code"], error["parameter"]) == (code, place)


async def test_all_that_is_wrong_is_named_at_once(offline: httpx.AsyncClient) -> None:
    """Several broken fields give one problem with one error each."""
    answer = await offline.post("/api/orders", json=LIMIT | {"quantity": 1, "limit_price": 2, "more": 3})

    problem = answer.json()
    assert problem["code"] == "REQUEST_INVALID"
    assert {error["pointer"] for error in problem["errors"]} == {"#/quantity", "#/limit_price", "#/more"}


async def test_a_whole_number_may_be_written_with_a_point(offline: httpx.AsyncClient) -> None:
    """17.0 is an integer of JSON Schema; 17.5 and "17" are none."""
    body = {"user_id": "ada", "scopes": ["read"]}
    said = []
    for number in (17.5, "17", 17.0):
        answer = await offline.post("/api/keys", json=body | {"limit_per_minute": number})
        said.append([error["pointer"] for error in answer.json().get("errors", ()) if answer.status_code == 422])

    assert said == [["#/limit_per_minute"], ["#/limit_per_minute"], []]
