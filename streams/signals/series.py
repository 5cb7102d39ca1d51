"""One symbol, as the signals agent knows it: its newest bars and where they were read, its drift, what it waits for."""

from __future__ import annotations

from collections import deque
from decimal import Decimal, DecimalException

from domain.errors import InvalidValue
from domain.market import Bar, TickRef
from domain.signals import SignalGenerated
from models.engine.drift import WINDOW_ROWS, DriftMonitor
from models.features import FEATURE_NAMES, WINDOW, RollingWindow
from streams.signals.judge import Judge
from streams.signals.outcomes import Awaiting

BARS_HELD = 2 * WINDOW
"""Enough for a window, the feature rows of a model that looks at several, and the horizon of a label."""


class Series:
    """The completed bars of one symbol that features and outcomes are computed from."""

    def __init__(self) -> None:
        self.window = RollingWindow(BARS_HELD)
        self.bars: deque[Bar] = deque(maxlen=BARS_HELD)
        self.refs: deque[TickRef] = deque(maxlen=BARS_HELD)
        self.price = Decimal(0)
        self.newest_us = 0

    def push(self, bar: Bar, ref: TickRef) -> None:
        self.window.push(bar)
        self.bars.append(bar)
        self.refs.append(ref)
        self.price = bar.close
        self.newest_us = ref.market_time_us

    def split(self, ratio: Decimal) -> None:
        """The bars held, in new units. ratio: new units for one old.

        Bars whose prices leave what a decimal can hold are forgotten with all others: the series begins anew.
        """
        try:
            bars = [_split(bar, ratio) for bar in self.bars]
        except (DecimalException, InvalidValue):
            bars = []
            self.refs.clear()
            self.window = RollingWindow(BARS_HELD)
        else:
            self.window.split(ratio)
        self.bars = deque(bars, self.bars.maxlen)


class Memory:
    """What the tape says of one symbol and the bars do not: the rows its drift is measured over, and what waits.

    Folded from the symbol's signals, those of the past and those that are made now.
    """

    def __init__(self) -> None:
        self.awaiting = Awaiting(BARS_HELD)
        self._rows: deque[list[float]] = deque(maxlen=WINDOW_ROWS)
        self._monitor: DriftMonitor | None = None
        self._monitored = ""

    def said(self, signal: SignalGenerated) -> None:
        self.awaiting.said(signal)
        if signal.requested_by_id is None and signal.features.keys() == set(FEATURE_NAMES):
            row = [signal.features[name] for name in FEATURE_NAMES]
            self._rows.append(row)
            if self._monitor is not None:
                self._monitor.push(row)

    def monitor(self, judge: Judge, symbol: str) -> DriftMonitor:
        """The symbol's newest rows against this model's training."""
        if self._monitor is None or self._monitored != judge.id:
            self._monitor, self._monitored = judge.monitor(symbol), judge.id
            for row in self._rows:
                self._monitor.push(row)
        return self._monitor


def _split(bar: Bar, ratio: Decimal) -> Bar:
    """Division rounds all prices the same way, so their order stays."""
    return Bar(
        open=bar.open / ratio,
        high=bar.high / ratio,
        low=bar.low / ratio,
        close=bar.close / ratio,
        volume=bar.volume * ratio,
    )
