"""A desk for the tests of the paper venue: gives orders and ticks to it, and keeps of them what the ledger would."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from domain.dispatch import Dispatch
from domain.ids import order_id
from domain.market import Tick, TickAt, TickRef
from domain.terms import OrderTerms, OrderType, Side
from execution.order import WorkingOrder, working_order
from execution.paper import PaperParameters, PaperVenue
from execution.venue import Cancellation, Execution, Expiry, Outcome, Refusal, Replacement, Trigger
from tests.execution.examples import ACCOUNT, NO_COSTS

_DECIMALS = ("quantity", "limit_price", "protection_price", "stop_price", "trail_amount", "trail_bps")


def us(text: str) -> int:
    """Microseconds of an ISO time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def order(
    kind: OrderType = "MARKET", side: Side = "BUY", quantity: str = "100", name: str = "one", **more: Any
) -> OrderTerms:
    """Terms; prices may be text."""
    for field in _DECIMALS:
        if isinstance(more.get(field), str):
            more[field] = Decimal(more[field])
    return OrderTerms(
        order_id=order_id(ACCOUNT, name),
        client_order_id=name,
        symbol="AAPL",
        side=side,
        order_type=kind,
        quantity=Decimal(quantity),
        **more,
    )


def at(offset: int, price: str, volume: str = "1000", *, time: str = "", halted: bool = False) -> TickAt:
    """A tick; without a time, offset 0 is at 15:00 on Wednesday 2012-01-11 in UTC, and each is a second later."""
    time_us = us(time) if time else us("2012-01-11T15:00") + offset * 1_000_000
    tick = Tick(symbol="AAPL", market_time_us=time_us, price=Decimal(price), volume=Decimal(volume), halted=halted)
    return TickAt(TickRef(partition=0, offset=offset, market_time_us=time_us), tick)


class PaperDesk:
    """heard: all that the venue has said, as (client order id, outcome)."""

    def __init__(self, parameters: PaperParameters = NO_COSTS, **settings: Any) -> None:
        self.venue = PaperVenue(parameters, **settings)
        self.heard: list[tuple[str, Outcome]] = []
        self.orders: dict[str, WorkingOrder] = {}

    async def open(self) -> PaperDesk:
        await self.venue.start(self._listen)
        return self

    async def submit(
        self,
        terms: OrderTerms,
        after: TickAt | None = None,
        told: Sequence[Outcome] = (),
        accepted: str = "1970-01-01T00:00",
    ) -> WorkingOrder:
        """Dispatch an order. told: what earlier workers have reported of it, all of which the ledger knows.

        accepted: the ledger's clock when it took the order.
        """
        made = working_order(_dispatch(terms, None if after is None else after.ref, told, us(accepted)), None)
        self.orders[terms.order_id] = made
        await self.venue.submit(made)
        return made

    def meet(self, made: WorkingOrder, *ticks: TickAt) -> list[Outcome]:
        """Let one order meet ticks as execution.evaluation does; what the venue says of it."""
        before = len(self.heard)
        for tick in ticks:
            if made.ended or not made.comes_before(tick):
                continue
            made.position = tick.ref
            if made.is_active_at(tick):
                self.venue.evaluate(made, tick)
        return [outcome for _, outcome in self.heard[before:]]

    def outcomes(self, terms: OrderTerms) -> list[Outcome]:
        return [outcome for name, outcome in self.heard if name == terms.client_order_id]

    def _listen(self, order_id: str, outcome: Outcome) -> None:
        made = self.orders[order_id]
        assert not made.ended, f"nothing happens to an order that has ended: {outcome}"
        self.heard.append((made.terms.client_order_id, outcome))
        if isinstance(outcome, Execution):
            assert 0 < outcome.quantity <= made.leaves
            made.leaves -= outcome.quantity
            made.ended = "" if made.leaves else "finished"
        elif isinstance(outcome, Trigger):
            made.triggered = True
        elif isinstance(outcome, Cancellation | Expiry | Refusal):
            made.ended = "finished"


def fills(outcomes: Iterable[Outcome]) -> list[tuple[str, str]]:
    """Quantity and price of each execution, as text without trailing zeros."""
    return [
        (f"{outcome.quantity.normalize():f}", f"{outcome.price.normalize():f}")
        for outcome in outcomes
        if isinstance(outcome, Execution)
    ]


def _dispatch(terms: OrderTerms, after: TickRef | None, told: Sequence[Outcome], accepted_at_us: int) -> Dispatch:
    """What the ledger dispatches after these outcomes: domain.orders.Order tells what it keeps."""
    filled, triggered = Decimal(0), False
    resume: TickRef | None = None
    queued: TickRef | None = None
    for outcome in told:
        if isinstance(outcome, Execution):
            assert outcome.evidence is not None
            filled, resume = filled + outcome.quantity, outcome.evidence.tick
        elif isinstance(outcome, Trigger):
            assert outcome.tick is not None
            ref = outcome.tick
            triggered, queued = True, ref
            resume = TickRef(partition=ref.partition, offset=ref.offset - 1, market_time_us=ref.market_time_us)
        elif isinstance(outcome, Replacement):
            resume = outcome.after
            queued = queued if outcome.keeps_priority else outcome.after
    return Dispatch(
        kind="EXECUTE",
        account_id=ACCOUNT,
        order=terms,
        dispatch_epoch=1,
        cumulative_quantity=filled,
        acknowledged_after=after,
        resume_after=resume,
        queued_after=queued,
        triggered=triggered,
        accepted_at_us=accepted_at_us,
    )
