"""Decisions a second of the pure domain, beside the `eventsourcing` library: `python -m bench.decisions`.

CPU time of one core, no I/O. The flow is mixed: an order is submitted, acknowledged by its venue and filled; every
fifth is canceled instead. Each kind is timed by itself, in blocks, so that its share is seen. The peer triggers events
on an aggregate of the library's tutorial, in memory. Nothing is asserted: machines differ, ratios tell.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from bench.event_store import Order
from domain import commands, ids
from domain.account_terms import FeeSchedule, MarginTerms
from domain.catalog import catalog
from domain.ledger import Ledger
from domain.limits import Limits
from domain.reports import ReportAcknowledged, ReportCanceled, ReportFilled
from domain.world import Mark

SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
ACCOUNTS = 20
BLOCK = 1_000
KINDS = ("submit", "acknowledge", "fill", "cancel", "canceled")
_US = 1_000_000_000_000_000
_PRICE = Decimal("10.00")
_WIDE = Decimal(10) ** 12


class Flow(NamedTuple):
    """A kind of account to trade with. opening: fields of OpenAccount; limits: None for none."""

    name: str
    opening: dict[str, Any]
    limits: Limits | None = None


FLOWS = (
    Flow("cash account, no limits", {}),
    Flow(
        "cash account, five limits",
        {},
        Limits(
            price_collar_bps=Decimal(5_000),
            order_value_max=_WIDE,
            order_quantity_max=_WIDE,
            position_quantity_max=_WIDE,
            gross_exposure_max=_WIDE,
        ),
    ),
    Flow(
        "margin account, fee schedule",
        {"margin": MarginTerms(), "fee_schedule": FeeSchedule(per_order=Decimal("1.00"), maker_bps=Decimal(-1))},
    ),
)


def run_flow(flow: Flow, orders: int) -> dict[str, float]:
    """Decisions per second of CPU, by kind and "all" for the whole mixture."""
    driver = _Driver(flow)
    spent: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    for start in range(0, orders, BLOCK):
        for kind, messages in driver.block(start, min(BLOCK, orders - start)):
            began = time.process_time()
            driver.decide(messages)
            spent[kind] += time.process_time() - began
            counts[kind] += len(messages)
    rates = {kind: counts[kind] / spent[kind] for kind in KINDS if counts[kind]}
    return rates | {"all": sum(counts.values()) / sum(spent.values())}


def run_peer(events: int) -> float:
    """Events per second of CPU that an aggregate of the `eventsourcing` library triggers on itself."""
    order = Order("AAPL", "10", "12.34")
    began = time.process_time()
    for _ in range(events):
        order.fill("1")
    return events / (time.process_time() - began)


class _Driver:
    def __init__(self, flow: Flow) -> None:
        self._ledger = Ledger(catalog(SYMBOLS))
        self._now_us = _US
        for symbol in SYMBOLS:
            self._ledger.marks[symbol] = Mark(price=_PRICE, market_time_us=_US)
        for number in range(ACCOUNTS):
            account = f"acc_{number}"
            own = {"account_id": account, "issued_at_us": _US}
            self.decide([commands.OpenAccount(command_id="open", owner="bench", **own, **flow.opening)])
            self.decide([commands.Deposit(command_id="cash", amount=_WIDE, **own)])
            if flow.limits is not None:
                laid = commands.SetLimits(
                    command_id="limits", scope="ACCOUNT", limits=flow.limits, set_by="bench", reason="bench", **own
                )
                self.decide([laid])

    def decide(self, messages: Iterable[Any]) -> None:
        """Raises AssertionError where one is refused: what is timed is what is meant."""
        decide, now_us = self._ledger.decide, self._now_us
        for message in messages:
            now_us += 1
            event = decide(message, now_us)
            assert event is not None, message
            assert not hasattr(event, "code"), event
        self._now_us = now_us

    def block(self, start: int, count: int) -> Iterable[tuple[str, Sequence[Any]]]:
        """The messages of some orders by kind, one kind after the other; to be decided in this order."""
        submits = [self._submit(number) for number in range(start, start + count)]
        yield "submit", submits
        yield "acknowledge", [ReportAcknowledged(venue="bench", **self._head("ack", one)) for one in submits]
        yield "fill", [self._fill(one) for number, one in enumerate(submits) if number // len(SYMBOLS) % 5]
        canceled = [one for number, one in enumerate(submits) if not number // len(SYMBOLS) % 5]
        yield "cancel", [self._cancel(one) for one in canceled]
        yield "canceled", [ReportCanceled(reason="REQUESTED", **self._head("end", one)) for one in canceled]

    def _submit(self, number: int) -> commands.SubmitOrder:
        account, client_id = f"acc_{number % ACCOUNTS}", f"order-{number}"
        is_sale = bool(number // BLOCK % 2)
        return commands.SubmitOrder(
            command_id=client_id,
            account_id=account,
            issued_at_us=self._now_us,
            order_id=ids.order_id(account, client_id),
            client_order_id=client_id,
            symbol=SYMBOLS[number % len(SYMBOLS)],
            side="SELL" if is_sale else "BUY",
            order_type="LIMIT",
            quantity=Decimal(8 if is_sale else 10),  # four fifths of what was ordered have been bought
            limit_price=_PRICE,
        )

    def _cancel(self, order: commands.SubmitOrder) -> commands.CancelOrder:
        return commands.CancelOrder(
            command_id=f"cancel-{order.client_order_id}",
            account_id=order.account_id,
            issued_at_us=self._now_us,
            order_id=order.order_id,
        )

    def _fill(self, order: commands.SubmitOrder) -> ReportFilled:
        return ReportFilled(
            execution_id=f"exe-{order.order_id}",
            venue="bench",
            quantity=order.quantity,
            price=_PRICE,
            fee=Decimal("0.01"),
            market_time_us=self._now_us,
            **self._head("fill", order),
        )

    def _head(self, kind: str, order: commands.SubmitOrder) -> dict[str, Any]:
        return {
            "report_id": f"{kind}-{order.order_id}",
            "account_id": order.account_id,
            "order_id": order.order_id,
            "dispatch_epoch": 1,
            "worker_id": "bench",
            "reported_at_us": self._now_us,
        }


def run(orders: int = 20_000) -> dict[str, dict[str, float]]:
    """Decisions per second of CPU, by flow and kind; "all" for the mixture, "peer" the library's events per second."""
    return {flow.name: run_flow(flow, orders) | {"peer": run_peer(orders)} for flow in FLOWS}


def show(console: Console, found: Mapping[str, Mapping[str, float]]) -> None:
    table = Table("decisions a second of one core", *found)
    for kind in (*KINDS, "all", "peer"):
        name = {"all": "the mixture", "peer": "events of an aggregate of eventsourcing"}.get(kind, kind)
        table.add_row(name, *(f"{rates[kind]:,.0f}" for rates in found.values()))
    table.add_row("the mixture over that", *(f"{rates['all'] / rates['peer']:.2f}" for rates in found.values()))
    console.print(table)


if __name__ == "__main__":
    show(Console(), run())
