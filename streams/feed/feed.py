"""The feed: a replay of real daily bars as ticks on `market.ticks`, in lockstep with the ledger or at a speed.

A feed that is killed and started again goes on behind the newest tick of each symbol, so every tick is published once.
Boundaries: one feed at a time. Verification: tests/streams/feed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from datetime import date

import msgspec

from domain.errors import InvalidValue, TapeledgerError
from models.features import warm_up
from models.registry import store
from runtime import metrics
from runtime.settings import Settings
from streams.feed.lockstep import Lockstep
from streams.feed.marking import FeedMarks
from streams.feed.patience import Stopped, patiently
from streams.feed.plan import DroppedBar, Plan, plan
from streams.feed.publisher import Publisher, Standing

_TURN_S = 0.5
_logger = logging.getLogger(__name__)


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run is. market_time_us: of the newest tick, microseconds UTC; None before the first."""

    bars_done: int
    bars_total: int
    market_time_us: int | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did. bars_skipped: on the topic already; seconds: wall time of publishing and waiting."""

    symbols: tuple[str, ...]
    first: date
    last: date
    bars_total: int
    bars_skipped: int
    bars_published: int
    ticks_published: int
    dropped: tuple[DroppedBar, ...]
    seconds: float
    complete: bool


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Lockstep when both are None. speed: market seconds per second; bars_per_second: bars of all symbols together."""

    speed: float | None = None
    bars_per_second: float | None = None

    def __post_init__(self) -> None:
        if self.speed is not None and self.bars_per_second is not None:
            raise InvalidValue("FEED_PACE", "a feed has a speed or bars per second, not both")
        for value in (self.speed, self.bars_per_second):
            if value is not None and value <= 0:
                raise InvalidValue("FEED_PACE", f"a feed's pace must be above zero, it was {value}")

    @property
    def lockstep(self) -> bool:
        return self.speed is None and self.bars_per_second is None


LOCKSTEP = Pace()


class Feed:
    """A replay of `symbols` from `first` to `last`, both included.

    It begins as many bars of each symbol earlier as the model that judges now needs for an opinion on the first day.
    Raises InvalidValue for symbols that may not be traded (nobody would answer their ticks) or have no market data, for
    an empty range, and in real time, where the clock would end what the past has not; UnavailableError without market
    data.
    """

    def __init__(
        self, settings: Settings, symbols: Sequence[str], first: date, last: date, pace: Pace = LOCKSTEP
    ) -> None:
        if settings.market_real_time:
            raise InvalidValue("FEED_NOT_REAL_TIME", "a replay is of the past: expected MARKET_REAL_TIME=false")
        unknown = sorted(set(symbols) - set(settings.symbols()))
        if unknown:
            known = ", ".join(settings.symbols())
            raise InvalidValue("INSTRUMENT_UNKNOWN", f"no instrument {', '.join(unknown)}; expected some of {known}")
        self._settings = settings
        self._symbols = tuple(sorted(set(symbols)))
        self._first, self._last = first, last
        self._pace = pace
        self._stop = threading.Event()
        self.plan = plan(self._symbols, first, last, warm_up(_steps(settings)))
        for bar in self.plan.dropped:
            _logger.error("the feed drops the bar of %s on %s: %s", bar.symbol, bar.date, bar.reason)

    def stop(self) -> None:
        """Make `run` return soon. May be called from a signal handler or another thread."""
        self._stop.set()

    def run(
        self, progress: Callable[[Progress], None] = lambda _: None, beat: Callable[[], None] = lambda: None
    ) -> Summary:
        """Publish what is not on the topic yet; returns when it is done, or was told to stop (`complete` is False).

        progress: called after each bar, from this thread. beat: called at least once a second, while waiting too.
        Raises UnavailableError, ChainError.
        """
        started = time.monotonic()

        def stopped() -> bool:
            beat()
            return self._stop.is_set()

        run = _Run(self._settings, self._symbols, self.plan, self._pace, stopped, progress)
        try:
            run.run()
        except Stopped:
            _logger.info("the feed was told to stop after %d bars", run.bars)
        return Summary(
            symbols=self._symbols,
            first=self._first,
            last=self._last,
            bars_total=self.plan.bars,
            bars_skipped=run.skipped,
            bars_published=run.bars,
            ticks_published=run.ticks,
            dropped=self.plan.dropped,
            seconds=time.monotonic() - started,
            complete=run.complete,
        )


def _steps(settings: Settings) -> int:
    """Feature rows that the model looks at; one where there is no model here, or none that can be read."""
    name = settings.model_name
    try:
        pointer = store.pointer(settings, name, settings.model_alias)
        version = settings.model_version or ("" if pointer is None else pointer.version)
        return store.describe(settings, name, version).steps if version else 1
    except TapeledgerError as error:
        _logger.warning("the bars before the first day are those of a model of one row: %s", error)
        return 1


class _Run:
    """One run of a feed, with its counts."""

    def __init__(
        self,
        settings: Settings,
        symbols: tuple[str, ...],
        planned: Plan,
        pace: Pace,
        stopped: Callable[[], bool],
        progress: Callable[[Progress], None],
    ) -> None:
        self._settings = settings
        self._symbols = symbols
        self._planned = planned
        self._pace = pace
        self._stopped = stopped
        self._progress = progress
        self.skipped = self.bars = self.ticks = 0
        self.complete = False

    def run(self) -> None:
        standing = patiently(lambda: Standing.read(self._settings, self._symbols), self._stopped)
        left = self._planned.after(standing.times())
        self.skipped = self._planned.bars - left.bars
        self._tell(max(standing.times().values(), default=None))
        publisher = Publisher(self._settings, self._stopped)
        try:
            if self._pace.lockstep:
                self._run_in_lockstep(standing, left, publisher)
            else:
                self._run_at_pace(left, publisher)
            publisher.flush()
        finally:
            publisher.close()
        self.complete = True

    def _run_in_lockstep(self, standing: Standing, left: Plan, publisher: Publisher) -> None:
        with ExitStack() as stack:
            lockstep = stack.enter_context(Lockstep(self._settings, self._stopped))
            marks = self._marks(left, stack)
            for before in standing.in_order():  # what a feed that was killed has left undone
                lockstep.wait(before)
            for tick in left.ticks:
                if self._stopped():
                    raise Stopped
                if marks is not None:
                    marks.before(tick)
                if lockstep.causes_nothing(tick.symbol, tick.bar is not None):
                    publisher.send(tick)
                else:
                    published = publisher.send_and_wait(tick)
                    with metrics.feed_lockstep_wait_seconds.time():
                        lockstep.wait(published)
                self._count(tick.bar is not None, tick.market_time_us)

    def _marks(self, left: Plan, stack: ExitStack) -> FeedMarks | None:
        if not self._settings.feed_marks:
            return None
        marks = stack.enter_context(closing(FeedMarks(self._settings, self._stopped)))
        coming = set(left.ticks)
        marks.passed(tick for tick in self._planned.ticks if tick not in coming)
        return marks

    def _run_at_pace(self, left: Plan, publisher: Publisher) -> None:
        started = time.monotonic()
        for index, tick in enumerate(left.ticks):
            if self._pace.speed is not None:
                due = (tick.market_time_us - left.ticks[0].market_time_us) / 1e6 / self._pace.speed
            else:
                assert self._pace.bars_per_second is not None, "a pace is a speed or bars per second"
                due = index / 4 / self._pace.bars_per_second
            while not self._stopped() and (delay := started + due - time.monotonic()) > 0:
                time.sleep(min(delay, _TURN_S))
            if self._stopped():
                raise Stopped
            publisher.send(tick)
            self._count(tick.bar is not None, tick.market_time_us)

    def _count(self, completes_bar: bool, market_time_us: int) -> None:
        self.ticks += 1
        metrics.feed_ticks_published_total.inc()
        if completes_bar:
            self.bars += 1
            self._tell(market_time_us)

    def _tell(self, market_time_us: int | None) -> None:
        done = self.skipped + self.bars
        self._progress(Progress(bars_done=done, bars_total=self._planned.bars, market_time_us=market_time_us))
