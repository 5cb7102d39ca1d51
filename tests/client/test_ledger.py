"""The client against real ledgers: real Kafka, PostgreSQL and Valkey, and the workers as processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.app import create_app
from runtime.settings import Settings
from tapeledger_client import AsyncClient, Client, NotFound, Problem, Refused, Retries, Unavailable
from tapeledger_client.models import (
    AccountRequest,
    BatchRequest,
    CancelRequest,
    CashRequest,
    LegRequest,
    OrderRequest,
)
from tests.api.conftest import until_ready
from tests.api.test_gateway import records
from tests.keys import KEYS, ROOT_KEY
from tests.workers import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
FUNDED = Decimal("100000.00")


def leg(number: int) -> LegRequest:
    return LegRequest(
        client_order_id=f"leg-{number}",
        symbol="AAPL",
        side="BUY",
        order_type="LIMIT",
        quantity=Decimal(number),
        limit_price=Decimal("45.10"),
    )


def order(account_id: str, **changed: object) -> OrderRequest:
    fields: dict[str, object] = {
        "account_id": account_id,
        "client_order_id": "first",
        "symbol": "AAPL",
        "side": "BUY",
        "order_type": "LIMIT",
        "quantity": Decimal("10"),
        "limit_price": Decimal("45.10"),
    }
    return OrderRequest(**(fields | changed))  # type: ignore[arg-type]


def is_there(read: object, *arguments: str) -> bool:
    try:
        read(*arguments)  # type: ignore[operator]
    except NotFound:
        return False
    return True


def test_both_clients_on_a_ledger(running: str) -> None:
    """What the how-to pages do; and what was asked for is what the ledger has."""
    account_from_opening_to_cancel(running)
    asyncio.run(orders_side_by_side(running))


def account_from_opening_to_cancel(running: str) -> None:
    with Client(running) as client:
        client.open_account(AccountRequest(account_id="acc_ada", owner="Ada Lovelace"))
        first = client.deposit_cash("acc_ada", CashRequest(amount=FUNDED), idempotency_key="d-1")
        again = client.deposit_cash("acc_ada", CashRequest(amount=FUNDED), idempotency_key="d-1")
        eventually(
            lambda: is_there(client.get_portfolio, "acc_ada") and client.get_portfolio("acc_ada").cash == FUNDED,
            "the cash is there, once",
        )
        reads_its_own_writes(running)

        submitted = client.submit_order(order("acc_ada"))
        repeated = client.submit_order(order("acc_ada"))
        with pytest.raises(Refused) as conflict:
            client.submit_order(order("acc_ada", quantity=Decimal("11")))
        batch = client.submit_order_batch(
            BatchRequest(account_id="acc_ada", orders=[leg(number) for number in range(1, 6)])
        )
        eventually(lambda: is_there(client.get_order, batch.orders[-1].order_id), "the last order is projected")
        listed = list(client.iter_orders(account_id="acc_ada", page_size=2))
        detail = client.get_order(submitted.order_id)
        client.cancel_order(submitted.order_id, CancelRequest(account_id="acc_ada"))
        ended = {"PENDING_CANCEL", "CANCELED"}
        eventually(lambda: client.get_order(submitted.order_id).status in ended, "it is being canceled")

    assert (first.received.replayed, again.received.replayed) == (False, True)
    assert first == again
    assert (submitted, repeated.received.replayed) == (repeated, True)
    assert conflict.value.code == "CLIENT_ORDER_ID_CONFLICT"
    assert conflict.value.errors[0].pointer == "#/client_order_id"
    assert {each.client_order_id: each.quantity for each in listed} == {
        "first": Decimal(10),
        **{f"leg-{number}": Decimal(number) for number in range(1, 6)},
    }
    assert len(listed) == 6
    assert detail.limit_price == Decimal("45.10")
    assert str(detail.limit_price) == "45.10"
    assert detail.submitted_at.utcoffset() is not None


def reads_its_own_writes(running: str) -> None:
    """Each read right behind a write shows it, without waiting and asking again; CSV and JSON agree."""
    with Client(running, read_your_writes=True, etag_cache=True) as client:
        client.open_account(AccountRequest(account_id="acc_eve", owner="Eve"))
        assert client.get_account("acc_eve").owner == "Eve"
        for number in range(1, 6):
            client.deposit_cash("acc_eve", CashRequest(amount=Decimal("0.10")))

            assert client.get_portfolio("acc_eve").cash == number * Decimal("0.10")
        assert client.get_portfolio("acc_eve") == client.get_portfolio("acc_eve")
        rows = client.list_journal_as("text/csv", "acc_eve").content.decode().splitlines()
        postings = client.list_journal("acc_eve").data

    assert len(rows) == len(postings) + 1 == 11


async def orders_side_by_side(running: str) -> None:
    async with AsyncClient(running) as client:
        await client.open_account(AccountRequest(account_id="acc_bob", owner="Bob"))
        await client.deposit_cash("acc_bob", CashRequest(amount=FUNDED))
        submitted = await asyncio.gather(
            *(client.submit_order(order("acc_bob", client_order_id=f"c-{number}")) for number in range(20))
        )
        found = []
        for _ in range(600):
            found = [row async for row in client.iter_orders(account_id="acc_bob", page_size=7)]
            if len(found) == 20:
                break
            await asyncio.sleep(0.1)
        with pytest.raises(Refused) as refused:
            await client.preview_order(order("acc_bob", quantity=Decimal("-1")))
        with pytest.raises(NotFound):
            await client.get_account("acc_nobody")

    assert {row.order_id for row in found} == {each.order_id for each in submitted}
    assert len(found) == 20
    assert [error.pointer for error in refused.value.errors] == ["#/quantity"]


class LosingAnswers:
    """Of each path the first answer is thrown away, when the application has given it: 503 instead."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.lost: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in self.lost:
            await self._app(scope, receive, send)
            return
        self.lost.append(scope["path"])

        async def drop(_: Message) -> None:
            pass

        await self._app(scope, receive, drop)
        await send({"type": "http.response.start", "status": 503, "headers": [(b"retry-after", b"0")]})
        await send({"type": "http.response.body", "body": b"gone"})


@asynccontextmanager
async def losing(settings: Settings) -> AsyncIterator[AsyncClient]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as plain:
            await until_ready(plain)
        lossy = httpx.ASGITransport(LosingAnswers(app))
        async with AsyncClient("http://api", api_key=ROOT_KEY, transport=lossy) as client:
            yield client


async def test_a_lost_answer_is_no_second_command(ledger_settings: Settings) -> None:
    """The application took the command, a proxy answered 503: the retry gets the stored answer, the log one record."""
    async with losing(ledger_settings) as client:
        opened = await client.open_account(AccountRequest(account_id="acc_1", owner="Ada"))
        deposited = await client.deposit_cash("acc_1", CashRequest(amount=FUNDED))
        submitted = await client.submit_order(order("acc_1"))
        batch = await client.submit_order_batch(BatchRequest(account_id="acc_1", orders=[leg(1), leg(2)]))

    assert [answer.received.replayed for answer in (opened, deposited, submitted, batch)] == [True] * 4
    assert records(ledger_settings, "trading.commands") == 5


async def test_an_api_without_servers_says_so(offline_address: AsyncClient) -> None:
    """After its retries the client gives the API's own problem; which says that nothing was sent, or may have been."""
    with pytest.raises(Unavailable) as write:
        await offline_address.open_account(AccountRequest(account_id="acc_1", owner="Ada"))
    with pytest.raises(Problem) as read:
        await offline_address.list_orders()

    assert write.value.code in {"KAFKA_UNAVAILABLE", "KAFKA_OUTCOME_UNKNOWN", "LEDGER_BEHIND"}
    assert read.value.status == 503


@pytest.fixture
async def offline_address() -> AsyncIterator[AsyncClient]:
    """A client of an application that has no servers."""
    closed = "127.0.0.1:1"
    settings = Settings(
        _env_file=None,
        kafka_bootstrap_servers=closed,
        database_url=f"postgresql://owner@{closed}/tape",
        database_reader_url=f"postgresql://tape_reader@{closed}/tape",
        redis_url=f"redis://{closed}/0",
        api_kafka_timeout_ms=300,
        **KEYS,
    )
    app, once = create_app(settings), Retries(count=1)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        AsyncClient("http://api", api_key=ROOT_KEY, transport=transport, retries=once) as client,
    ):
        yield client
