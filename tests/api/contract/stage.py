"""The stage of the contract test: the API as it is deployed, and a ledger in which its reads find something."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import httpx
import msgspec
import psycopg

from domain.events import OrderAccepted
from runtime.settings import Settings
from streams.backtests.queue import claim, finish
from tests.api import rows
from tests.streams.backtests.house import POLICY, id_of, outcome, put
from tests.streams.ledger.test_rebalancer import fill, of
from tests.streams.trading import mark, send
from tests.workers import eventually, worker

MODULES = ("streams.ledger.worker", "projections.worker", "streams.transfers.worker", "api.worker")
ACCOUNT, SAVINGS = "acc_demo", "acc_savings"
SYMBOLS = ("AAPL", "IBM")
WITHIN_S = 180.0


class Stage(NamedTuple):
    """url: of the API. known: values that it knows, by the name of the parameter or field that takes them."""

    url: str
    known: dict[str, list[str]]


@contextmanager
def stage(settings: Settings, headers: dict[str, str] | None = None) -> Iterator[Stage]:
    """The workers as processes of their own, over HTTP on a port of their own, until the end.

    headers: with which the stage is furnished, such as the credentials of somebody who may do all of it.
    """
    settings = settings.model_copy(update={"api_port": free_port()})
    url = f"http://127.0.0.1:{settings.api_port}"
    with ExitStack() as running, httpx.Client(base_url=url, timeout=30, headers=headers) as client:
        for module in MODULES:
            running.enter_context(worker(settings, module))
        eventually(lambda: _answers(client, "/readyz"), "the API is ready", WITHIN_S)
        yield Stage(url, _furnish(settings, client))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def _furnish(settings: Settings, client: httpx.Client) -> dict[str, list[str]]:
    """Accounts, money, a position, orders of every fate, a group, a plan, a transfer, signals, ticks and a break."""
    for account_id in (ACCOUNT, SAVINGS):
        _command(client, "/api/accounts", {"account_id": account_id, "owner": "Ada Lovelace", "currencies": ["EUR"]})
        _command(client, f"/api/accounts/{account_id}/deposits", {"amount": "100000.00"})
    send(settings, *mark(settings, AAPL="45", IBM="20"))
    transfer = _command(
        client, f"/api/accounts/{ACCOUNT}/transfers", {"to_account_id": SAVINGS, "amount": "250.00"}, "transfer_id"
    )
    orders = [
        _command(client, "/api/orders", _order(number, **changes), "order_id")
        for number, changes in enumerate([{}, {}, {"symbol": "IBM"}, {"quantity": "1000000", "limit_price": "45.10"}])
    ]
    eventually(lambda: len(of(settings, OrderAccepted)) >= 3, "three orders are accepted", WITHIN_S)
    first = next(event for event in of(settings, OrderAccepted) if event.order.order_id == orders[0])
    send(settings, msgspec.structs.replace(fill(first, "45.10"), account_id=ACCOUNT), topic="execution.reports")
    group = _command(client, "/api/order-groups", _bracket(), "group_id")
    plan = _command(
        client, f"/api/portfolio/{SAVINGS}/rebalance", {"weights": {"IBM": "0.5"}, "cash_weight": "0.5"}, "plan_id"
    )
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        requests = [_put_signal(connection, number) for number in range(3)]
        rows.outcome(connection, 2, 0, "2011-06-30T21:00:00Z", "2011-06-30T21:00:02Z")
        rows.counts(connection, "xgboost", "3", "AAPL", BUY_BUY=1)
        for number in range(3):
            rows.insert(connection, "ticks", **_tick(number))
        rows.insert(connection, "reconciliation_breaks", **_break(orders[1]))
        _put_backtests(connection)
    eventually(lambda: _answers(client, f"/api/orders/{orders[3]}"), "the last order is projected", WITHIN_S)
    eventually(lambda: _answers(client, f"/api/order-groups/{group}"), "the group is projected", WITHIN_S)
    eventually(
        lambda: _answers(client, f"/api/accounts/{ACCOUNT}/transfers/{transfer}"), "the transfer is projected", WITHIN_S
    )
    eventually(
        lambda: _answers(client, f"/api/portfolio/{SAVINGS}/rebalances/{plan}"), "the plan is projected", WITHIN_S
    )
    again = {"Idempotency-Key": f"stage-/api/accounts/{ACCOUNT}/deposits"}
    place = client.post(f"/api/accounts/{ACCOUNT}/deposits", json={"amount": "100000.00"}, headers=again).json()[
        "position"
    ]
    return {
        "min_position": [f"{place['topic']}:{place['partition']}:{place['offset']}"],
        "account_id": [ACCOUNT, SAVINGS],
        "order_id": orders,
        "group_id": [group],
        "plan_id": [plan],
        "transfer_id": [transfer],
        "request_id": requests,
        "backtest_id": [id_of("done"), id_of("waiting")],
        "symbol": list(SYMBOLS),
        "model_name": ["xgboost"],
        "model_version": ["3"],
        "from": ["2011-06-30T00:00:00Z"],
        "to": ["2100-01-01T00:00:00Z"],
    }


def _command(client: httpx.Client, path: str, body: dict[str, Any], name: str = "command_id") -> str:
    answer = client.post(path, json=body, headers={"Idempotency-Key": f"stage-{path}"} if "orders" not in path else {})
    assert answer.status_code == 202, answer.text
    return str(answer.json()[name])


def _order(number: int, **changes: str) -> dict[str, Any]:
    """A purchase of one AAPL by acc_demo."""
    return {
        "account_id": ACCOUNT,
        "client_order_id": f"stage-{number}",
        "symbol": "AAPL",
        "side": "BUY",
        "order_type": "LIMIT",
        "quantity": "1",
        "limit_price": "45.10",
    } | changes


def _bracket() -> dict[str, Any]:
    legs = [("entry", {}), ("profit", {"side": "SELL", "limit_price": "49.00"})]
    loss = {"side": "SELL", "order_type": "STOP", "stop_price": "43.00"}
    orders = [_order(0, client_order_id=name, **changes) for name, changes in legs]
    last = {name: value for name, value in _order(0, client_order_id="loss").items() if name != "limit_price"} | loss
    return {
        "account_id": ACCOUNT,
        "client_group_id": "stage",
        "kind": "BRACKET",
        "orders": [{name: value for name, value in order.items() if name != "account_id"} for order in (*orders, last)],
    }


def _put_signal(connection: rows.Connection, number: int) -> str:
    request_id = f"req_{number:032x}"
    rows.signal(connection, number, f"2011-06-30T21:00:0{number}Z", requested_by_id=request_id)
    return request_id


def _put_backtests(connection: rows.Connection) -> None:
    """One that is done, and one that waits for as long as the stage stands: nobody runs any."""
    put(connection, "done", "waiting")
    claimed = claim(connection, "stage", POLICY)
    assert claimed is not None
    assert finish(connection, claimed, outcome(trades=3)) == "MINE"


def _tick(number: int) -> dict[str, Any]:
    return {
        "symbol": SYMBOLS[number % 2],
        "market_time": f"2011-06-30T21:00:0{number}Z",
        "price": "45.10",
        "volume": "100",
        "closes_bar": True,
        "partition": 0,
        "tick_offset": number,
    }


def _break(order_id: str) -> dict[str, Any]:
    found_at = "2011-06-30T21:00:00Z"
    return {
        "break_id": f"brk_{'0' * 32}",
        "account_id": ACCOUNT,
        "kind": "ORDER_MISSING_AT_VENUE",
        "order_id": order_id,
        "venue": "TEST",
        "symbol": "AAPL",
        "expected": "a working order",
        "actual": "no such order",
        "status": "OPEN",
        "times": 1,
        "first_found_at": found_at,
        "found_at": found_at,
        "seen_at": found_at,
        "partition": 0,
        "record_offset": 1_000,
    }


def _answers(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code == 200
    except httpx.TransportError:
        return False
