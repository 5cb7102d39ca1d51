"""Goal: both folds of orders agree on corporate actions, corrections and busts as well.

Method: that of test_expected_orders, with operators and a venue that takes back what it said.
"""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from audit.compare import Place
from audit.expected import Expected
from audit.expected_book import ENTRIES, LEVELS, SPANS
from audit.expected_orders import GROUPS, ORDERS
from domain import commands as c
from domain import reports as r
from domain.catalog import catalog
from domain.events import FillBusted, FillCorrected, InstrumentDelisted, OrderFilled, SharesSplit, SymbolChanged
from domain.ledger import Ledger
from projections import order_history
from tests.audit.random_desk import ACCOUNT, MARKET_US, RandomDesk
from tests.audit.test_expected_orders import projected

SEEDS = range(40)
SYMBOLS = ("IBM", "NEW")


class RandomOperators(RandomDesk):
    """A desk beside which operators work. What it trades is IBM, which may become NEW once."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.ledger.catalog = catalog(SYMBOLS)
        self._luck = random.Random(seed + 1)
        self._count = 0

    def run(self, count: int) -> None:
        verbs = (self._correct, self._bust, self._correct, self._bust, self._act)
        for _ in range(count // 10):
            super().run(8)
            self._luck.choice(verbs)()

    def _operate(self, command: Any, **fields: Any) -> None:
        self._count += 1
        self._decide(
            command(
                command_id=f"op-{self._count}",
                account_id=ACCOUNT,
                issued_at_us=self._now_us,
                actor="ops",
                reason="why not",
                reference=f"ref-{self._count}",
                **fields,
            )
        )

    def _restate(self, command: Any, report: Any, **figures: Any) -> None:
        fills = [event for event in self.events if isinstance(event, OrderFilled)]
        if not fills:
            return
        fill = self._luck.choice(fills)
        if self._luck.random() < 0.5:
            self._operate(command, execution_id=fill.execution_id, **figures)
            return
        self._count += 1
        self._decide(
            report(
                report_id=f"again-{self._count}",
                account_id=ACCOUNT,
                order_id=fill.order_id,
                dispatch_epoch=fill.dispatch_epoch,
                worker_id="w",
                reported_at_us=0,
                execution_id=fill.execution_id,
                reason="erroneous",
                **figures,
            )
        )

    def _correct(self) -> None:
        figures = {
            "quantity": Decimal(self._luck.randint(1, 4)),
            "price": Decimal(self._luck.randint(90, 110)),
            "fee": Decimal("0.10"),
        }
        self._restate(c.CorrectFill, r.ReportCorrected, **figures)

    def _bust(self) -> None:
        self._restate(c.BustFill, r.ReportBusted)

    def _act(self) -> None:
        symbol = self._luck.choice(SYMBOLS)
        kind = self._luck.choice(("split", "rename", "delist"))
        fields: dict[str, Any] = {"symbol": symbol, "market_time_us": MARKET_US}
        if kind == "split":
            self._operate(c.SplitShares, numerator=1, denominator=2, cash_in_lieu_price=Decimal(200), **fields)
        elif kind == "rename":
            self._operate(c.ChangeSymbol, new_symbol="NEW", **fields | {"symbol": "IBM"})
        else:
            self._operate(c.DelistInstrument, price=Decimal(100), **fields)


@pytest.mark.parametrize("seed", SEEDS)
def test_both_folds_agree(seed: int) -> None:
    """Orders, groups, steps, entries, spans and levels are the same to the last value."""
    desk = RandomOperators(seed)
    desk.run(150)
    expected = Expected(Ledger(catalog(SYMBOLS)))
    steps = [
        (offset, leg, *row)
        for offset, message in enumerate(desk.events)
        for leg, row in enumerate(expected.take(message, Place("t", 0, offset)))
    ]

    found = projected(desk, seed)

    assert expected.ledger.digest() == desk.ledger.digest()
    for wanted in (ORDERS, GROUPS, ENTRIES, SPANS, LEVELS):
        assert found[wanted.name] == expected.rows(wanted), wanted.name
    names = [name for name in order_history.COLUMNS if name not in ("partition", "record_offset", "leg")]
    assert [(row["record_offset"], row["leg"], *(row[name] for name in names)) for row in found["order_history"]] == [
        (offset, leg, *row) for offset, leg, *row in steps
    ]


def test_the_operators_do_what_they_are_for() -> None:
    """Over all seeds there are several of each: corrections and busts of open and of finished orders, and actions."""
    kinds: dict[str, int] = {}
    for seed in SEEDS:
        desk = RandomOperators(seed)
        desk.run(150)
        for event in desk.events:
            name = type(event).__name__
            if isinstance(event, FillCorrected | FillBusted):
                name += f" leaves {bool(event.leaves_quantity)}"
            elif isinstance(event, SharesSplit | SymbolChanged | InstrumentDelisted):
                name += f" links {bool(event.linked)}"
            kinds[name] = kinds.get(name, 0) + 1

    wanted = {f"{name} leaves {is_open}" for name in ("FillCorrected", "FillBusted") for is_open in (True, False)}
    wanted |= {f"{name} links True" for name in ("SharesSplit", "SymbolChanged", "InstrumentDelisted")}
    assert {name: kinds.get(name, 0) for name in wanted if kinds.get(name, 0) < 5} == {}
