"""Goal: no statement of the stream reads a table whole. Method: the planner's own word, asked as the reader's role."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

from api.stream import alerts, bars, ledger_rows, market_rows, portfolios, snapshots, source
from runtime.settings import Settings

pytestmark = pytest.mark.integration

PARAMETERS: dict[str, Any] = {
    "partitions": [0, 1],
    "since": [10, 20],
    "until": [15, 40],
    "books": ledger_rows._POSITION_BOOKS,
    "order_ids": ["o1"],
    "at_partitions": [0],
    "at_offsets": [12],
    "types": ["OrderRejected"],
    "topic": "ledger.events",
    "actions": ["reconciliation.break_found"],
    "symbols": ["X"],
    "starts": [0],
    "ends": [1],
    "accounts": ["acc_1"],
    "traded": ["X", "Y"],
    "rows": 10,
}
MODULES = (alerts, bars, ledger_rows, market_rows, portfolios, snapshots)
STATEMENTS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": text
    for module in MODULES
    for name, text in vars(module).items()
    if isinstance(text, str) and text.strip().startswith(("select", "with"))
}
SMALL = {"desk_controls"}
"""A row for each control of each partition: read whole on purpose."""


def plan(settings: Settings, statement: str, **changed: Any) -> str:
    with psycopg.connect(settings.database_reader_url, options=source._OPTIONS) as connection:
        rows = connection.execute(f"explain {statement}".encode(), PARAMETERS | changed).fetchall()
    return "\n".join(row[0] for row in rows)


def read_whole(text: str) -> set[str]:
    return set(re.findall(r"Seq Scan on (\w+)", text)) - SMALL


def test_there_are_statements() -> None:
    """Every module's statements are found by their names."""
    assert {name.split(".")[0] for name in STATEMENTS} == {module.__name__.rpartition(".")[2] for module in MODULES}
    assert len(STATEMENTS) >= 20


def test_every_statement_goes_by_an_index(ledger_settings: Settings) -> None:
    """Of some accounts and symbols. What is asked of all of them is a snapshot, which has a limit."""
    found = {name: read_whole(plan(ledger_settings, statement)) for name, statement in STATEMENTS.items()}
    holders = plan(ledger_settings, portfolios._HOLDERS, accounts=None)

    assert {name: whole for name, whole in found.items() if whole} == {}
    assert "positions_symbol" in holders


def test_the_reader_itself_sees_a_table_read_whole(ledger_settings: Settings) -> None:
    """The check can fail: a statement without an index is found out."""
    text = plan(ledger_settings, "select * from orders where reject_code = 'X'")

    assert read_whole(text) == {"orders"}
