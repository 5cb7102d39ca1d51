"""The triple barrier: a position is left at its profit target, at its stop, or at the end of the horizon.

Source: M. López de Prado, Advances in Financial Machine Learning (2018), chapter 3. There a label without a side asks
which of two equal barriers is met first. Here a long and a short position are both followed, each with its own target
and stop, which is the same when the two are equally far, and says what each of them earns when they are not.

Of one position, entered at the open of bar t + 1, in each of the bars t + 1 … t + horizon:
- an open beyond a barrier fills at that open, better than the target or worse than the stop: a gap is not wished away;
- else a bar that reaches the stop fills at the stop, even if it reaches the target too. Which came first within a bar
  is not known, and the worse is taken: for a long and for a short alike;
- else a bar that reaches the target fills at the target.
What is still held leaves at the close of the last bar.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.classes import BUY, HOLD, SELL
from models.features import WINDOW, Array, Bars
from models.labels.rule import SAME, Index, LabelRule, Labels
from models.labels.volatility import volatility

_CHUNK = 16_384  # decisions at once: their arrays stay in a core's cache


class _Exits(NamedTuple):
    """held: bars from entry to exit, both included; took: whether it was the profit target."""

    held: Index
    price: Array
    took: NDArray[np.bool_]


def by_barriers(bars: Bars, rule: LabelRule) -> Labels:
    """BUY when a long position meets its target before its stop, and earns the threshold after costs, SELL when a short
    one does, else HOLD; the first to meet it, where both do, and HOLD when that is within one bar.

    `ends` is the bar in which the later of the two positions is left. In units of volatility, bars without one (the
    first WINDOW - 1) have no label.
    """
    first = WINDOW - 1 if rule.unit == "volatility" else 0
    stop = len(bars.close) - rule.horizon_bars
    unit = volatility(bars.close) if rule.unit == "volatility" else np.ones(len(bars.close))
    decided = np.arange(first, max(stop, first), dtype=np.int64)
    count = len(decided)
    made = Labels(decided, np.empty_like(decided), np.empty_like(decided), np.empty(count), np.empty(count))
    for start in range(0, count, _CHUNK):
        rows = slice(start, start + _CHUNK)
        part = Labels(made[0][rows], made[1][rows], made[2][rows], made[3][rows], made[4][rows])
        here = slice(first + start, first + start + len(part.decided) + rule.horizon_bars)
        _label(Bars(*(column[here] for column in bars)), unit[here], rule, part)
    return made


def _label(bars: Bars, unit: Array, rule: LabelRule, out: Labels) -> None:
    """Fill `out` for all bars but the last `horizon_bars`."""
    count = len(out.decided)
    entry = bars.open[1 : count + 1]
    profit, loss = rule.take_profit * unit[:count], rule.stop_loss * unit[:count]
    long = _exits(bars, entry, entry * (1 + profit), entry * (1 - loss), rule.horizon_bars)
    mirrored = Bars(-bars.open, -bars.low, -bars.high, -bars.close, bars.volume)
    short = _exits(mirrored, -entry, -entry * (1 - profit), -entry * (1 + loss), rule.horizon_bars)

    out.ends[:] = out.decided + np.maximum(long.held, short.held)
    out.earned[:] = long.price / entry - 1.0
    out.earned_short[:] = 1.0 + short.price / entry
    bought = long.took & (~short.took | (long.held < short.held))
    sold = short.took & (~long.took | (short.held < long.held))
    out.target[:] = HOLD
    out.target[bought & rule.pays(out.earned)] = BUY
    out.target[sold & rule.pays(out.earned_short)] = SELL


def _exits(bars: Bars, entry: Array, target: Array, stop: Array, horizon: int) -> _Exits:
    """Where a position leaves that gains with the price, for each entry; bars hold `horizon` more than there are.

    target lies above entry, stop below. A short position is a long one on negated prices.
    """
    count = len(entry)
    held = np.full(count, horizon, dtype=np.int64)
    price = bars.close[horizon:].copy()
    took = np.zeros(count, dtype=bool)
    inside = np.ones(count, dtype=bool)
    touch = SAME * np.abs(entry)
    enough, too_much = target - touch, stop + touch
    for bar in range(1, horizon + 1):
        opened, high, low = (column[bar : bar + count] for column in bars[:3])
        above = inside & (opened >= enough)
        stopped = inside & (low <= too_much) & ~above
        gained = above | (inside & (high >= enough) & ~stopped)
        left = stopped | gained
        np.copyto(price, np.minimum(opened, stop), where=stopped)
        np.copyto(price, np.maximum(opened, target), where=gained)
        np.copyto(held, bar, where=left)
        took |= gained
        inside &= ~left
        if not inside.any():
            break
    return _Exits(held, price, took)
