"""Rows of the projections' tables, put in by the owner: what the query side is tested against."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from domain import ids

Connection = psycopg.Connection[tuple[Any, ...]]


def insert(connection: Connection, table: str, **values: Any) -> None:
    """One row; dicts become jsonb."""
    cells = [Jsonb(value) if isinstance(value, dict) else value for value in values.values()]
    statement = sql.SQL("insert into {} ({}) values ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join([sql.Placeholder()] * len(values)),
    )
    connection.execute(statement, cells)


def order(connection: Connection, client_order_id: str, submitted_at: str | datetime, **changes: Any) -> str:
    """An order of acc_1 for 10 AAPL at 45.10, accepted and untouched; gives its id."""
    account_id = changes.get("account_id", "acc_1")
    order_id = ids.order_id(account_id, client_order_id)
    row: dict[str, Any] = {
        "order_id": order_id,
        "account_id": account_id,
        "client_order_id": client_order_id,
        "symbol": "AAPL",
        "side": "BUY",
        "order_type": "LIMIT",
        "quantity": "10",
        "limit_price": "45.10",
        "status": "NEW",
        "filled_quantity": "0",
        "leaves_quantity": "10",
        "filled_value": "0",
        "fees": "0",
        "hold_cash": "451.00",
        "hold_quantity": "0",
        "submitted_at": submitted_at,
        "updated_at": submitted_at,
        "version": 3,
        "partition": 0,
        "record_offset": 7,
    }
    insert(connection, "orders", **(row | changes))
    return order_id


def event(
    connection: Connection, order_id: str, offset: int, event_type: str, data: dict[str, Any], **step: Any
) -> None:
    """An event of acc_1's tape that touches an order, with its step in the order's history."""
    place = {"partition": 0, "record_offset": offset, "event_type": event_type}
    head = {"order_id": order_id, "recorded_at": "2011-01-03T00:00:00Z", **place}
    insert(connection, "order_events", **head, data=data)
    insert(connection, "order_history", **head, account_id="acc_1", leg=0, changes={}, **step)


def account(connection: Connection, account_id: str = "acc_1", **balances: str) -> None:
    """An account opened on 2011-01-03, with balances in USD."""
    insert(
        connection,
        "accounts",
        account_id=account_id,
        owner="Ada Lovelace",
        currency="USD",
        lot_method="FIFO",
        fee_bps="1",
        opened_at="2011-01-03T09:00:00Z",
        version=5,
        updated_at="2011-01-04T09:00:00Z",
        partition=0,
        record_offset=11,
    )
    for name, amount in balances.items():
        insert(connection, "balances", account_id=account_id, book_account=name, commodity="USD", amount=amount)


def outcome(
    connection: Connection, offset: int, of: int, market_time: str | datetime, known_at: str | datetime, **changes: Any
) -> None:
    """What came of signal `of`, told at `offset`: a BUY that was right."""
    row: dict[str, Any] = {
        "signal_id": ids.signal_id("AAPL", of),
        "symbol": "AAPL",
        "model_name": "xgboost",
        "model_version": "3",
        "direction": "BUY",
        "realised": "BUY",
        "entry_price": "45.20",
        "exit_price": "46.1234",
        "market_time": market_time,
        "known_at": known_at,
        "partition": 0,
        "record_offset": offset,
        "leg": 0,
    }
    insert(connection, "signal_outcomes", **(row | changes))


def counts(connection: Connection, model: str, version: str, symbol: str, **cells: int) -> None:
    """model_outcomes: how often what was said and what came, as BUY_SELL=7."""
    for name, number in cells.items():
        said, realised = name.split("_")
        connection.execute(
            "insert into model_outcomes values (%s, %s, %s, %s, %s, %s)",
            (model, version, symbol, said, realised, number),
        )


def signal(connection: Connection, offset: int, market_time: str | datetime, **changes: Any) -> str:
    """A BUY signal on AAPL; gives its id."""
    signal_id = ids.signal_id("AAPL", offset)
    tick = {"partition": 1, "offset": offset, "market_time_us": 1_293_836_400_000_001}
    row: dict[str, Any] = {
        "signal_id": signal_id,
        "symbol": "AAPL",
        "direction": "BUY",
        "p_buy": 0.5,
        "p_sell": 0.25,
        "p_hold": 0.25,
        "model_name": "xgboost",
        "model_version": "3",
        "price": "45.1234",
        "features": {"rsi_14": 61.5},
        "first_tick": tick,
        "last_tick": tick,
        "market_time": market_time,
        "recorded_at": market_time,
        "partition": 0,
        "record_offset": offset,
    }
    insert(connection, "signals", **(row | changes))
    return signal_id
