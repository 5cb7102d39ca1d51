"""Goal: what the broker has and the ledger has not is found, put on record, shown, and resolved when it is healed.

Method: the broker on loopback, one engine with its adapter, and behind it the real ledger, audit agent, projector and
API on real servers.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from domain import ids
from domain.actions import BREAK_FOUND, BREAK_RESOLVED
from domain.events import BreakFound, BreakResolved, OrderAcknowledged, OrderFilled
from execution.engine import Engine
from runtime import metrics
from runtime.settings import Settings
from tests.api.conftest import serving
from tests.execution.alpaca.exchange import Exchange
from tests.execution.alpaca.steps import until
from tests.streams.trading import buy, events, opened, send

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
ACCOUNT = "acc_r"
ORDER = ids.order_id(ACCOUNT, "ours")
BY_HAND = {
    "client_order_id": "placed-by-hand",
    "symbol": "IBM",
    "qty": "3",
    "side": "buy",
    "type": "limit",
    "time_in_force": "gtc",
    "limit_price": "120",
}


def gauge(kind: str) -> float:
    found: float = metrics.reconciliation_breaks.labels(kind)._value.get()
    return found


async def test_what_the_broker_has_and_the_ledger_has_not(
    settings: Settings, exchange: Exchange, engine: Engine
) -> None:
    """An execution that the stream never told, and an order that somebody placed by hand: two breaks, both heal."""

    def of(kind: type[Any]) -> list[Any]:
        return [event for event in events(settings) if isinstance(event, kind)]

    async with serving(settings) as client:

        async def breaks(**query: str) -> list[dict[str, Any]]:
            answer = await client.get("/api/reconciliation/breaks", params=query)
            assert answer.status_code == httpx.codes.OK, answer.text
            return list(answer.json()["data"])

        # Given an order of ours at the broker, of which the broker executes a part that its stream never tells.
        order = msgspec.structs.replace(buy(ACCOUNT, "ours"), quantity=Decimal(10))
        await asyncio.to_thread(send, settings, *opened(ACCOUNT), order)
        await until(lambda: of(OrderAcknowledged), "an acknowledgement")
        await exchange.open(ORDER)
        exchange.mute = True
        told = await exchange.execute(ORDER, "4", "10.25")
        # And an order that is none of ours.
        exchange._make(BY_HAND, status="new")

        # Then both are breaks: of the account, and of nobody.
        async def two() -> list[dict[str, Any]]:
            found = await breaks(status="OPEN")
            return found if len(found) == 2 else []

        shown = {one["kind"]: one for one in await until(two, "two open breaks")}

        missed = shown["EXECUTION_MISSING_IN_LEDGER"]
        assert (missed["account_id"], missed["order_id"], missed["execution_id"]) == (
            ACCOUNT,
            ORDER,
            told["execution_id"],
        )
        assert (missed["expected"], missed["actual"]) == ("no such execution", "buy 4 at 10.25")
        by_hand = shown["ORDER_UNKNOWN_TO_LEDGER"]
        assert (by_hand["account_id"], by_hand["order_id"]) == (None, "placed-by-hand")
        assert (by_hand["expected"], by_hand["actual"], by_hand["venue"]) == (
            "no such order",
            "buy 3, new",
            "ALPACA_PAPER",
        )
        (on_tape,) = await asyncio.to_thread(of, BreakFound)
        assert (on_tape.break_id, on_tape.originator_id) == (missed["break_id"], ACCOUNT)
        (action,) = await asyncio.to_thread(events, settings, "audit.logs")
        assert (action.action, action.subject) == (BREAK_FOUND, by_hand["break_id"])
        await until(lambda: gauge("ORDER_UNKNOWN_TO_LEDGER") == gauge("EXECUTION_MISSING_IN_LEDGER") == 1, "the gauges")
        assert [one["break_id"] for one in await breaks(account_id=ACCOUNT)] == [missed["break_id"]]

        # When the stream is lost and opened again, the adapter reads what it missed; and somebody cancels by hand.
        exchange.mute = False
        await exchange.drop_stream()
        await until(lambda: of(OrderFilled), "the fill")
        await exchange.end("placed-by-hand", "canceled")

        # Then both are resolved, and stay on record.
        async def none() -> bool:
            return not await breaks(status="OPEN")

        await until(none, "no open breaks")
        assert {one["break_id"] for one in await breaks(status="RESOLVED")} == {
            missed["break_id"],
            by_hand["break_id"],
        }
        (resolved,) = await asyncio.to_thread(of, BreakResolved)
        assert (resolved.break_id, resolved.execution_id) == (missed["break_id"], told["execution_id"])
        actions = [one.action for one in await asyncio.to_thread(events, settings, "audit.logs")]
        assert actions == [BREAK_FOUND, BREAK_RESOLVED]
        await until(lambda: gauge("ORDER_UNKNOWN_TO_LEDGER") == gauge("EXECUTION_MISSING_IN_LEDGER") == 0, "the gauges")
