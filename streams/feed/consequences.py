"""What a tick causes, and how much of it has reached the tapes: the bookkeeping of the lockstep feed. Pure.

A tick is done with when
1. the signal of a tick that completes a bar is on `trading.signals`,
2. the ledger has its verdict on the command that the strategy's rule makes of that signal,
3. every order that is open on the symbol, and active at that tick, was evaluated up to it by the engine, and
   `ledger.events` shows all that the engine reported of it,
4. the venue has answered what was asked of it for other orders of a group because of what happened at the tick: a
   cancel, a smaller quantity. An answer needs no tick. (What somebody asks for by hand, nobody waits for.)
An order that waits for its parent is not at the venue: it counts from its activation on.
Boundaries: live events only, given in each tape's order; the two tapes may run ahead of each other.
Verification: tests/streams/feed/test_consequences.py.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from domain.events import (
    TERMINAL,
    CommandRejected,
    LinkedOrder,
    OrderAccepted,
    OrderAcknowledged,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderGroupAccepted,
    OrderGroupRejected,
    OrderRedispatched,
    OrderRefusedByVenue,
    OrderRejected,
    OrderReplaced,
    OrderReplaceRefused,
    OrderTerms,
    OrderTriggered,
    ReportRejected,
)
from domain.folds.links import FIRST_EPOCH
from domain.follower import Follower
from domain.market import Tick, TickRef
from domain.reports import ReportBreak, ReportBreakResolved
from domain.signals import SignalGenerated
from streams.codec import Cause

_EARLY_MAX = 10_000
_OUTSIDERS = frozenset({"EPOCH_STALE", "EPOCH_UNKNOWN"})  # reports of workers whose count is not the one waited for
_OF_BREAKS = frozenset({ReportBreak.__name__, ReportBreakResolved.__name__})  # no worker counts them


class Watermark(msgspec.Struct, frozen=True, kw_only=True):
    """The engine's word on one order: its symbol's ticks are evaluated up to `offset` of `partition`, included, and
    `reports` reports were made of it under dispatch epoch `epoch`, all of them acknowledged by Kafka.
    """

    partition: int
    offset: int
    reports: int
    epoch: int


class Published(NamedTuple):
    """A tick and its place on `market.ticks`."""

    tick: Tick
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"the tick of {self.tick.symbol} at market.ticks/{self.partition} offset {self.offset}"


class _Open:
    """An order that is not done. reports: ids of those that the tape shows under the current epoch.

    epoch: 0 while it waits for its parent. asked: what its group asks of the venue, which has not answered: `cancel` or
    the revision of a smaller order.
    """

    def __init__(self, order: OrderTerms, epoch: int) -> None:
        self.symbol = order.symbol
        self.active_from_us = order.active_from_us
        self.active_after = order.active_after
        self.epoch = epoch
        self.reports: set[str] = set()
        self.asked: Literal["cancel"] | int | None = None

    def active_at(self, at: Published) -> bool:
        if not self.epoch:
            return False
        if self.active_from_us is not None and at.tick.market_time_us <= self.active_from_us:
            return False
        after: TickRef | None = self.active_after
        return after is None or (at.partition == after.partition and at.offset > after.offset)


class Consequences:
    """Fold of both tapes. follower: the strategy's rule, with no signal folded yet."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._newest_signal: dict[str, tuple[int, int]] = {}
        self._undecided: dict[str, str] = {}  # command id -> symbol
        self._early: OrderedDict[str, None] = OrderedDict()  # verdicts whose signal was not seen yet
        self._open: dict[str, _Open] = {}

    def on_signal(self, event: Any, cause: Cause) -> None:
        """Fold an event of `trading.signals`."""
        if not isinstance(event, SignalGenerated) or event.requested_by_id is not None:
            return
        self._newest_signal[event.symbol] = (cause.partition, cause.offset)
        command = self._follower.decide(event)
        if command is None:
            return
        if command.command_id in self._early:
            del self._early[command.command_id]
        else:
            self._undecided[command.command_id] = event.symbol

    def on_ledger_event(self, event: Any) -> None:
        """Fold an event of `ledger.events`."""
        match event:
            case OrderAccepted():
                self._open[event.order.order_id] = _Open(event.order, event.dispatch_epoch)
                self._decided(event.command_id)
            case OrderGroupAccepted():
                for leg, terms in enumerate(event.orders):
                    waits = leg > 0 and event.kind != "OCO"
                    self._open[terms.order_id] = _Open(terms, 0 if waits else event.dispatch_epoch)
                self._decided(event.command_id)
            case OrderRejected() | OrderGroupRejected() | CommandRejected():
                self._decided(event.command_id)
            case OrderRedispatched():
                self._redispatched(event)
            case OrderFilled() | OrderReplaced() if event.status in TERMINAL:
                self._open.pop(event.order_id, None)
            case OrderCanceled() | OrderExpired() | OrderRefusedByVenue():
                self._open.pop(event.order_id, None)
            case ReportRejected() if event.code in _OUTSIDERS or event.report_type in _OF_BREAKS:
                pass
            case OrderReplaced() | OrderReplaceRefused():
                self._answered(event.order_id, event.revision)
                self._reported(event.order_id, event.report_id)
            case OrderAcknowledged() | OrderTriggered() | OrderFilled() | ReportRejected():
                self._reported(event.order_id, event.report_id)
        for link in getattr(event, "linked", ()):
            self._linked(link)

    def has_open(self, symbol: str) -> bool:
        """Whether anything of that symbol is undecided or open: if not, a tick that completes no bar causes nothing."""
        return symbol in self._undecided.values() or any(order.symbol == symbol for order in self._open.values())

    def awaited_orders(self, at: Published) -> list[str]:
        """The open orders that the engine must evaluate at this tick, whose watermarks `missing` wants."""
        return [
            order_id for order_id, order in self._open.items() if order.symbol == at.tick.symbol and order.active_at(at)
        ]

    def missing_verdict(self, at: Published) -> str | None:
        """What the tapes do not show yet of points 1, 2 and 4, in words; None when they show all."""
        symbol = at.tick.symbol
        if at.tick.bar is not None:
            newest = self._newest_signal.get(symbol)
            if newest is None or newest < (at.partition, at.offset):
                return f"the signal of {at} on trading.signals"
        for order_id, order in self._open.items():
            if order.asked is not None:
                what = "cancel" if order.asked == "cancel" else f"revision {order.asked}"
                return f"the venue's answer to the {what} of order {order_id} on ledger.events"
        for command_id, undecided in self._undecided.items():
            if undecided == symbol:
                return f"the ledger's verdict on command {command_id} ({symbol}) on ledger.events"
        return None

    def missing(self, at: Published, watermarks: Mapping[str, Watermark]) -> str | None:
        """What has not happened yet of all points, in words; None when the tick is done with."""
        verdict = self.missing_verdict(at)
        if verdict is not None:
            return verdict
        for order_id in self.awaited_orders(at):
            order, mark = self._open[order_id], watermarks.get(order_id)
            if mark is None or mark.partition != at.partition or mark.offset < at.offset:
                return f"the engine's evaluation of order {order_id} at {at}"
            if mark.epoch != order.epoch:
                return f"the engine's evaluation of order {order_id} under dispatch epoch {order.epoch} at {at}"
            if len(order.reports) < mark.reports:
                return f"report {len(order.reports) + 1} of {mark.reports} of order {order_id} on ledger.events"
        return None

    def _decided(self, command_id: str) -> None:
        if self._undecided.pop(command_id, None) is None:
            self._early[command_id] = None
            if len(self._early) > _EARLY_MAX:
                self._early.popitem(last=False)

    def _reported(self, order_id: str, report_id: str) -> None:
        order = self._open.get(order_id)
        if order is not None:
            order.reports.add(report_id)

    def _linked(self, link: LinkedOrder) -> None:
        """What an event means for another order of the group."""
        order = self._open.get(link.order_id)
        if order is None:
            return
        match link.effect:
            case "ACTIVATED":
                order.epoch = FIRST_EPOCH
            case "REDUCED":
                order.asked = link.revision
            case "CANCEL_REQUESTED":
                order.asked = "cancel"
            case "CANCELED":
                del self._open[link.order_id]

    def _answered(self, order_id: str, revision: int) -> None:
        order = self._open.get(order_id)
        if order is not None and order.asked == revision:
            order.asked = None

    def _redispatched(self, event: OrderRedispatched) -> None:
        order = self._open.get(event.order_id)
        if order is not None:
            order.epoch = event.dispatch_epoch
            order.reports = set()
