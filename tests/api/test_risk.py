"""What stands at the desk, read from rows that the test puts in."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from runtime.clients import postgres
from runtime.settings import Settings
from tests.api import rows

pytestmark = pytest.mark.integration
TIME = "2026-01-01T00:00:00.000001Z"


async def test_what_stands_at_the_desk(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """Each partition's last word with who, why and where; money as strings; an empty desk is empty lists."""
    assert (await online.get("/api/risk/desk")).json() == {"controls": [], "marks": []}
    said = {"officer": "grace", "reason": "drill", "command_id": "c1", "desk_key": "desk:5", "changed_at": TIME}
    with postgres(ledger_settings, autocommit=True) as owner:
        limits = {"order_value_max": "1000.50", "open_orders_max": 3, "restricted_symbols": ["FB"]}
        own = {"partition": 2, "in_force": True, "record_offset": 7, "version": 3}
        rows.insert(owner, "desk_controls", **own, **said, control="LIMITS", strategy_id="s1", limits=limits)
        rows.insert(owner, "desk_controls", **own, **said, control="HALT", strategy_id="")
        mark = {"symbol": "IBM", "price": Decimal("101.10"), "market_time": TIME, "record_offset": 8, "version": 4}
        rows.insert(owner, "desk_marks", partition=2, **mark)

    answer = await online.get("/api/risk/desk")

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [(one["control"], one["strategy_id"], one["limits"]) for one in found["controls"]] == [
        ("HALT", None, None),
        ("LIMITS", "s1", limits),
    ]
    assert found["controls"][0] | {"control": "", "strategy_id": "", "limits": None} == {
        **own,
        **said,
        "control": "",
        "strategy_id": "",
        "limits": None,
    }
    assert found["marks"] == [{**mark, "partition": 2, "price": "101.10"}]
