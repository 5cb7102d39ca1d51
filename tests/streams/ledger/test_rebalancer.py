"""From a plan to its orders on real Kafka: each sent once and decided once, whenever the worker is killed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain import ids
from domain.commands import CancelRebalance, PlanRebalance
from domain.events import OrderAccepted, OrderFilled, OrderRejected, RebalanceCanceled, RebalancePlanned
from domain.reports import ReportFilled
from runtime.clock import now_us
from runtime.settings import Settings
from tests.streams.trading import buy, events, opened, send
from tests.streams.trading import mark as marking
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration
MODULE = "streams.ledger.worker"
ACCOUNT = "acc_rebalance"


def wish(weights: dict[str, str], cash: str, command_id: str = "plan") -> PlanRebalance:
    return PlanRebalance(
        command_id=command_id,
        account_id=ACCOUNT,
        issued_at_us=now_us(),
        plan_id=ids.plan_id(ACCOUNT, command_id),
        weights={symbol: Decimal(weight) for symbol, weight in weights.items()},
        cash_weight=Decimal(cash),
    )


def fill(accepted: OrderAccepted, price: str, epoch: int = 1) -> ReportFilled:
    """The whole order at a price."""
    return ReportFilled(
        report_id=f"rep_{accepted.order.order_id}",
        account_id=ACCOUNT,
        order_id=accepted.order.order_id,
        dispatch_epoch=epoch,
        worker_id="test",
        reported_at_us=now_us(),
        execution_id=f"exe_{accepted.order.order_id}",
        venue="TEST",
        quantity=accepted.order.quantity,
        price=Decimal(price),
        fee=Decimal(0),
        market_time_us=1,
    )


def of(settings: Settings, kind: type[Any]) -> list[Any]:
    return [event for event in events(settings) if isinstance(event, kind)]


def wait_for(settings: Settings, kind: type[Any], count: int) -> list[Any]:
    eventually(lambda: len(of(settings, kind)) >= count, f"{count} {kind.__name__}")
    return of(settings, kind)


def invested(settings: Settings) -> None:
    """1,000 USD, of which one AAPL was bought for 10.50; AAPL stands at 10, IBM at 20."""
    send(settings, *opened(ACCOUNT), *marking(settings, AAPL="10", IBM="20"), buy(ACCOUNT, "first"))
    (first,) = wait_for(settings, OrderAccepted, 1)
    send(settings, fill(first, "10.50"), topic="execution.reports")
    wait_for(settings, OrderFilled, 1)


@pytest.mark.timeout(180)
def test_a_plan_becomes_orders_sales_first_across_kills(ledger_settings: Settings) -> None:
    """Killed after the plan, and after the sale: each order is accepted once, the purchase after the sale."""
    with worker(ledger_settings, MODULE) as first:
        invested(ledger_settings)
        send(ledger_settings, wish({"IBM": "0.5"}, "0.5"))
        (plan,) = wait_for(ledger_settings, RebalancePlanned, 1)
        first.kill()
    assert [order.side for order in plan.orders] == ["SELL", "BUY"]
    with worker(ledger_settings, MODULE) as second:
        sale = wait_for(ledger_settings, OrderAccepted, 2)[-1]
        assert sale.order.order_id == plan.orders[0].order_id
        send(ledger_settings, fill(sale, "10"), topic="execution.reports")
        wait_for(ledger_settings, OrderFilled, 2)
        second.kill()
    with worker(ledger_settings, MODULE) as third:
        purchase = wait_for(ledger_settings, OrderAccepted, 3)[2]
        send(ledger_settings, buy(ACCOUNT, "last"))
        wait_for(ledger_settings, OrderAccepted, 4)
        assert third.stop() == 0

    assert purchase.order.quantity == plan.orders[1].quantity == 24
    assert (len(of(ledger_settings, OrderAccepted)), of(ledger_settings, OrderRejected)) == (4, [])


@pytest.mark.timeout(180)
def test_a_cancelled_plan_sends_no_more(ledger_settings: Settings) -> None:
    """The sale is working when the plan is cancelled: it is to be cancelled, and the purchase is never sent."""
    with worker(ledger_settings, MODULE) as only:
        invested(ledger_settings)
        send(ledger_settings, wish({"IBM": "0.5"}, "0.5"))
        sale = wait_for(ledger_settings, OrderAccepted, 2)[-1]
        (plan,) = of(ledger_settings, RebalancePlanned)
        send(
            ledger_settings,
            CancelRebalance(command_id="stop", account_id=ACCOUNT, issued_at_us=now_us(), plan_id=plan.plan_id),
        )
        (canceled,) = wait_for(ledger_settings, RebalanceCanceled, 1)
        send(ledger_settings, fill(sale, "10"), topic="execution.reports")
        wait_for(ledger_settings, OrderFilled, 2)
        send(ledger_settings, buy(ACCOUNT, "after"))
        wait_for(ledger_settings, OrderAccepted, 3)
        assert only.stop() == 0

    assert canceled.unsent == (plan.orders[1].order_id,)
    assert [link.order_id for link in canceled.linked] == [sale.order.order_id]
    accepted = {event.order.order_id for event in of(ledger_settings, OrderAccepted)}
    assert plan.orders[1].order_id not in accepted
