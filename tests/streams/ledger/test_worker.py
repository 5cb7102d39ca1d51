"""The ledger worker as a process under Faust: killed, doubled, and without Redis."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import msgspec
import pytest

from domain.dispatch import Dispatch
from domain.events import AccountOpened, CashDeposited, OrderAccepted, OrderRedispatched, OrderRejected
from domain.reports import ReportAcknowledged
from runtime.clients import redis_sync
from runtime.clock import now_us
from runtime.settings import Settings
from tests.streams.trading import buy, events, opened, send
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration
MODULE = "streams.ledger.worker"


def dispatches(settings: Settings) -> list[Dispatch]:
    entries = cast(Any, redis_sync(settings)).xrange(settings.execution_stream)
    return [msgspec.json.decode(fields["dispatch"], type=Dispatch) for _, fields in entries]


@pytest.mark.timeout(180)
def test_killed_again_and_again_it_answers_every_command_once(ledger_settings: Settings) -> None:
    """Goal: one input, one event, across kill -9. Method: kill the worker three times while commands come in."""
    accounts = [f"acc_{number}" for number in range(8)]
    send(ledger_settings, *(command for account in accounts for command in opened(account)))
    sent = 0
    for round_ in range(3):
        with worker(ledger_settings, MODULE):
            for _ in range(50):
                send(ledger_settings, *(buy(a, f"c{sent + n}") for n, a in enumerate(accounts)))
                sent += len(accounts)
                if len(events(ledger_settings)) > (round_ + 1) * 80:
                    break
    with worker(ledger_settings, MODULE) as last:
        send(ledger_settings, *(buy(a, f"c{sent + n}") for n, a in enumerate(accounts)))
        sent += len(accounts)
        eventually(lambda: len(events(ledger_settings)) >= sent + 16, f"{sent + 16} events")
        assert last.stop() == 0
    found = events(ledger_settings)

    assert Counter(type(event) for event in found)[AccountOpened] == len(accounts)
    assert Counter(type(event) for event in found)[CashDeposited] == len(accounts)
    orders = [event.command_id for event in found if isinstance(event, OrderAccepted | OrderRejected)]
    assert Counter(orders) == Counter(f"c{number}" for number in range(sent))


@pytest.mark.timeout(120)
def test_two_workers_share_the_partitions_and_one_takes_over(ledger_settings: Settings) -> None:
    """Two workers answer everything once; when one dies without a word the other takes its partitions over."""
    accounts = [f"acc_{number}" for number in range(8)]
    with worker(ledger_settings, MODULE) as first, worker(ledger_settings, MODULE):
        send(ledger_settings, *(command for account in accounts for command in opened(account)))
        eventually(lambda: len(events(ledger_settings)) == 16, "16 events")
        first.kill()
        send(ledger_settings, *(buy(account, f"c-{account}") for account in accounts))
        eventually(lambda: len(events(ledger_settings)) == 24, "the survivor answers for all accounts")

    assert sorted(e.command_id for e in events(ledger_settings) if isinstance(e, OrderAccepted)) == sorted(
        f"c-{account}" for account in accounts
    )


@pytest.mark.timeout(120)
def test_accepted_orders_reach_the_engine_again_after_redis_was_wiped(ledger_settings: Settings) -> None:
    """An order that no venue has acknowledged is sent again until one does, also when the queue was lost."""
    settings = ledger_settings.model_copy(update={"redispatch_after_ms": 500})
    with worker(settings, MODULE) as ledger:
        send(settings, *opened("acc_1"), buy("acc_1", "c1"))
        eventually(lambda: len(dispatches(settings)) >= 1, "the order is in the queue")
        redis_sync(settings).flushdb()
        eventually(lambda: len(dispatches(settings)) >= 1, "the order is in the queue again")
        order_id = dispatches(settings)[0].order.order_id
        report = ReportAcknowledged(
            report_id="r1",
            account_id="acc_1",
            order_id=order_id,
            dispatch_epoch=1,
            worker_id="w1",
            reported_at_us=now_us(),
            venue="paper",
        )
        send(settings, report, topic="execution.reports")
        eventually(lambda: any(isinstance(e, OrderRedispatched) for e in events(settings)), "w1 gave no sign of life")
        eventually(lambda: dispatches(settings)[-1].dispatch_epoch == 2, "a dispatch under the next epoch")
        assert ledger.stop() == 0

    assert {dispatch.order.order_id for dispatch in dispatches(settings)} == {order_id}


@pytest.mark.timeout(120)
def test_without_redis_the_ledger_goes_on_deciding(ledger_settings: Settings) -> None:
    """A lost Redis delays dispatches and nothing else."""
    settings = ledger_settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    with worker(settings, MODULE):
        send(settings, *opened("acc_1"), buy("acc_1", "c1"))
        eventually(lambda: any(isinstance(e, OrderAccepted) for e in events(settings)), "the order is accepted")
