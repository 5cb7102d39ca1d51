"""A random story of one account, and a house that projects it record by record."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg

from domain.account import IDS_KEPT_US
from domain.events import LedgerEvent
from projections.groups import LEDGER
from runtime.settings import Settings
from tests.domain.operators import OperatorDesk
from tests.projections.tapes import Tape

Connection = psycopg.Connection[tuple[Any, ...]]


class Projected:
    """One partition of ledger.events, projected as the projector does: rows and progress together."""

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self.topic = settings.topic("ledger.events")
        self.tape = Tape(self.topic, 0)
        self._connection = connection

    def write(self, event: LedgerEvent) -> int:
        """Gives the record's offset."""
        record = self.tape.write(event)
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute(
                """insert into projection_progress (projection, topic, partition, next_offset, head_seq, head_hash)
                   values ('ledger', %s, 0, %s, %s, %s) on conflict (projection, topic, partition) do update set
                   next_offset = excluded.next_offset, head_seq = excluded.head_seq, head_hash = excluded.head_hash""",
                (self.topic, record.offset + 1, self.tape.head.seq, self.tape.head.hash),
            )
            LEDGER.apply(cursor, [(record, True)])
        return record.offset


class Story(OperatorDesk):
    """Steps drawn from a seed. A step that the ledger refuses is an event of the story as well."""

    def __init__(self, seed: int, **opening: Any) -> None:
        self.source = random.Random(seed)
        super().__init__(**opening)

    def run(self, steps: int) -> list[LedgerEvent]:
        """All events, with record times of their own."""
        kinds: list[Callable[[], Any]] = [
            *([self._buy] * 4),
            *([self._sell] * 3),
            *([self._fill] * 8),
            *([self._end] * 2),
            *([self._amend] * 2),
            self._money,
            self._pair,
        ]
        for _ in range(steps):
            self.source.choice(kinds)()
        return self.events

    def send(self, message: Any, kept_us: int = IDS_KEPT_US) -> Any:
        """No two at the same time."""
        self.now_us += self.source.randrange(1, 5_000_000)
        return super().send(message, kept_us)

    def _price(self) -> str:
        return str(Decimal(self.source.randrange(900, 1_100)) / 100)

    def _order(self, side: str) -> None:
        symbol = self.source.choice(["AAPL", "AAPL", "IBM"])
        self.submit(side, str(self.source.randrange(1, 40)), self._price(), symbol=symbol)

    def _buy(self) -> None:
        self._order("BUY")

    def _sell(self) -> None:
        self._order("SELL")

    def _any(self) -> Any:
        return self.source.choice(list(self.account.orders.values()) or [None])

    def _fill(self) -> None:
        order = self._any()
        if order is None or order.is_suspended:
            return
        if order.worker_id is None:
            self.acknowledge(order.terms.order_id, dispatch_epoch=order.dispatch_epoch)
            return
        units = self.source.randrange(1, int(order.leaves_quantity) + 1)
        fee = str(Decimal(self.source.randrange(50)) / 100)
        self.fill(
            order.terms.order_id, str(units), str(order.terms.limit_price), fee, dispatch_epoch=order.dispatch_epoch
        )

    def _end(self) -> None:
        order = self._any()
        if order is not None:
            self.cancel(order.terms.order_id)
            if self.source.random() < 0.7 and order.terms.order_id in self.account.orders:
                self.canceled(order.terms.order_id, dispatch_epoch=order.dispatch_epoch)

    def _amend(self) -> None:
        order = self._any()
        if order is not None:
            self.replace(order.terms.order_id, limit_price=self._price())
            if order.replacement is not None and self.source.random() < 0.7:
                self.replaced(order.terms.order_id, order.revision, dispatch_epoch=order.dispatch_epoch)

    def _money(self) -> None:
        self.source.choice([self.deposit, self.withdraw])(str(self.source.randrange(1, 400)))

    def _pair(self) -> None:
        name = f"oco-{self.sent}"
        low = self.terms(f"{name}-a", "BUY", "3", limit_price="9.10")
        high = self.terms(f"{name}-b", "BUY", "3", order_type="STOP_LIMIT", limit_price="11.20", stop_price="11.00")
        self.group("OCO", low, high, client_group_id=name)
