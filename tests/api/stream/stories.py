"""Random stories: several accounts on two tapes, ticks and signals, written in batches that are cut at random."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from domain.market import Tick
from domain.signals import SignalGenerated, SignalOutcome
from projections.ticks import Print
from runtime.settings import Settings
from tests.api.stream.world import LEDGER, SIGNALS, TICKS, Projector
from tests.audit.random_desk import RandomDesk
from tests.domain.operators import OperatorDesk, a_day_of_operators
from tests.projections import depth_story, story
from tests.projections.tapes import Tape

MINUTE_US = 60_000_000


class Story:
    """What is still to be written. Accounts: ann (random orders on IBM), those of the two hand-written stories, and one
    whose fills are corrected and whose shares are split, renamed and delisted."""

    def __init__(self, settings: Settings, seed: int, inputs: int = 120) -> None:
        self.chance = random.Random(seed)
        desk = RandomDesk(seed)
        desk.run(inputs)
        tapes = [Tape(settings.topic("ledger.events"), number) for number in (0, 1)]
        told = [
            [list(desk.events), story.bob(), depth_story.dan()],
            [story.ann(), depth_story.eve(), list(operated().events)],
        ]
        for tape, parts in zip(tapes, told, strict=True):
            while parts := [part for part in parts if part]:
                tape.write(self.chance.choice(parts).pop(0))
        signals = Tape(settings.topic("trading.signals"), 0)
        for number in range(12):
            signals.write(signal(number))
        self._waiting: list[tuple[Any, list[Any]]] = [
            *((LEDGER, list(tape.records)) for tape in tapes),
            (SIGNALS, list(signals.records)),
            *((TICKS, part) for part in self._prints()),
        ]

    def _prints(self) -> list[list[Print]]:
        """IBM's and X's ticks: mostly in the order of their times, and now and then a late one."""
        found: list[list[Print]] = []
        for partition, symbol in enumerate(("IBM", "X")):
            now_us, part = story.DAY_1_US, []
            for offset in range(60):
                now_us += self.chance.choice((1, MINUTE_US // 3, 7 * MINUTE_US, 5 * 60 * MINUTE_US))
                late_us = self.chance.choice((0, 0, 0, 3 * MINUTE_US, 2 * story.DAY_US))
                time_us = max(story.DAY_1_US, now_us - late_us)
                price, volume = Decimal(self.chance.randint(9_000, 11_000)) / 100, Decimal(self.chance.randint(1, 900))
                part.append(
                    Print(partition, offset, Tick(symbol=symbol, market_time_us=time_us, price=price, volume=volume))
                )
            found.append(part)
        return found

    def write(self, projector: Projector, batches: int) -> None:
        """So many batches, or all that is left."""
        for _ in range(batches):
            self._waiting = [(group, items) for group, items in self._waiting if items]
            if not self._waiting:
                return
            group, items = self.chance.choice(self._waiting)
            size = self.chance.choice((1, 1, 2, 5, 20))
            projector.write(group, items[:size])
            del items[:size]

    @property
    def over(self) -> bool:
        return not any(items for _, items in self._waiting)


def operated() -> OperatorDesk:
    """Trading, a bust, a correction, and a day of operators."""
    desk = OperatorDesk(lot_method="FIFO")
    first = desk.trade("BUY", "10", "10.00", "0.10", symbol="IBM")
    desk.trade("SELL", "10", "11.00", symbol="IBM")
    desk.bust(first.execution_id)
    desk.trade("BUY", "4", "9.00", symbol="IBM")
    desk.trade("BUY", "6", "9.50", symbol="IBM")
    desk.now_us += 8 * story.DAY_US
    a_day_of_operators(desk)
    sold = desk.trade("BUY", "5", "20.00")
    desk.trade("SELL", "3", "21.00", "0.01")
    desk.send(desk.correcting(sold, "4", "20.50", "0.02"))
    return desk


def signal(number: int) -> SignalGenerated:
    symbol = "IBM" if number % 2 else "X"
    return SignalGenerated(
        signal_id=f"sig_{number:032x}",
        symbol=symbol,
        direction="BUY",
        probabilities={"BUY": 0.5, "SELL": 0.25, "HOLD": 0.25},
        model_name="xgboost",
        model_version="3",
        price=Decimal("45.1234"),
        features={"rsi_14": 61.5 + number},
        abstained=None,
        requested_by_id=None,
        first_tick=None,
        last_tick=None,
        market_time_us=story.DAY_1_US + number * MINUTE_US,
        recorded_at_us=story.RECORDED_US + number,
        outcomes=(outcome(number - 2),) if number > 1 else (),
    )


def outcome(number: int) -> SignalOutcome:
    """Of an earlier signal, on the same symbol."""
    return SignalOutcome(
        signal_id=f"sig_{number:032x}",
        model_name="xgboost",
        model_version="3",
        direction="BUY",
        probabilities={"BUY": 0.5, "SELL": 0.25, "HOLD": 0.25},
        realised="BUY" if number % 3 else "HOLD",
        entry_price=Decimal("45.1234"),
        exit_price=Decimal("46.5") + number,
        market_time_us=story.DAY_1_US + number * MINUTE_US,
    )
