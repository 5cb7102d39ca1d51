"""Goal: an order that waited in the book is charged the maker's rate, one that came to the market the taker's.

Method: real Kafka, Redis and PostgreSQL; the real ledger, engine, projector and API; amounts worked by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from audit.replay import replay
from domain import ids
from domain.account_terms import FeeSchedule
from domain.commands import Deposit, OpenAccount
from domain.events import OrderAcknowledged, OrderFilled
from execution.paper import PaperParameters
from projections.worker import Projector
from runtime.clock import now_us
from tests.api.conftest import serving, until_ready
from tests.execution.floor import Floor, eventually
from tests.streams.trading import buy, events, send
from tests.workers import worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
ACCOUNT = "acc_l"
RESTING, COMING = (ids.order_id(ACCOUNT, name) for name in ("resting", "coming"))
# All pay 5 bps; takers 30 more, makers 20 less, so a maker is paid 15. The venue's own fee is 1 bps.
SCHEDULE = FeeSchedule(bps=Decimal(5), taker_bps=Decimal(30), maker_bps=Decimal(-20))
VENUE = PaperParameters(
    half_spread_bps=Decimal(0), impact_bps=Decimal(0), participation_max=Decimal(1), fee_bps=Decimal(1)
)


@pytest.fixture
def house(floor: Floor) -> Iterator[Projector]:
    """The ledger and the projector."""
    projector = Projector(floor.settings)
    with worker(floor.settings, "streams.ledger.worker"):
        projector.start()
        try:
            yield projector
            projector.check()
        finally:
            projector.stop()


@pytest.fixture
async def api(floor: Floor) -> AsyncIterator[Any]:
    async with serving(floor.settings) as client:
        await until_ready(client)
        yield client


async def test_a_maker_and_a_taker_are_charged_their_rates(floor: Floor, house: Projector, api: Any) -> None:
    """Post-only: 100 at 10.00 are 1,000.00, for which the venue takes 0.10 and the ledger pays 1.50.

    Market: 100 at 10.20 are 1,020.00, for which the venue takes 0.11 (0.102, to the cent) and the ledger 3.57.
    """
    settings = floor.settings

    async def happened(kind: type[Any], order_id: str) -> Any:
        def found() -> list[Any]:
            return [one for one in events(settings) if isinstance(one, kind) and one.order_id == order_id]

        return (await eventually(found, f"{kind.__name__} of {order_id}"))[0]

    # Given an account with a schedule, and a post-only order that does not trade when it arrives.
    floor.publish(price="10.05", second=1)
    await floor.start("worker-a", VENUE)
    about: Any = {"account_id": ACCOUNT, "issued_at_us": now_us()}
    opened = OpenAccount(command_id="open", owner="test", fee_bps=Decimal(1), fee_schedule=SCHEDULE, **about)
    deposit = Deposit(command_id="deposit", amount=Decimal("10000"), **about)
    rests = msgspec.structs.replace(
        buy(ACCOUNT, "resting"), quantity=Decimal(100), limit_price=Decimal("10.00"), post_only=True
    )
    await asyncio.to_thread(send, settings, opened, deposit, rests)
    await happened(OrderAcknowledged, RESTING)
    floor.publish(price="10.05", second=2)

    # When the market comes to it, and then another order to the market.
    floor.publish(price="10.00", second=3)
    made = await happened(OrderFilled, RESTING)
    comes = msgspec.structs.replace(
        buy(ACCOUNT, "coming"),
        order_type="MARKET",
        quantity=Decimal(100),
        limit_price=None,
        protection_price=Decimal("11.00"),
    )
    await asyncio.to_thread(send, settings, comes)
    await happened(OrderAcknowledged, COMING)
    floor.publish(price="10.20", second=4)
    took = await happened(OrderFilled, COMING)

    # Then the ledger has charged each its rate, beside the venue's fee.
    assert (made.liquidity, made.price, made.fee, made.commission) == ("MAKER", 10, Decimal("0.10"), Decimal("-1.50"))
    assert (took.liquidity, took.price) == ("TAKER", Decimal("10.20"))
    assert (took.fee, took.commission) == (Decimal("0.11"), Decimal("3.57"))

    # And so the API reads; 10,000 less 1,000 and 1,020, plus 1.40, less 3.68.
    fills = [await _fill(api, order_id) for order_id in (RESTING, COMING)]
    assert [fill["liquidity"] for fill in fills] == ["MAKER", "TAKER"]
    assert [Decimal(fill["commission"]) for fill in fills] == [Decimal("-1.50"), Decimal("3.57")]
    assert [Decimal(fill["fee"]) for fill in fills] == [Decimal("-1.40"), Decimal("3.68")]
    cash = {line["book_account"]: Decimal(line["amount"]) for line in await _balances(api)}
    assert cash["cash"] == Decimal("7977.72")
    assert replay(settings).ok


async def _fill(api: Any, order_id: str) -> Any:
    for _ in range(500):
        found = (await api.get(f"/api/orders/{order_id}")).json().get("fills")
        if found:
            assert len(found) == 1
            return found[0]
        await asyncio.sleep(0.02)
    raise AssertionError(f"expected a fill of {order_id}")


async def _balances(api: Any) -> Any:
    return (await api.get(f"/api/accounts/{ACCOUNT}")).json()["balances"]
