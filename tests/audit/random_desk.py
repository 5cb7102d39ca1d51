"""A desk that trades at random, decided by the domain: orders of most kinds, groups, replacements, reports.

Its venue is told in time: of legs that exclude each other it never fills more than they hold together.
"""

from __future__ import annotations

import itertools
import random
from decimal import Decimal
from typing import Any

from domain import commands as c
from domain import ids
from domain import reports as r
from domain.catalog import catalog
from domain.events import LedgerEvent
from domain.ledger import Ledger
from domain.orders import Order
from domain.terms import OrderTerms

WALL_US = 1_767_225_600_000_000
MARKET_US = 1_294_012_800_000_000
ACCOUNT = "ann"


class RandomDesk:
    """One account on one partition. events: what the ledger decided, in the order of its tape."""

    def __init__(self, seed: int) -> None:
        self.events: list[LedgerEvent] = []
        self.ledger = Ledger(catalog(("IBM",)))
        self._chance = random.Random(seed)
        self._numbers = itertools.count(1)
        self._now_us = WALL_US
        head = {"account_id": ACCOUNT, "issued_at_us": self._now_us}
        self._decide(c.OpenAccount(command_id="open", owner="Ann", fee_bps=Decimal(10), **head))
        self._decide(c.Deposit(command_id="pay", amount=Decimal(1_000_000), **head))

    def run(self, count: int) -> None:
        """So many inputs, most of which the ledger takes."""
        verbs = (self._submit, self._group, self._replace, self._cancel, *[self._report] * 8)
        for _ in range(count):
            self._chance.choice(verbs)()

    def _decide(self, message: Any) -> None:
        self._now_us += self._chance.choice((0, 1, 1_000))  # several may be recorded in the same microsecond
        event = self.ledger.decide(message, self._now_us)
        if event is not None:
            self.events.append(event)

    def _terms(self, side: str, kind: str | None = None) -> dict[str, Any]:
        kind = kind or self._chance.choice(("LIMIT", "LIMIT", "STOP_LIMIT", "MARKET"))
        number, sign = next(self._numbers), 1 if side == "BUY" else -1
        name = f"order-{number}"
        price = Decimal(self._chance.randint(95, 105))
        prices: dict[str, Any] = {"limit_price": price}
        if kind == "STOP_LIMIT":
            prices["stop_price"] = price - sign
        if kind == "MARKET":
            prices = {"protection_price": Decimal(120)} if side == "BUY" else {}
        return {
            "order_id": ids.order_id(ACCOUNT, name),
            "client_order_id": name,
            "symbol": "IBM",
            "side": side,
            "order_type": kind,
            "quantity": Decimal(self._chance.randint(2, 9)),
            **prices,
        }

    def _command(self, cls: type[Any], **fields: Any) -> None:
        name = f"cmd-{next(self._numbers)}"
        self._decide(cls(command_id=name, account_id=ACCOUNT, issued_at_us=self._now_us, **fields))

    def _submit(self) -> None:
        terms = self._terms(self._chance.choice(("BUY", "BUY", "SELL")))
        self._command(c.SubmitOrder, time_in_force=self._chance.choice(("GTC", "DAY")), **terms)

    def _group(self) -> None:
        kind = self._chance.choice(("OCO", "OTO", "BRACKET"))
        first = self._terms("BUY", "LIMIT")
        quantity, price = first["quantity"], first["limit_price"]
        exits = [self._terms("SELL", "LIMIT"), self._terms("SELL", "STOP_LIMIT")]
        exits[0].update(quantity=quantity, limit_price=price + 10)
        exits[1].update(quantity=quantity, limit_price=price - 11, stop_price=price - 10)
        legs = exits if kind == "OCO" else [first, *exits[: 2 if kind == "BRACKET" else 1]]
        name = f"group-{next(self._numbers)}"
        self._command(
            c.SubmitOrderGroup,
            group_id=ids.group_id(ACCOUNT, name),
            client_group_id=name,
            kind=kind,
            orders=tuple(OrderTerms(**leg) for leg in legs),
        )

    def _any(self) -> Order | None:
        orders = list(self.ledger.accounts[ACCOUNT].orders.values())
        return self._chance.choice(orders) if orders else None

    def _replace(self) -> None:
        order = self._any()
        if order is not None:
            change: dict[str, Any] = {"quantity": order.terms.quantity + self._chance.randint(-2, 3)}
            if order.terms.limit_price is not None and self._chance.random() < 0.5:
                change["limit_price"] = order.terms.limit_price + self._chance.randint(-1, 1)
            self._command(c.ReplaceOrder, order_id=order.terms.order_id, **change)

    def _cancel(self) -> None:
        order = self._any()
        if order is not None:
            self._command(c.CancelOrder, order_id=order.terms.order_id)

    def _report(self) -> None:
        order = self._any()
        if order is None or order.is_suspended:
            return
        kind, fields = self._chance.choice(self._answers(order))
        number = next(self._numbers)
        self._decide(
            kind(
                report_id=f"rep-{number}",
                account_id=ACCOUNT,
                order_id=order.terms.order_id,
                dispatch_epoch=order.dispatch_epoch - (self._chance.random() < 0.05),
                worker_id="worker-1",
                reported_at_us=self._now_us,
                **fields,
            )
        )

    def _answers(self, order: Order) -> list[tuple[type[r.Report], dict[str, Any]]]:
        """What a venue could say of the order now; an acknowledgement and fills more often than ends."""
        market_time_us = MARKET_US + next(self._numbers)
        held = self.ledger.accounts[ACCOUNT].holder(order).hold_quantity
        most = order.leaves_quantity if order.terms.side == "BUY" else min(order.leaves_quantity, held)
        price = order.terms.worst_price or Decimal(100)
        executed = {
            "execution_id": f"exe-{next(self._numbers)}",
            "venue": "PAPER",
            "quantity": Decimal(self._chance.randint(1, max(1, int(most)))),
            "price": price,
            "fee": Decimal("0.10"),
            "market_time_us": market_time_us,
        }
        found: list[tuple[type[r.Report], dict[str, Any]]] = [
            *[(r.ReportAcknowledged, {"venue": "PAPER"})] * 3,
            *[(r.ReportFilled, executed)] * (3 if most else 0),
            (r.ReportCanceled, {"reason": "requested"}),
            (r.ReportExpired, {"reason": "day_over", "market_time_us": market_time_us}),
            (r.RequestRedispatch, {"reason": "worker_lost"}),
            (r.ReportRefused, {"code": "VENUE_CLOSED", "text": "closed"}),
        ]
        if order.terms.has_trigger:
            trigger = {"venue": "PAPER", "price": Decimal("99.5"), "market_time_us": market_time_us}
            found += [(r.ReportTriggered, trigger)] * 3
        if order.replacement is not None:
            keeps = self._chance.random() < 0.5
            found += [(r.ReportReplaced, {"revision": order.revision, "keeps_priority": keeps})] * 4
            refusal = {"revision": order.revision, "code": "VENUE_TOO_LATE", "text": "too late"}
            found += [(r.ReportReplaceRefused, refusal)] * 2
        return found
