"""A back office: accounts with units on a ledger of real workers, and `tape ops` as its people run it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from domain import ids
from domain.events import OrderAccepted, OrderFilled
from domain.reports import ReportFilled
from runtime.clock import now_us
from runtime.settings import Settings
from tests.runtime.test_cli import run_tape
from tests.streams.trading import buy, events, opened, send
from tests.workers import eventually

LEDGER, PROJECTOR = "streams.ledger.worker", "projections.worker"
ANNA = ("--by", "anna", "--reason", "notice of the depository")
DAY_US = 24 * 3600 * 1_000_000


def of(settings: Settings, *kinds: type[Any]) -> list[Any]:
    return [event for event in events(settings) if isinstance(event, kinds)]


def tape(settings: Settings, *arguments: str) -> tuple[int, dict[str, Any]]:
    """`tape ops … --json`: the exit code and what it said."""
    done = run_tape("ops", *arguments, "--json", **settings.environ())
    assert done.stdout, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, said


def refused(settings: Settings, *arguments: str) -> str:
    """What standard error says of a line that is wrong; nothing was sent."""
    done = run_tape("ops", *arguments, **settings.environ())
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def fill(account: str, client_order_id: str, market_time_us: int, quantity: str = "1") -> ReportFilled:
    order_id = ids.order_id(account, client_order_id)
    return ReportFilled(
        report_id=f"rep_{order_id}",
        account_id=account,
        order_id=order_id,
        dispatch_epoch=1,
        worker_id="test",
        reported_at_us=now_us(),
        execution_id=f"exe_{order_id}",
        venue="TEST",
        quantity=Decimal(quantity),
        price=Decimal(10),
        fee=Decimal(0),
        market_time_us=market_time_us,
    )


def hold(settings: Settings, *accounts: str, market_time_us: int = DAY_US) -> None:
    """Each account is opened and has bought one AAPL for 10 USD."""
    filled, accepted = len(of(settings, OrderFilled)), len(of(settings, OrderAccepted))
    for account in accounts:
        send(settings, *opened(account), buy(account, "first"))
    eventually(lambda: len(of(settings, OrderAccepted)) >= accepted + len(accounts), "the orders are accepted")
    send(settings, *(fill(account, "first", market_time_us) for account in accounts), topic="execution.reports")
    eventually(lambda: len(of(settings, OrderFilled)) >= filled + len(accounts), "the orders are filled")


def units(settings: Settings, account: str) -> Decimal:
    """Of AAPL, by the postings on the tape."""
    return sum(
        (
            leg.amount
            for event in events(settings)
            if event.originator_id == account
            for leg in event.postings
            if leg.account in {"position:AAPL", "position_hold:AAPL"}
        ),
        Decimal(0),
    )
