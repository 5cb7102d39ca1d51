"""Who may call what: every operation, every role, on an own account and on another's. The expectations stand here by
hand; an operation without a line here fails the test.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg
import pytest
from fastapi.routing import APIRoute

from api.app import ROUTERS
from domain import ids
from runtime.settings import Settings
from tests.api import rows
from tests.api.security.people import ROLES, client_of, put, started

pytestmark = pytest.mark.integration
PUBLIC = {"livez": 200, "readyz": 200, "get_asyncapi": 200, "refresh_token": 401, "revoke_token": 401}
"""Without any credential; the two last ask for another kind of secret."""
ENDLESS = {"follow_stream": "/api/stream/events?channel=ticks"}
"""Their answers have no end: who may follow which channel is told in tests/api/stream; strangers may none."""


class Line(NamedTuple):
    """own, other: expected status for viewer, trader, risk, compliance, admin. other: on another user's account; empty
    for what is about no account. {account}, {order}, {group}, {transfer}, {plan} are those of the account.
    """

    method: str
    path: str
    own: str
    other: str = ""
    body: dict[str, Any] | None = None


ANYBODY = "200 200 200 200 200"
READ = (ANYBODY, "404 404 200 200 200")
TRADE = ("403 202 403 403 202", "403 403 403 403 202")
LIMIT = {
    **{"account_id": "{account}", "client_order_id": "new", "symbol": "AAPL", "side": "BUY", "order_type": "LIMIT"},
    **{"quantity": "1", "limit_price": "45.10"},
}
LEG = {name: value for name, value in LIMIT.items() if name != "account_id"}
OCO = {
    "account_id": "{account}",
    "client_group_id": "g",
    "kind": "OCO",
    "orders": [
        LEG | {"client_order_id": "a", "side": "SELL"},
        LEG | {"client_order_id": "b", "side": "SELL", "limit_price": "50"},
    ],
}
SEND = {"to_account_id": "acc_else", "amount": "1"}
CONVERT = {"from_currency": "USD", "to_currency": "EUR", "amount": "1", "rate": "0.9", "source": "ECB"}
WEIGHTS = {"weights": {"AAPL": "0.5"}, "cash_weight": "0.5"}
NONE = "/api/backtests/bkt_" + "0" * 32  # there is none; whose it is, is told in tests/api/test_backtests.py
LINES = {
    "get_metrics": Line("GET", "/api/metrics", ANYBODY),
    "issue_token": Line("POST", "/api/auth/token", ANYBODY, body={}),
    "open_session": Line("POST", "/api/auth/session", ANYBODY, body={}),
    "get_session": Line("GET", "/api/auth/session", "403 403 403 403 403"),  # a key is no session
    "close_session": Line("DELETE", "/api/auth/session", "403 403 403 403 403"),
    "get_me": Line("GET", "/api/me", ANYBODY),
    "create_key": Line(
        "POST", "/api/keys", "422 422 422 422 422", body={"scopes": ["read"], "expires_at": "2001-01-01T00:00:00Z"}
    ),
    "list_keys": Line("GET", "/api/keys", ANYBODY),
    "revoke_key": Line("DELETE", "/api/keys/key_0000000000000000", "404 404 404 404 404"),
    "put_user": Line("POST", "/api/users", "403 403 403 403 201", body={"user_id": "new", "role": "viewer"}),
    "list_users": Line("GET", "/api/users", "403 403 403 403 200"),
    "remove_user": Line("DELETE", "/api/users/nobody", "403 403 403 403 404"),
    "open_account": Line("POST", "/api/accounts", "403 202 403 403 202", body={"account_id": "acc_new"}),
    "deposit_cash": Line("POST", "/api/accounts/{account}/deposits", *TRADE, body={"amount": "1"}),
    "withdraw_cash": Line("POST", "/api/accounts/{account}/withdrawals", *TRADE, body={"amount": "1"}),
    "convert_cash": Line("POST", "/api/accounts/{account}/conversions", *TRADE, body=CONVERT),
    "transfer_cash": Line("POST", "/api/accounts/{account}/transfers", *TRADE, body=SEND),
    "submit_order": Line("POST", "/api/orders", *TRADE, body=LIMIT),
    "submit_order_batch": Line(
        "POST",
        "/api/orders/batch",
        *TRADE,
        body={"account_id": "{account}", "orders": [LEG | {"client_order_id": "one"}]},
    ),
    "submit_order_group": Line("POST", "/api/order-groups", *TRADE, body=OCO),
    "replace_order": Line("PATCH", "/api/orders/{order}", *TRADE, body={"account_id": "{account}", "quantity": "2"}),
    "cancel_order": Line(
        "POST", "/api/orders/{order}/cancel", "403 202 202 403 202", "403 403 202 403 202", {"account_id": "{account}"}
    ),
    "rebalance_portfolio": Line("POST", "/api/portfolio/{account}/rebalance", *TRADE, body=WEIGHTS),
    "cancel_rebalance": Line("POST", "/api/portfolio/{account}/rebalances/{plan}/cancel", *TRADE, body={}),
    "request_signal": Line("POST", "/api/signals", "403 202 403 403 202", body={"symbol": "AAPL"}),
    "preview_order": Line("POST", "/api/orders/preview", "", "404 404", LIMIT),
    "preview_rebalance": Line("POST", "/api/portfolio/{account}/rebalance/preview", "", "404 404", WEIGHTS),
    "list_orders": Line("GET", "/api/orders", ANYBODY),
    "get_order": Line("GET", "/api/orders/{order}", *READ),
    "list_order_history": Line("GET", "/api/orders/{order}/history", *READ),
    "get_order_group": Line("GET", "/api/order-groups/{group}", *READ),
    "list_breaks": Line("GET", "/api/reconciliation/breaks", ANYBODY),
    "get_order_book": Line("GET", "/api/orderbook/AAPL", ANYBODY),
    "list_depth": Line("GET", "/api/orderbook/AAPL/depth?from=2026-01-01T00:00:00Z&to=2026-01-01T00:01:00Z", ANYBODY),
    "list_signals": Line("GET", "/api/signals", ANYBODY),
    "get_signal_request": Line("GET", "/api/signals/requests/req_1", "404 404 404 404 404"),  # there is none
    "list_model_accuracy": Line("GET", "/api/models/accuracy", ANYBODY),
    "list_bars": Line("GET", "/api/bars/AAPL", ANYBODY),
    "list_ticks": Line("GET", "/api/ticks/AAPL", ANYBODY),
    "list_tapes": Line("GET", "/api/tapes", ANYBODY),
    "list_projections": Line("GET", "/api/projections", ANYBODY),
    "request_backtest": Line("POST", "/api/backtest", "403 422 403 403 422", body={}),
    "cancel_backtest": Line("POST", f"{NONE}/cancel", "403 404 403 403 404", body={}),
    "list_backtests": Line("GET", "/api/backtests", ANYBODY),
    "get_backtest": Line("GET", NONE, "404 404 404 404 404"),
    "list_backtest_trades": Line("GET", f"{NONE}/trades", "404 404 404 404 404"),
    "list_backtest_equity": Line("GET", f"{NONE}/equity", "404 404 404 404 404"),
    "get_backtest_report": Line("GET", f"{NONE}/report", "404 404 404 404 404"),
    "list_order_events": Line("GET", "/api/orders/{order}/events", *READ),
    "list_account_events": Line("GET", "/api/accounts/{account}/events", *READ),
    "list_portfolio_history": Line("GET", "/api/portfolio/{account}/history", *READ),
    "get_desk": Line("GET", "/api/risk/desk", "403 403 200 200 200"),
    "get_account": Line("GET", "/api/accounts/{account}", *READ),
    "list_journal": Line("GET", "/api/accounts/{account}/journal", *READ),
    "list_rejections": Line("GET", "/api/accounts/{account}/rejections", *READ),
    "get_portfolio": Line("GET", "/api/portfolio/{account}", *READ),
    "get_trial_balance": Line("GET", "/api/accounts/{account}/trial-balance", *READ),
    "list_transfers": Line("GET", "/api/accounts/{account}/transfers", *READ),
    "get_transfer": Line("GET", "/api/accounts/{account}/transfers/{transfer}", *READ),
    "list_rebalances": Line("GET", "/api/portfolio/{account}/rebalances", *READ),
    "get_rebalance": Line("GET", "/api/portfolio/{account}/rebalances/{plan}", *READ),
}
# previews on own accounts fold the archive: tests/api/test_preview.py and test_rebalance.py.


def operations() -> set[str]:
    routes = [route for router in ROUTERS for route in router.routes]
    return {str(route.operation_id) for route in routes if isinstance(route, APIRoute)}


def test_every_operation_has_its_line() -> None:
    """An operation that is added without an expectation is found here."""
    assert operations() == LINES.keys() | PUBLIC.keys() | ENDLESS.keys()
    for name, line in LINES.items():
        assert ("{account}" in line.path + str(line.body)) <= bool(line.other), name


def filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        return value.format(**names)
    if isinstance(value, dict):
        return {key: filled(item, names) for key, item in value.items()}
    return [filled(item, names) for item in value] if isinstance(value, list) else value


def things(connection: psycopg.Connection[Any], owner: str) -> dict[str, str]:
    """An account with an order in a group, a transfer and a rebalance; gives their ids."""
    account = f"acc_{owner}"
    rows.account(connection, account, cash="100")
    connection.execute("update accounts set owner = %s where account_id = %s", (owner, account))
    group, plan, transfer = f"grp_{owner}", ids.plan_id(account, "cmd"), f"trf_{owner}"
    order = rows.order(connection, "c-1", "2026-01-01T00:00:00Z", account_id=account, group_id=group, group_kind="OCO")
    at = "2026-01-01T00:00:00Z"
    place = {"partition": 0, "record_offset": len(owner) * 1_000 + ord(owner[0])}
    amounts = {"hold_cash": 0, "hold_quantity": 0, "submitted_at": at, "updated_at": at}
    rows.insert(
        connection,
        "order_groups",
        **{"group_id": group, "account_id": account, "client_group_id": "g", "kind": "OCO"},
        **amounts,
        **place,
    )
    data = {"orders": [], "equity": "1", "weights": {}, "cash_weight": "1", "drift_band": "0", "marks": {}}
    rows.insert(
        connection,
        "rebalance_events",
        plan_id=plan,
        account_id=account,
        event_type="RebalancePlanned",
        data=data,
        recorded_at=at,
        **place,
    )
    sent = {"to_account_id": "acc_x", "amount": "1", "currency": "USD"}
    rows.insert(
        connection,
        "operator_actions",
        account_id=account,
        event_type="CashTransferredOut",
        reference=transfer,
        actor=owner,
        reason="r",
        data=sent,
        command_id="cmd",
        recorded_at=at,
        **place,
    )
    return {"account": account, "order": order, "group": group, "plan": plan, "transfer": transfer}


@pytest.mark.timeout(240)
async def test_each_role_gets_what_the_table_says(ledger_settings: Settings, subtests: pytest.Subtests) -> None:
    """Given users of all roles, when each calls each operation, then the status is the table's."""
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as connection:
        given = {user: put(connection, user, role).text for user, role in ROLES.items()}
        names = {user: things(connection, user) for user in (*ROLES, "zoe")}
    async with started(ledger_settings, api_rate_limit_per_minute=0) as app:
        for place, (user, key) in enumerate(given.items()):
            async with client_of(app, key) as client:
                for name, line in LINES.items():
                    for expected, of in ((line.own, names[user]), (line.other, names["zoe"])):
                        if place >= len(expected.split()):
                            continue
                        body = None if line.body is None else filled(line.body, of)
                        with subtests.test(f"{ROLES[user]} {name} {of['account']}"):
                            once = {"Idempotency-Key": f"{name}-{user}"}
                            answer = await client.request(line.method, filled(line.path, of), json=body, headers=once)

                            assert str(answer.status_code) == expected.split()[place], answer.text
                            if answer.status_code in (403, 404):
                                assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.timeout(120)
async def test_with_a_broker_nobody_gives_themselves_cash(ledger_settings: Settings) -> None:
    """Money that is real comes and goes at the broker: an admin puts it on record, a trader only trades with it."""
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as connection:
        trader, admin = put(connection, "tara", "trader").text, put(connection, "adam", "admin").text
        things(connection, "tara")
    async with started(ledger_settings, paper_trade_mode=False) as app, client_of(app, trader) as hers:
        for kind in ("deposits", "withdrawals"):
            path, once = f"/api/accounts/acc_tara/{kind}", {"Idempotency-Key": kind}
            refused = await hers.post(path, json={"amount": "1"}, headers=once)
            assert (refused.status_code, refused.json()["code"]) == (403, "SCOPE_MISSING")
            async with client_of(app, admin) as his:
                assert (await his.post(path, json={"amount": "1"}, headers=once)).status_code == 202
        order = await hers.post("/api/orders", json=LIMIT | {"account_id": "acc_tara"})
    assert order.status_code == 202, order.text


@pytest.mark.timeout(120)
async def test_strangers_get_nothing(ledger_settings: Settings, subtests: pytest.Subtests) -> None:
    """Without a credential everything is 401 but what is public, whatever the body is."""
    names = {"account": "acc_1", "order": "ord_" + "0" * 32, "group": "g", "plan": "pln_" + "0" * 32, "transfer": "t"}
    async with started(ledger_settings, api_stranger_limit_per_minute=1_000) as app, client_of(app) as client:
        for name, line in LINES.items():
            with subtests.test(name):
                answer = await client.request(line.method, filled(line.path, names), content=b"{no json")

                assert (answer.status_code, answer.json()["code"]) == (401, "CREDENTIAL_MISSING")
                assert answer.headers["www-authenticate"].startswith("Bearer ")
        for path in ENDLESS.values():
            assert (await client.get(path)).status_code == 401, path
        for path, expected in (
            ("/livez", 200),
            ("/openapi.json", 200),
            ("/asyncapi.json", 200),
            ("/api/no-such-thing", 401),
            ("/docs", 401),
        ):
            assert (await client.get(path)).status_code == expected, path
        secret = {"refresh_token": "rt_" + "0" * 32 + "_" + "0" * 64}
        assert (await client.post("/api/auth/refresh", json=secret)).status_code == PUBLIC["refresh_token"]
        ready = await client.get("/readyz")
        assert ready.json().get("dependencies") is None


@pytest.mark.timeout(120)
async def test_what_is_another_s_looks_like_what_is_not_there(ledger_settings: Settings) -> None:
    """Another's order and an unknown one give the same problem but for the name; so do accounts."""
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as connection:
        key = put(connection, "tara", "trader").text
        zoe = things(connection, "zoe")
    async with started(ledger_settings) as app, client_of(app, key) as client:
        for theirs, nobodys in (
            (f"/api/orders/{zoe['order']}", "/api/orders/ord_" + "0" * 32),
            (f"/api/orders/{zoe['order']}/history", f"/api/orders/ord_{'0' * 32}/history"),
            ("/api/accounts/acc_zoe", "/api/accounts/acc_nobody"),
            ("/api/portfolio/acc_zoe", "/api/portfolio/acc_nobody"),
            (f"/api/accounts/acc_zoe/transfers/{zoe['transfer']}", "/api/accounts/acc_nobody/transfers/trf_zoe"),
            (f"/api/order-groups/{zoe['group']}", "/api/order-groups/grp_nobody"),
        ):
            one, other = (await client.get(theirs)).json(), (await client.get(nobodys)).json()

            assert one["status"] == 404, theirs
            for varying in ("instance", "request_id", "trace_id", "detail"):
                one.pop(varying), other.pop(varying)
            assert one == other, theirs


@pytest.mark.timeout(120)
async def test_lists_show_what_the_caller_may_read(ledger_settings: Settings) -> None:
    """Owned and granted accounts' orders, no others; a filter by another's account finds nothing; risk sees all."""
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as connection:
        trader, risk = put(connection, "tara", "trader").text, put(connection, "rik", "risk").text
        tara, zoe, yan = (things(connection, name)["order"] for name in ("tara", "zoe", "yan"))
        connection.execute("update access_users set accounts = '{acc_yan}' where user_id = 'tara'")
        _on_book(connection, zoe, "acc_zoe")
    async with started(ledger_settings) as app, client_of(app, trader) as hers, client_of(app, risk) as all_:
        shown = {row["order_id"] for row in (await hers.get("/api/orders")).json()["data"]}
        assert shown == {tara, yan}
        assert (await hers.get("/api/orders?account_id=acc_zoe")).json()["data"] == []
        assert {row["order_id"] for row in (await all_.get("/api/orders")).json()["data"]} == {tara, zoe, yan}
        for client, named in ((hers, None), (all_, zoe)):
            book = (await client.get("/api/orderbook/AAPL?account_id=acc_zoe")).json()
            assert [order["order_id"] for level in book["bids"] for order in level["queue"]] == [named]
            assert len(book["own"]) == (named is not None)
            assert book["bids"][0]["quantity"] == "10", "what is to be had on the market is no secret"


def _on_book(connection: psycopg.Connection[Any], order_id: str, account_id: str) -> None:
    """A purchase of 10 at 45.10 on the book as it is now."""
    at = "2026-01-01T00:00:00Z"
    rows.insert(
        connection,
        "order_book_orders",
        **{"order_id": order_id, "account_id": account_id, "symbol": "AAPL", "side": "BUY", "price": "45.10"},
        **{"quantity": "10", "status": "NEW", "priority_by": "ENTERED", "priority_at": at, "priority_offset": 1},
        **{"partition": 0, "since_offset": 1, "since_at": at},
    )
    connection.execute(
        """insert into projection_progress (projection, topic, partition, next_offset, head_seq, head_hash)
           values ('ledger', 'ledger.events', 0, 9, 9, '')"""
    )
