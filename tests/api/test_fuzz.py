"""Whatever comes, the answer is a problem of the client's or of a missing server: never 500."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.test_bad_input import LIMIT, OPEN
from tests.keys import ROOT

TEXTS = st.text(max_size=12) | st.sampled_from(["\x00", "\ud800", "1e9", "NaN", "-0", "ord_1", "2011-01-01T00:00:00Z"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
COMMANDS = {
    "/api/orders": [*LIMIT, "protection_price"],
    "/api/accounts": [*OPEN, "fee_bps", "currency", "lot_method"],
    "/api/accounts/acc_1/deposits": ["amount", "currency"],
    f"/api/orders/ord_{'0' * 32}/cancel": ["account_id"],
    "/api/signals": ["symbol", "requested_by"],
}
READS = {
    "/api/orders": ["account_id", "symbol", "status", "client_order_id", "from", "to", "limit", "cursor", "other"],
    "/api/signals": ["symbol", "direction", "from", "to", "limit", "cursor"],
    "/api/accounts/acc_1/rejections": ["command_id", "from", "cursor"],
    "/api/portfolio/acc_1": ["points"],
    "/api/bars/AAPL": ["interval", "from", "to", "cursor"],
    "/api/ticks/AAPL": ["from", "to", "cursor"],
}


@pytest.mark.parametrize("path", COMMANDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
async def test_commands(offline_app: FastAPI, path: str, data: st.DataObject) -> None:
    """Bodies with any values, and with names that we do not know, are refused with a problem."""
    names = st.sampled_from(COMMANDS[path]) | TEXTS
    body = data.draw(st.dictionaries(names, VALUES, min_size=1, max_size=4) | VALUES)

    answer = await request(offline_app, "POST", path, json.dumps(body | {"no": 1} if isinstance(body, dict) else body))

    assert answer.status_code in {400, 422}
    assert answer.json()["errors"] or answer.status_code == 400


@pytest.mark.parametrize("path", READS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
async def test_reads(offline_app: FastAPI, path: str, data: st.DataObject) -> None:
    """Parameters with any text are refused, or the (closed) database is asked."""
    parameters = data.draw(st.dictionaries(st.sampled_from(READS[path]), TEXTS, max_size=3))
    query = "&".join(f"{name}={quote(text, errors='replace')}" for name, text in parameters.items())

    answer = await request(offline_app, "GET", f"{path}?{query}", "")

    assert answer.status_code in {400, 422, 503}
    assert answer.headers["content-type"] == "application/problem+json"


async def request(app: FastAPI, method: str, path: str, body: str) -> Any:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"} | ROOT
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        return await client.request(method, path, content=body, headers=headers)
