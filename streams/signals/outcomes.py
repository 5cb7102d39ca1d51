"""What came of signals: each waits until a bar completes its label, and that bar's own event tells it.

The label is the model's own rule, computed by the code that made the labels which it was trained on. A signal that
abstained, or was asked for by hand, waits for nothing. All that is remembered is on the tape.
Boundaries: prices come from the bars that the agent holds. Verification: tests/streams/signals/test_outcomes.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from math import isclose
from typing import NamedTuple

from domain.market import Bar, TickRef
from domain.signals import Direction, SignalGenerated, SignalOutcome
from models.classes import CLASSES
from models.features import Bars
from models.labels import LabelRule, label

RuleOf = Callable[[str, str], LabelRule | None]
"""The label rule of a model by its name and version; None when the model is not there any more."""


class Awaited(NamedTuple):
    """A signal whose label is not complete yet."""

    signal_id: str
    model_name: str
    model_version: str
    direction: Direction
    probabilities: dict[Direction, float]
    first_tick: TickRef
    tick: TickRef


class Awaiting:
    """The signals of one symbol that wait. Bounded: one that has waited for more bars than are held has no outcome."""

    def __init__(self, bars_max: int) -> None:
        self._waiting: deque[Awaited] = deque(maxlen=bars_max)

    def said(self, signal: SignalGenerated) -> None:
        """Take in a signal, and what it tells of earlier ones."""
        if signal.outcomes:
            known = {outcome.signal_id for outcome in signal.outcomes}
            self._waiting = deque((one for one in self._waiting if one.signal_id not in known), self._waiting.maxlen)
        if signal.abstained is not None or signal.requested_by_id is not None:
            return
        if signal.first_tick is not None and signal.last_tick is not None:
            self._waiting.append(
                Awaited(
                    signal.signal_id,
                    signal.model_name,
                    signal.model_version,
                    signal.direction,
                    signal.probabilities,
                    signal.first_tick,
                    signal.last_tick,
                )
            )

    def reaches_back_to(self, offset: int) -> int:
        """The oldest tick that an outcome still needs, `offset` when that is older: from there a restart reads."""
        return min([offset, *(one.first_tick.offset for one in self._waiting)])

    def due(self, bars: deque[Bar], refs: deque[TickRef], rule_of: RuleOf) -> tuple[SignalOutcome, ...]:
        """The outcomes that the newest bar completes: those a horizon ago. refs: where each of the bars was read."""
        found: list[SignalOutcome] = []
        ago = {ref.offset: len(refs) - 1 - place for place, ref in enumerate(refs)} if self._waiting else {}
        for one in self._waiting:
            rule = rule_of(one.model_name, one.model_version)
            if rule is not None and ago.get(one.tick.offset) == rule.horizon_bars:
                found.append(_outcome(one, bars, rule))
        return tuple(found)


def _outcome(one: Awaited, bars: deque[Bar], rule: LabelRule) -> SignalOutcome:
    labels = label(Bars.of(bars), rule)
    decided, ended = int(labels.decided[-1]), int(labels.ends[-1])
    assert decided == len(bars) - 1 - rule.horizon_bars, "the newest label is that of the bar a horizon ago"
    entry, closed = bars[decided + 1].open, bars[ended].close
    left = float(entry) * (1.0 + float(labels.earned[-1]))
    return SignalOutcome(
        signal_id=one.signal_id,
        model_name=one.model_name,
        model_version=one.model_version,
        direction=one.direction,
        probabilities=one.probabilities,
        realised=CLASSES[int(labels.target[-1])],
        entry_price=entry,
        exit_price=closed if isclose(left, float(closed), rel_tol=1e-9) else Decimal(f"{left:.6f}"),
        market_time_us=one.tick.market_time_us,
    )
