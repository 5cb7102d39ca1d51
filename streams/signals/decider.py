"""The signals agent's mind: ticks and requests in, at most one signal each out.

A tick that completes a bar gives one signal. A repeated or late tick of a symbol gives none and changes nothing, so a
feed that publishes again after a crash does no harm. The tape does not hold the bars themselves: after a restart they
are read again, from the oldest `first_tick` that the symbols' newest signals name, and the signals that follow are the
ones that would have followed without the restart. A tick that carries a split puts the bars before it into new units
first, whether it completes a bar or not, so features are those of adjusted bars.
Boundaries: order in time counts from a symbol's first completed bar on; what came before is not remembered.
Verification: tests/streams/signals/test_signals_decider.py.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from domain import ids
from domain.catalog import Catalog
from domain.errors import InvalidValue
from domain.market import Tick, TickRef
from domain.signals import Direction, SignalGenerated, SignalOutcome, SignalRefused, SignalRequested
from models.engine.doubt import doubt
from models.features import FEATURE_NAMES, Array, warm_up
from models.labels import LabelRule
from runtime import metrics
from streams.decider import Draft, Folded, Input
from streams.signals.judge import Judge, Judges
from streams.signals.scores import Scores
from streams.signals.series import Memory, Series

TICKS = "market.ticks"
REQUESTS = "signals.requests"
REQUESTS_REMEMBERED_MAX = 10_000
_logger = logging.getLogger(__name__)


class _Opinion(NamedTuple):
    direction: Direction
    probabilities: dict[Direction, float]
    features: dict[str, float]
    abstained: str | None


class SignalsDecider:
    """State of one partition of `trading.signals`; implements streams.decider.Decider."""

    def __init__(self, instruments: Catalog, judges: Judges, model_age_days_max: int) -> None:
        self._instruments = instruments
        self._judges = judges
        self._age_days_max = model_age_days_max
        self._series: dict[str, Series] = {}
        self._memory: defaultdict[str, Memory] = defaultdict(Memory)
        self._scores = Scores()
        self._newest_first: dict[str, int] = {}
        self._rebuilt_from: dict[str, int] = {}
        self._answered: OrderedDict[str, None] = OrderedDict()
        self._model = ("", "")

    def fold(self, event: Folded) -> None:
        message = event.message
        if isinstance(message, SignalRefused):
            self._remember(message.request_id)
            return
        if message.requested_by_id is not None:
            self._remember(message.requested_by_id)
        if message.first_tick is not None:
            self._newest_first[message.symbol] = message.first_tick.offset
        self._remember_signal(message)

    def rewind(self, causes: Mapping[str, int]) -> Mapping[str, int]:
        self._rebuilt_from = {
            symbol: self._memory[symbol].awaiting.reaches_back_to(first) for symbol, first in self._newest_first.items()
        }
        if not self._rebuilt_from:
            return {}
        return {TICKS: min(self._rebuilt_from.values())}

    def observe(self, source: Input) -> None:
        """Ticks before a symbol's rebuild point were outside its window, or never taken: they stay out."""
        tick = source.message
        if not isinstance(tick, Tick) or tick.symbol not in self._instruments:
            return
        first = self._rebuilt_from.get(tick.symbol)
        if first is not None and source.offset >= first:
            self._take(tick, source)

    def decide(self, source: Input, now_us: int) -> Draft | None:
        match source.topic, source.message:
            case (topic, Tick() as tick) if topic == TICKS:
                return self._on_tick(tick, source, now_us)
            case (topic, SignalRequested() as request) if topic == REQUESTS:
                return self._on_request(request, now_us)
        _logger.warning(
            "%s/%d at offset %d holds a %s, which causes no signal",
            source.topic,
            source.partition,
            source.offset,
            type(source.message).__name__,
        )
        return None

    def _on_tick(self, tick: Tick, source: Input, now_us: int) -> Draft | None:
        if tick.symbol not in self._instruments:
            metrics.ticks_unknown_symbol_total.inc()
            return None
        if not self._take(tick, source):
            return None
        id_ = ids.signal_id(tick.symbol, source.partition, source.offset)
        return _draft(self._judged(tick.symbol, id_, now_us, tick.market_time_us, None))

    def _take(self, tick: Tick, source: Input) -> bool:
        """Add a tick to its symbol's series. True when it completed a bar there."""
        series = self._series.get(tick.symbol)
        if series is not None and tick.market_time_us <= series.newest_us:
            if tick.split is not None:
                _logger.warning(
                    "a split of %s at a late or repeated tick of %s is not applied", tick.split, tick.symbol
                )
            return False
        if series is not None and tick.split is not None:
            series.split(tick.split)
        if tick.bar is None:
            if series is not None:
                series.newest_us = tick.market_time_us
            return False
        if series is None:
            series = self._series[tick.symbol] = Series()
        ref = TickRef(partition=source.partition, offset=source.offset, market_time_us=tick.market_time_us)
        series.push(tick.bar, ref)
        return True

    def _on_request(self, request: SignalRequested, now_us: int) -> Draft | None:
        if request.request_id in self._answered:
            return None
        self._remember(request.request_id)
        if request.symbol not in self._instruments:
            known = ", ".join(sorted(self._instruments))
            refused = SignalRefused(
                request_id=request.request_id,
                symbol=request.symbol,
                code="INSTRUMENT_UNKNOWN",
                text=f"no instrument {request.symbol!r}; expected one of {known}",
                recorded_at_us=now_us,
            )
            return Draft(request.symbol, ids.derive("ref", request.request_id), request.symbol, refused)
        id_ = ids.signal_id(request.symbol, "request", request.request_id)
        return _draft(self._judged(request.symbol, id_, now_us, request.issued_at_us, request.request_id))

    def _judged(self, symbol: str, id_: str, now_us: int, time_us: int, requested_by_id: str | None) -> SignalGenerated:
        """The signal from the bars known. time_us: its market time where no bar gives one."""
        series = self._series.get(symbol)
        judge = self._judges.judge(*self._model)
        opinion = self._opinion(symbol, series, judge)
        metrics.predictions_total.labels(direction=opinion.direction, abstained=opinion.abstained or "no").inc()
        first, last = _inputs(series, judge)
        signal = SignalGenerated(
            signal_id=id_,
            symbol=symbol,
            direction=opinion.direction,
            probabilities=opinion.probabilities,
            model_name=judge.name if judge is not None else "",
            model_version=judge.version if judge is not None else "",
            model_sha256=judge.sha256 if judge is not None else "",
            features=opinion.features,
            price=series.price if series is not None else None,
            first_tick=first,
            last_tick=last,
            market_time_us=last.market_time_us if last is not None else time_us,
            recorded_at_us=now_us,
            abstained=opinion.abstained,
            requested_by_id=requested_by_id,
            outcomes=self._due(symbol, series) if requested_by_id is None else (),
        )
        self._remember_signal(signal)
        return signal

    def _opinion(self, symbol: str, series: Series | None, judge: Judge | None) -> _Opinion:
        if series is None:
            return _abstain("no_ticks")
        if len(series.refs) < _bars_needed(judge):
            return _abstain("warm_up")
        if judge is None:
            return _abstain("model_missing")
        try:
            rows = series.window.rows(judge.steps)
        except InvalidValue as error:  # prices beyond what a float can hold; the worker must not die of a bad tick
            _logger.warning("no features from the newest bars: %s", error)
            return _abstain("features_invalid")
        assert rows is not None, "as many bars as are needed are held"
        return self._judgement(symbol, series, judge, rows)

    def _judgement(self, symbol: str, series: Series, judge: Judge, rows: Array) -> _Opinion:
        values = dict(zip(FEATURE_NAMES, rows[-1].tolist(), strict=True))
        drift = self._drift(symbol, judge)
        reason = doubt(judge.meta.trained_until, self._age_days_max, series.newest_us, drift)
        if reason is not None:
            return _abstain(reason, values)
        started = time.perf_counter()
        probabilities = judge.predict(rows)
        metrics.model_inference_time_ms.observe((time.perf_counter() - started) * 1_000)
        return _Opinion(judge.decide(probabilities), probabilities, values, None)

    def _drift(self, symbol: str, judge: Judge) -> float | None:
        """Of the rows before this one: what this very signal tells is told of its past."""
        monitor = self._memory[symbol].monitor(judge, symbol)
        drift, psi = monitor.drift(), monitor.psi()
        if drift is not None and psi is not None:
            metrics.model_drift_ratio.labels(symbol=symbol).set(drift)
            for name, value in zip(FEATURE_NAMES, psi.tolist(), strict=True):
                metrics.model_drift_psi.labels(symbol=symbol, feature=name).set(value)
        return drift

    def _due(self, symbol: str, series: Series | None) -> tuple[SignalOutcome, ...]:
        if series is None:
            return ()
        return self._memory[symbol].awaiting.due(series.bars, series.refs, self._rule_of)

    def _rule_of(self, name: str, version: str) -> LabelRule | None:
        known = self._judges.known(name, version)
        return None if known is None else known.label

    def _remember_signal(self, signal: SignalGenerated) -> None:
        self._memory[signal.symbol].said(signal)
        self._scores.told(signal.symbol, signal.outcomes)
        if signal.model_version:
            self._model = (signal.model_name, signal.model_version)

    def _remember(self, request_id: str) -> None:
        self._answered[request_id] = None
        if len(self._answered) > REQUESTS_REMEMBERED_MAX:
            self._answered.popitem(last=False)


def _bars_needed(judge: Judge | None) -> int:
    return warm_up(judge.steps if judge is not None else 1) + 1


def _inputs(series: Series | None, judge: Judge | None) -> tuple[TickRef | None, TickRef | None]:
    """First and last of the bars that the opinion is made from."""
    if series is None:
        return None, None
    return series.refs[-min(_bars_needed(judge), len(series.refs))], series.refs[-1]


def _abstain(reason: str, features: dict[str, float] | None = None) -> _Opinion:
    return _Opinion("HOLD", {"BUY": 0.0, "SELL": 0.0, "HOLD": 0.0}, features or {}, reason)


def _draft(signal: SignalGenerated) -> Draft:
    return Draft(signal.symbol, signal.signal_id, signal.symbol, signal)
