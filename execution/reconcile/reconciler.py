"""The loop: on start and every few seconds the venue's records are compared with the ledger's.

It asks and says; it holds nothing that another worker could not find again. A server that is away pauses it and nothing
else: trading goes on.
Verification: tests/execution/reconcile; against a scripted broker tests/execution/alpaca/test_reconcile.py.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Mapping
from typing import Literal, NamedTuple

import psycopg
import redis.asyncio
from confluent_kafka import KafkaException
from redis.exceptions import RedisError

from domain.breaks import BREAKS, is_of_execution
from domain.errors import UnavailableError
from execution.paper import PaperVenue
from execution.readside import LedgerEnds
from execution.reconcile import picture, words
from execution.reconcile.compare import Difference, VenueSide, compare
from execution.reconcile.lease import Lease
from execution.reconcile.paper import PaperBooks
from execution.reconcile.picture import Clock, OnRecord, Picture
from execution.reconcile.suspicions import Look, Suspicions, Verdict
from execution.reports import Sender
from execution.venue import Reconcilable, Venue
from runtime import metrics
from runtime.clock import now_us
from runtime.settings import Settings
from streams.auditlog import intake

log = logging.getLogger(__name__)
_LEASE_ROUNDS = 3
_OVERLAP_S = 60.0
_FULL_EVERY_S = 300.0
_SOURCE = "engine"
_AWAY = (UnavailableError, RedisError, psycopg.Error, KafkaException, OSError, TimeoutError)
Outcome = Literal["done", "left", "paused"]


class Counterpart(NamedTuple):
    """What the ledger is compared with. name: the venue's, as it stands in the books."""

    name: str
    books: Reconcilable
    clock: Clock


def counterpart(settings: Settings, venue: Venue, client: redis.asyncio.Redis) -> Counterpart | None:
    """Where a venue's records are; None for a venue that has none."""
    if isinstance(venue, PaperVenue):
        return Counterpart(venue.name, PaperBooks(settings, client, venue.name), "recorded_at")
    return Counterpart(venue.name, venue, "market_time") if isinstance(venue, Reconcilable) else None


class Reconciler:
    """run() for ever, in a worker. Raises nothing that a server or a venue that is away could cause."""

    def __init__(
        self, settings: Settings, against: Counterpart, client: redis.asyncio.Redis, sender: Sender, worker_id: str
    ) -> None:
        self._settings = settings
        self._against = against
        self._sender = sender
        self._worker_id = worker_id
        self._lease = Lease(client, round(_LEASE_ROUNDS * settings.reconcile_every_s * 1_000))
        self._suspicions = Suspicions(settings.reconcile_grace_s)
        self._times: dict[str, int] = {}
        self._compared_us: int | None = None
        self._full_us = 0
        self._done_at_s = math.nan
        self._ends = LedgerEnds(settings)
        self._is_away = False

    async def run(self) -> None:
        """Compare at once, and then again and again."""
        metrics.reconciliation_age_seconds.set_function(lambda: time.monotonic() - self._done_at_s)
        while True:
            metrics.reconciliation_rounds_total.labels(await self.round()).inc()
            await asyncio.sleep(self._settings.reconcile_every_s)

    async def round(self) -> Outcome:
        """One comparison, if it is ours to make."""
        try:
            if not await self._lease.hold():
                self._forget()
                return "left"
            await self._compare()
        except _AWAY as error:
            if not self._is_away:
                log.warning("reconciliation is paused, trading goes on: %s", error)
            self._is_away = True
            return "paused"
        if self._is_away:
            log.info("reconciliation goes on")
        self._is_away = False
        self._done_at_s = time.monotonic()
        return "done"

    async def leave(self) -> None:
        """Let another worker compare. Raises redis' own errors."""
        self._forget()
        await self._lease.leave()

    async def _compare(self) -> None:
        began_us = now_us()
        since_us = self._since_us(began_us)
        books = self._against.books
        venue = VenueSide(await books.open_orders(), await books.executions(since_us))
        # In this order: an order that the venue has was on the tape before, so it is before the end that is read now.
        ends = await asyncio.to_thread(self._ends.read)
        ledger = await asyncio.to_thread(
            picture.read,
            self._settings,
            self._against.name,
            self._against.clock,
            since_us,
            {order.order_id for order in venue.orders} | {one.order_id for one in venue.executions},
            {one.execution_id for one in venue.executions},
        )
        differences = compare(ledger.ledger, venue)
        self._remember(differences, ledger.open)
        verdict = self._suspicions.look(
            Look(
                time.monotonic(),
                began_us,
                ends,
                ledger.progress,
                differences,
                frozenset(ledger.open),
                frozenset(self._judged(ledger, since_us)),
            )
        )
        _show(ledger.open)
        await self._say(verdict, ledger)
        self._compared_us = began_us

    def _since_us(self, at_us: int) -> int:
        """From when on executions are asked for: the last comparison, less what may come late, and all that differs.

        Every five minutes from as far back as at the start: a venue may put an execution on its records late.
        """
        farthest_us = at_us - self._settings.reconcile_lookback_s * 1_000_000
        if self._compared_us is None or at_us - self._full_us >= _FULL_EVERY_S * 1_000_000:
            self._full_us = at_us
            return farthest_us
        overlap_us = round((self._settings.reconcile_grace_s + _OVERLAP_S) * 1_000_000)
        return max(farthest_us, min([self._compared_us - overlap_us, *self._times.values()]))

    def _remember(self, differences: Mapping[str, Difference], is_open: Mapping[str, OnRecord]) -> None:
        """Of what differs, or did and is on record: when it was executed, so that it stays among what is asked for."""
        wanted = differences.keys() | is_open.keys()
        self._times = {break_id: at_us for break_id, at_us in self._times.items() if break_id in wanted}
        for break_id, difference in differences.items():
            if difference.at_us is not None:
                self._times[break_id] = difference.at_us

    def _judged(self, ledger: Picture, since_us: int) -> set[str]:
        """Open breaks of which this look can say that they are no more."""
        return {
            break_id
            for break_id, known in ledger.open.items()
            if not is_of_execution(known.kind)
            or self._times.get(break_id, since_us - 1) >= since_us
            or (known.kind == "EXECUTION_MISSING_IN_LEDGER" and known.execution_id in ledger.ledger.fills)
        }

    async def _say(self, verdict: Verdict, ledger: Picture) -> None:
        times = await asyncio.to_thread(picture.times_found, self._settings, verdict.found.keys())
        actions = []
        for break_id, (difference, seen_at_us) in verdict.found.items():
            before = times.get(break_id, 0)
            log.error(
                "break %s: the ledger has %s, the venue has %s",
                difference.kind,
                difference.expected,
                difference.actual,
                extra={"order_id": difference.order_id, "symbol": difference.symbol, "break_id": break_id},
            )
            if difference.account_id is None:
                actions.append(words.found_of_nobody(difference, self._against.name, before))
            else:
                about = (difference.account_id, self._against.name, self._worker_id, seen_at_us, before)
                self._sender.send(words.found(difference, *about), None, _nothing)
        for known in (ledger.open[break_id] for break_id in verdict.resolved):
            log.info("break %s is resolved", known.kind, extra={"order_id": known.order_id, "break_id": known.break_id})
            if known.account_id is None:
                actions.append(words.resolved_of_nobody(known))
            else:
                self._sender.send(words.resolved(known, known.account_id, self._worker_id), None, _nothing)
        if actions:
            await asyncio.to_thread(intake.send, self._settings, actions, _SOURCE)

    def _forget(self) -> None:
        """Another worker compares: when it is ours again, it is from the beginning."""
        self._suspicions = Suspicions(self._settings.reconcile_grace_s)
        self._times, self._compared_us, self._done_at_s = {}, None, math.nan
        _show({})


def _show(is_open: Mapping[str, OnRecord]) -> None:
    kinds = [known.kind for known in is_open.values()]
    for kind in BREAKS:
        metrics.reconciliation_breaks.labels(kind).set(kinds.count(kind))


def _nothing() -> None:
    """A report of a break is of no order that waits for Kafka's word on it."""
