"""Reads on a real PostgreSQL, against rows that the tests put in as the owner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import httpx
import psycopg
import pytest

from domain import ids
from runtime.settings import Settings
from tests.api import rows

pytestmark = pytest.mark.integration
DAY = datetime(2011, 1, 3, tzinfo=UTC)


async def get(client: httpx.AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_reader_cannot_write(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """The query side's role may not change a row, whatever the transaction says."""
    assert (await online.get("/api/tapes")).status_code == 200
    with psycopg.connect(ledger_settings.database_reader_url, autocommit=True) as reader:
        reader.execute("set default_transaction_read_only = off")
        for statement in (
            "delete from orders",
            "insert into balances values ('a', 'cash', 'USD', 1)",
            "drop table lots",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(statement)


async def test_an_order_with_its_history(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """An order shows its terms, its state, its events and its fills; money and times are strings."""
    order_id = rows.order(
        owner,
        "c-1",
        "2011-01-03T14:30:00.000001Z",
        status="PARTIALLY_FILLED",
        filled_quantity="3",
        leaves_quantity="7",
        filled_value="135.00",
        fees="0.01",
        hold_cash="315.700",
    )
    data = {"command_id": "cmd_1", "hold_cash": "451.00"}
    rows.event(owner, order_id, 5, "OrderAccepted", data, status_after="PENDING_NEW")
    rows.insert(
        owner,
        "fills",
        execution_id="exe_1",
        order_id=order_id,
        account_id="acc_1",
        symbol="AAPL",
        side="BUY",
        quantity="3",
        price="45.00",
        fee="0.01",
        realized_pnl="0",
        cash_change="-135.01",
        venue="paper",
        market_time=DAY + timedelta(hours=21),
        recorded_at=DAY,
        evidence={"model": "square-root"},
        partition=0,
        record_offset=7,
    )

    order = await get(online, f"/api/orders/{order_id}")

    assert (order["quantity"], order["average_price"], order["hold_cash"]) == ("10", "45.00000000", "315.700")
    assert order["submitted_at"] == "2011-01-03T14:30:00.000001Z"
    assert order["protection_price"] is None
    [event] = order["events"]
    assert (event["event_type"], event["status"], event["data"]["hold_cash"]) == (
        "OrderAccepted",
        "PENDING_NEW",
        "451.00",
    )
    [fill] = order["fills"]
    assert (fill["price"], fill["market_time"], fill["evidence"]) == (
        "45.00",
        "2011-01-03T21:00:00.000000Z",
        {"model": "square-root"},
    )


async def test_an_unchanged_order_is_not_sent_again(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """The ETag is strong and changes with the order, and with any new event about it; 304 has no body."""
    order_id = rows.order(owner, "c-1", DAY)
    path = f"/api/orders/{order_id}"
    first = (await online.get(path)).headers["etag"]

    same = await online.get(path, headers={"If-None-Match": f'"other", W/{first}'})
    owner.execute("update orders set version = 4, record_offset = 9")
    changed = await online.get(path, headers={"If-None-Match": first})
    rows.event(owner, order_id, 12, "ReportRejected", {}, status_before="NEW", status_after="NEW")
    told = await online.get(path, headers={"If-None-Match": changed.headers["etag"]})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first)
    assert (changed.status_code, told.status_code) == (200, 200)
    assert len({first, changed.headers["etag"], told.headers["etag"]}) == 3
    assert first.startswith('"')


UNKNOWN = {
    f"/api/orders/ord_{'0' * 32}": "ORDER_UNKNOWN",
    f"/api/orders/ord_{'0' * 32}/history": "ORDER_UNKNOWN",
    "/api/order-groups/grp_none": "ORDER_GROUP_UNKNOWN",
    "/api/orders/nonsense": "ORDER_UNKNOWN",
    "/api/accounts/acc_none": "ACCOUNT_UNKNOWN",
    "/api/accounts/acc_none/journal": "ACCOUNT_UNKNOWN",
    "/api/portfolio/acc_none": "ACCOUNT_UNKNOWN",
    "/api/signals/requests/req_none": "SIGNAL_REQUEST_UNKNOWN",
    "/api/orderbook/TSLA": "INSTRUMENT_UNKNOWN",
    "/api/orderbook/TSLA/depth?from=2011-01-03T00:00:00Z&to=2011-01-04T00:00:00Z": "INSTRUMENT_UNKNOWN",
    "/api/bars/TSLA": "INSTRUMENT_UNKNOWN",
    "/api/ticks/TSLA": "INSTRUMENT_UNKNOWN",
}


async def test_what_is_not_known(online: httpx.AsyncClient) -> None:
    """404 says what is unknown, and where it may only be late."""
    for path, code in UNKNOWN.items():
        answer = await online.get(path)

        assert (answer.status_code, answer.json()["code"]) == (404, code)
        assert ("may not be projected yet" in answer.json()["detail"]) == (code != "INSTRUMENT_UNKNOWN")


async def test_orders_by_every_filter(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """Each filter alone gives exactly the orders it describes; from is inclusive, to is not."""
    rows.order(owner, "a", DAY)
    rows.order(owner, "b", DAY + timedelta(days=1), symbol="IBM")
    rows.order(owner, "c", DAY + timedelta(days=2), status="REJECTED", reject_code="CASH_INSUFFICIENT",
               reject_text="expected at most the free cash", reject_details={"needed": "451.00"})  # fmt: skip
    rows.order(owner, "d", DAY + timedelta(days=3), account_id="acc_2", order_type="STOP", time_in_force="DAY",
               group_id="grp_1", parent_order_id="ord_1")  # fmt: skip
    expected = {
        "": "dcba",
        "?account_id=acc_1": "cba",
        "?symbol=IBM": "b",
        "?status=REJECTED": "c",
        "?client_order_id=d": "d",
        "?order_type=STOP": "d",
        "?time_in_force=GTC": "cba",
        "?group_id=grp_1": "d",
        "?parent_order_id=ord_1": "d",
        "?from=2011-01-04T00:00:00Z": "dcb",
        "?to=2011-01-04T00:00:00Z": "a",
        "?from=2011-01-04T01:00:00%2B01:00&to=2011-01-06T00:00:00Z": "cb",
        "?account_id=acc_1&symbol=AAPL&status=NEW": "a",
        "?symbol=MSFT": "",
    }

    found = {query: (await get(online, f"/api/orders{query}"))["data"] for query in expected}

    assert {query: "".join(o["client_order_id"] for o in orders) for query, orders in found.items()} == expected
    assert found["?status=REJECTED"][0]["reject_details"] == {"needed": "451.00"}


async def test_signals(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """Signals come newest market time first, with probabilities and the ticks they were made from."""
    rows.signal(owner, 1, DAY)
    newest = rows.signal(owner, 2, DAY + timedelta(days=1), direction="SELL")
    rows.signal(owner, 3, DAY, symbol="IBM", abstained="warm_up", price=None, first_tick=None, last_tick=None)
    rows.insert(owner, "signal_refusals", partition=0, record_offset=4, request_id="req_no", symbol="TSLA",
                code="INSTRUMENT_UNKNOWN", text="not traded", recorded_at=DAY)  # fmt: skip
    asked = rows.signal(owner, 5, DAY, requested_by_id="req_yes", direction="HOLD")

    everything = await get(online, "/api/signals")
    sells = await get(online, "/api/signals?direction=SELL&symbol=AAPL&from=2011-01-04T00:00:00Z")
    yes = await get(online, "/api/signals/requests/req_yes")
    no = await get(online, "/api/signals/requests/req_no")

    assert [signal["record_offset"] for signal in everything["data"]] == [2, 5, 3, 1]
    [sell] = sells["data"]
    assert sell["signal_id"] == newest
    assert sell["probabilities"] == {"BUY": 0.5, "SELL": 0.25, "HOLD": 0.25}
    assert (sell["price"], sell["features"]) == ("45.1234", {"rsi_14": 61.5})
    assert sell["last_tick"] == {"partition": 1, "offset": 2, "market_time": "2010-12-31T23:00:00.000001Z"}
    assert (yes["status"], yes["signal"]["signal_id"], yes["refusal"]) == ("GENERATED", asked, None)
    assert (no["status"], no["signal"], no["refusal"]["code"]) == ("REFUSED", None, "INSTRUMENT_UNKNOWN")


async def test_a_portfolio_computed_by_hand(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """Deposit 10,000; buy 10 AAPL at 40, 10 at 50 (fees 1), sell 5 at 60 (fee 0.5, FIFO); 5 IBM at 100, no tick.

    Cash: 10,000 − 900 − 1 + 300 − 0.5 − 500 = 8,898.50, of which 451 are held. AAPL at 55: 15 × 55 = 825, cost 700,
    unrealised 125, realised 300 − 200 = 100. IBM at its fill's 100: 500, unrealised 0. Equity 8,898.5 + 1,325.
    """
    rows.account(owner, cash="8447.50", hold="451.00", external="-10000", fees="1.50", realized_pnl="-100")
    rows.insert(owner, "positions", account_id="acc_1", symbol="AAPL", quantity="15", held_quantity="0", cost="700",
                realized_pnl="100", fees="1.50")  # fmt: skip
    rows.insert(owner, "positions", account_id="acc_1", symbol="IBM", quantity="5", held_quantity="1", cost="500",
                realized_pnl="0", fees="0")  # fmt: skip
    for lot_id, quantity, cost, day in (("exe_2", "10", "500", 1), ("exe_1", "5", "200", 0)):
        rows.insert(owner, "lots", account_id="acc_1", symbol="AAPL", lot_id=lot_id, quantity=quantity, cost=cost,
                    opened_at=DAY + timedelta(days=day))  # fmt: skip
    for offset, price in enumerate(("54", "55")):
        rows.insert(owner, "ticks", symbol="AAPL", market_time=DAY + timedelta(days=5, hours=offset), price=price,
                    volume="100", closes_bar=False, partition=0, tick_offset=offset)  # fmt: skip
    rows.insert(owner, "fills", execution_id="exe_9", order_id="ord_9", account_id="acc_2", symbol="IBM", side="BUY",
                quantity="5", price="100", fee="0", realized_pnl="0", cash_change="-500", venue="paper",
                market_time=DAY, recorded_at=DAY, partition=0, record_offset=3)  # fmt: skip

    portfolio = await get(online, "/api/portfolio/acc_1")

    totals = {name: Decimal(portfolio[name]) for name in
              ("cash", "hold", "positions_value", "equity", "realized_pnl", "unrealized_pnl", "fees", "net_deposits",
               "total_pnl")}  # fmt: skip
    assert totals == {
        "cash": Decimal("8447.50"),
        "hold": Decimal("451"),
        "positions_value": Decimal("1325"),
        "equity": Decimal("10223.50"),
        "realized_pnl": Decimal("100"),
        "unrealized_pnl": Decimal("125"),
        "fees": Decimal("1.50"),
        "net_deposits": Decimal("10000"),
        "total_pnl": Decimal("223.50"),
    }
    assert totals["total_pnl"] == totals["realized_pnl"] + totals["unrealized_pnl"] - totals["fees"]
    apple, ibm = portfolio["positions"]
    assert (apple["symbol"], apple["last_price"], apple["market_value"], apple["unrealized_pnl"]) == (
        "AAPL",
        "55",
        "825",
        "125",
    )
    assert [lot["lot_id"] for lot in apple["lots"]] == ["exe_1", "exe_2"]
    assert (ibm["last_price"], ibm["held_quantity"], ibm["lots"]) == ("100", "1", [])
    assert portfolio["as_of"] == "2011-01-08T01:00:00.000000Z"
    assert (portfolio["history"], portfolio["history_points_total"]) == ([], 0)


async def test_history_is_thinned_evenly(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """At most so many points, at even distances, the newest among them, oldest first."""
    rows.account(owner, cash="1")
    made = 0
    for total, points in ((1, 600), (5, 1), (10, 3), (600, 600), (601, 600), (1_300, 600)):
        owner.execute(
            """insert into portfolio_values
               select 'acc_1', %s + n * interval '1 day', n, 0, n from generate_series(%s::int, %s::int) n""",
            [DAY, made + 1, total],
        )
        made = total

        portfolio = await get(online, f"/api/portfolio/acc_1?points={points}")

        numbers = [int(point["equity"]) for point in portfolio["history"]]
        assert min(total, points) / 2 - 1 < len(numbers) <= points
        assert numbers[-1] == total
        assert len({later - earlier for earlier, later in pairwise(numbers)}) <= 1
        assert portfolio["history_points_total"] == total
        assert portfolio["as_of"] == portfolio["history"][-1]["market_time"]


async def test_accounts_and_their_books(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """An account shows its balances; its journal comes newest first; what was refused stands apart."""
    rows.account(owner, cash="5", external="-5")
    for leg, (name, amount) in enumerate((("cash", "5"), ("external", "-5"))):
        rows.insert(owner, "journal_postings", partition=0, record_offset=2, leg=leg, account_id="acc_1",
                    book_account=name, commodity="USD", amount=amount, event_type="CashDeposited",
                    event_id="trading.commands:0:1", recorded_at=DAY)  # fmt: skip
    for offset, command_id in ((3, "cmd_a"), (4, "cmd_b")):
        rows.insert(owner, "command_rejections", partition=0, record_offset=offset, account_id="acc_1",
                    command_id=command_id, command_type="Withdraw", code="CASH_INSUFFICIENT", text="too much",
                    details={"needed": "6"}, recorded_at=DAY)  # fmt: skip

    account = await get(online, "/api/accounts/acc_1")
    journal = await get(online, "/api/accounts/acc_1/journal")
    refused = await get(online, "/api/accounts/acc_1/rejections")
    one = await get(online, "/api/accounts/acc_1/rejections?command_id=cmd_a")
    cash = await get(online, "/api/accounts/acc_1/journal?book_account=cash&commodity=USD")
    euros = await get(online, "/api/accounts/acc_1/journal?commodity=EUR")
    coded = await get(online, "/api/accounts/acc_1/rejections?code=CASH_INSUFFICIENT")
    other = await get(online, "/api/accounts/acc_1/rejections?code=ORDER_UNKNOWN")

    assert [(b["book_account"], b["amount"]) for b in account["balances"]] == [("cash", "5"), ("external", "-5")]
    assert (account["owner"], account["fee_bps"], account["opened_at"]) == (
        "Ada Lovelace",
        "1",
        "2011-01-03T09:00:00.000000Z",
    )
    assert [(p["leg"], p["book_account"], p["amount"]) for p in journal["data"]] == [
        (1, "external", "-5"),
        (0, "cash", "5"),
    ]
    assert [r["command_id"] for r in refused["data"]] == ["cmd_b", "cmd_a"]
    assert [r["details"] for r in one["data"]] == [{"needed": "6"}]
    assert ([p["amount"] for p in cash["data"]], euros["data"]) == (["5"], [])
    assert (coded["data"], other["data"]) == (refused["data"], [])


async def test_the_market(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """Bars come from ticks; progress shows the chain's head in hex."""
    for offset, price in enumerate(("10", "12", "9", "11")):
        rows.insert(owner, "ticks", symbol="AAPL", market_time=DAY + timedelta(hours=14 + offset), price=price,
                    volume="25", closes_bar=offset == 3, partition=0, tick_offset=offset)  # fmt: skip
    rows.insert(owner, "projection_progress", projection="ledger", topic="ledger.events", partition=2, next_offset=7,
                head_seq=7, head_hash=b"\xab" * 32, updated_at=DAY)  # fmt: skip

    bars = await get(online, "/api/bars/AAPL")
    tapes = await get(online, "/api/tapes")

    assert bars["data"] == [
        {
            "bucket": "2011-01-03T00:00:00.000000Z",
            "open": "10",
            "high": "12",
            "low": "9",
            "close": "11",
            "volume": "100",
        }
    ]
    assert (await get(online, "/api/bars/IBM"))["data"] == []
    assert (tapes["data"][0]["head_hash"], tapes["data"][0]["next_offset"]) == ("ab" * 32, 7)


async def test_what_was_ordered_is_found_by_its_location(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """The link that a command's answer gives leads to the order, once it is projected."""
    body = {"account_id": "acc_1", "client_order_id": "c-1", "symbol": "AAPL", "side": "BUY", "order_type": "LIMIT",
            "quantity": "10", "limit_price": "45.10"}  # fmt: skip
    location = (await online.post("/api/orders", json=body)).headers["location"]
    early = await online.get(location)
    rows.order(owner, "c-1", DAY)

    assert early.status_code == 404
    assert (await get(online, location))["order_id"] == ids.order_id("acc_1", "c-1")
