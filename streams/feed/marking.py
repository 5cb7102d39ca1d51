"""The feed's marks in a lockstep replay: each price is on every ledger's input before its tick is on the market.

So an order that is derived from a tick finds the mark of that tick in front of it, in every run. Which prices are told
depends on the plan alone, symbol by symbol: after a kill one at most is told again, which no ledger takes twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from domain.market import Tick
from domain.world import MarkedPrice
from runtime.settings import Settings
from streams.marks.book import MarkBook
from streams.marks.sender import MarkSender


class FeedMarks:
    """Wall time plays no part: `marks_every_ms` does not count here. stopped: asked while waiting for Kafka."""

    def __init__(self, settings: Settings, stopped: Callable[[], bool]) -> None:
        self._book = MarkBook(settings.marks_move_bps)
        self._sender = MarkSender(settings)
        self._stopped = stopped

    def passed(self, ticks: Iterable[Tick]) -> None:
        """These are on the market already, and so were told."""
        for tick in ticks:
            self._book.take(_marked(tick))
            self._book.due()

    def before(self, tick: Tick) -> None:
        """Tell the price of a tick that comes next, and return when Kafka has it. Raises UnavailableError."""
        self._book.take(_marked(tick))
        due = self._book.due()
        if due:
            self._sender.send(due)
            self._sender.flush(self._stopped)

    def close(self) -> None:
        self._sender.close()


def _marked(tick: Tick) -> MarkedPrice:
    """Without the tick's place, which it does not have yet."""
    return MarkedPrice(symbol=tick.symbol, price=tick.price, market_time_us=tick.market_time_us)
